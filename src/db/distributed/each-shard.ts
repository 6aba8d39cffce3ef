import type pg from 'pg'
import type { Queryable } from '../query/connection.ts'
import { shardOf, shardsOf } from './at.ts'
import type { Layout } from './layout.ts'

/** What the work gives on each group of shards; of a store on one server, on its tables. */
export async function onEachShard<T>(
  client: pg.Client,
  { layout }: { layout: Layout },
  work: (database: Queryable) => Promise<T>,
): Promise<T[]> {
  if (layout === 'single') return [await work(client)]
  const found: T[] = []
  for (const run of await shardsOf(client)) found.push(await work(shardOf(client, run)))
  return found
}

export const sumOf = <Name extends string>(reports: readonly Record<Name, number>[], name: Name) =>
  reports.reduce((sum, report) => sum + report[name], 0)
