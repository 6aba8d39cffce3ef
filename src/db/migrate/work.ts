import type pg from 'pg'
import { readReturned } from '../adopt/returned.ts'
import { MIGRATIONS } from '../schema.ts'
import { type ForeignGrant, foreignGrants } from './grants.ts'
import { assertSound, readHistory, statusesOf } from './history.ts'
import { invalidIndexes, type Rebuild } from './indexes.ts'
import { choose, type MigrationTarget } from './plan.ts'

/** What `up` has to do. */
interface Work {
  pending: string[]
  /** The pending migrations up to the target. */
  chosen: string[]
  invalid: Rebuild[]
  foreign: ForeignGrant[]
  returned: Awaited<ReturnType<typeof readReturned>>
  /** True if the history table has all its columns. */
  complete: boolean
}

export async function readWork(
  client: pg.Client,
  schema: string,
  target: MigrationTarget = {},
): Promise<Work> {
  const { applied, complete } = await readHistory(client, schema)
  const statuses = await statusesOf(applied)
  assertSound(statuses)
  const of = (state: string) =>
    statuses.filter((status) => status.state === state).map(({ name }) => name)
  const pending = of('pending')
  const invalid = await invalidIndexes(client, schema, of('applied'))
  const foreign = (await foreignGrants(client, schema)).filter(({ revocable }) => revocable)
  const returned = of('applied').includes(MIGRATIONS[0]) ? await readReturned(client, schema) : []
  return { pending, chosen: choose(pending, target), invalid, foreign, returned, complete }
}
