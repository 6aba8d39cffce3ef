import { MIGRATIONS } from '../../src/db/schema.ts'

// A new migration changes no test that only lists them all.

const [first, ...later] = MIGRATIONS
/** '001_tables' */
export const FIRST = first
export const LATER: readonly string[] = later
export const NEWEST = MIGRATIONS.at(-1) as string

/** '001_tables, 002_indexes, …', as the commands list them. */
export const ALL_NAMED = MIGRATIONS.join(', ')
export const LATER_NAMED = later.join(', ')
