import type pg from 'pg'
import * as d from '../db/query/decode.ts'
import { query } from '../db/query/query.ts'
import { WfstoreError } from '../error.ts'
import { newestRunWords } from './newest-run-words.ts'
import { inSnapshot, type Planned } from './snapshot.ts'
import { CUTOFF, goes } from './tables.ts'
import type { CleanupCounts } from './types.ts'

const shape = { startTime: d.time(), serverTime: d.time() }

/**
 * A cleanup that removes the newest finished run would leave no run, or only unfinished ones: the clock of the server or the
 * cutoff is probably wrong. Runs that start in the future do not count, because the clock of their engine is wrong.
 */
const statement = (keepLast: boolean): string => `
  select ${d.selectList(shape, 'n')} from (
    select e.start_time, now() as server_time from (
      select * from workflow_executions where status <> 'running' and start_time <= now()
      order by start_time desc, execution_id desc limit 1
    ) as e where e.start_time < ${CUTOFF} and ${goes('e', keepLast)}) as n`

/** Inside a transaction with the settings of a cleanup. @returns null if the cleanup keeps the newest finished run */
export async function readNewestRun(
  client: pg.ClientBase,
  keepLast: boolean,
): Promise<CleanupCounts['newestRun']> {
  const [row] = await query(client, statement(keepLast), shape)
  return row ?? null
}

/**
 * Counts rows only if the newest run is old enough to be removed.
 * @throws WfstoreError conflict if the newest run would be removed
 */
export async function assertKeepsNewestRun(
  client: pg.ClientBase,
  planned: Planned,
  count: () => Promise<CleanupCounts>,
): Promise<void> {
  const read = () => readNewestRun(client, planned.keepLast !== undefined)
  if ((await inSnapshot(client, planned, read)) === null) return
  const counts = await count()
  const words = newestRunWords(counts)
  if (words === undefined) return
  throw new WfstoreError('conflict', words, {
    hint: 'nothing was removed; if the clock and the cutoff are right, use `allowAll`',
  })
}
