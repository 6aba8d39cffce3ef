import * as d from '../db/query/decode.ts'
import { query } from '../db/query/query.ts'
import { raw, type Sql, sql } from '../db/query/sql.ts'
import { WfstoreError } from '../error.ts'
import { newestRunWords } from './newest-run-words.ts'
import type { CleanupPlace, CleanupStore } from './place.ts'
import { inSnapshot, type Planned } from './snapshot.ts'
import { CUTOFF, goes } from './tables.ts'
import type { CleanupCounts } from './types.ts'

const shape = { startTime: d.time(), serverTime: d.time() }

/**
 * A cleanup that removes the newest finished run would leave no run, or only unfinished ones: the clock of the server or the
 * cutoff is probably wrong. Runs that start in the future do not count, because the clock of their engine is wrong.
 */
const statement = (keepLast: boolean, newest: Sql): Sql => sql`
  select ${raw(d.selectList(shape, 'n'))} from (
    select e.start_time, now() as server_time from (${newest}) as e
    where e.start_time < ${raw(CUTOFF)} and ${raw(goes('e', keepLast))}) as n`

const NEWEST = sql`select * from workflow_executions where status <> 'running' and start_time <= now()
  order by start_time desc, execution_id desc limit 1`

/** What to read at each place: the shards of a distributed store do not know which of their runs is the newest of all. */
export async function newestRunReader(
  { client, places }: CleanupStore,
  keepLast: boolean,
): Promise<(place: CleanupPlace) => Promise<NewestRun>> {
  let newest = NEWEST
  if (places.some(({ layout }) => layout === 'distributed')) {
    const [found] = await query(client, sql`select n.execution_id as id from (${NEWEST}) as n`, {
      id: d.uuid(),
    })
    newest = sql`select * from workflow_executions where execution_id = ${found?.id ?? null}::uuid`
  }
  return async ({ on }) => (await query(on, statement(keepLast, newest), shape))[0] ?? null
}

type NewestRun = CleanupCounts['newestRun']

/**
 * Counts rows only if the newest run is old enough to be removed.
 * @throws WfstoreError conflict if the newest run would be removed
 */
export async function assertKeepsNewestRun(
  store: CleanupStore,
  planned: Planned,
  count: () => Promise<CleanupCounts>,
): Promise<void> {
  const read = await newestRunReader(store, planned.keepLast !== undefined)
  const found = await inSnapshot(store, planned, read)
  if (found.every((run) => run === null)) return
  const counts = await count()
  const words = newestRunWords(counts)
  if (words === undefined) return
  throw new WfstoreError('conflict', words, {
    hint: 'nothing was removed; if the clock and the cutoff are right, use `allowAll`',
  })
}
