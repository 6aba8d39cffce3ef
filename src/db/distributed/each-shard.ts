import type pg from 'pg'
import type { Queryable } from '../query/connection.ts'
import { literal } from '../query/sql.ts'
import { onShards, shardOf, shardsOf } from './at.ts'
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

/**
 * The text of these statements, which change rows. For a distributed store it sends them to each group of shards, where they are
 * statements of one server.
 */
export async function fixText(
  client: pg.Client,
  { layout }: { layout: Layout },
  statements: readonly string[],
): Promise<string> {
  if (layout === 'single') return statements.join('; ')
  const runs = await shardsOf(client)
  const call = (run: string, text: string) =>
    `select wfstore_at(${literal(run)}, ${literal(onShards(text))}, '{}')`
  const texts = statements.map((statement) => {
    const [, name, value = ''] = /^(?:re)?set ([\w.]+)(?: = '(\w+)')?$/.exec(statement) ?? []
    return name
      ? `select set_config('${name}', '${value}', true) as is_set`
      : `with changed as (${statement} returning 1) select count(*) as changed from changed`
  })
  return runs
    .flatMap((run) => ['begin', ...texts.map((text) => call(run, text)), 'commit'])
    .join('; ')
}
