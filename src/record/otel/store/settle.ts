import * as d from '../../../db/query/decode.ts'
import type { InTransaction } from '../../../db/query/isolation.ts'
import { type Bound, sql } from '../../../db/query/sql.ts'
import { LOCK_THESE } from './due.ts'
import { groupsOf } from './places.ts'
import { BATCH, reconcile } from './reconcile.ts'
import type { ReconcileOptions } from './work.ts'

/** Another session has a trace only for the time of a transaction. */
const TRIES = 3

/**
 * Writes given traces, also if they are due later, and ends those that are complete. No other trace is touched. A trace that another
 * session has locked each time is left to it.
 * @param traces their ids as UUIDs
 * @param progress called with the number of traces that are done
 * @returns the number of traces that could not be written; they are tried again later
 */
export async function settleThese(
  inTransaction: InTransaction,
  options: ReconcileOptions,
  traces: readonly string[],
  progress: (done: number) => void = () => {},
): Promise<number> {
  let failed = 0
  let done = 0
  let open: readonly string[] = [...traces].sort()
  for (let tries = 0; tries < TRIES && open.length > 0; tries++) {
    for (const group of await groupsOf(inTransaction, open))
      for (let at = 0; at < group.length; at += BATCH) {
        const these = group.slice(at, at + BATCH)
        const { outcomes } = await reconcile(inTransaction, options, {
          ...LOCK_THESE({ ...options, traces: these }),
          ...(these[0] === undefined ? {} : { run: these[0] }),
        })
        failed += outcomes.filter((outcome) => outcome === 'failed').length
        done += these.length
        if (tries === 0) progress(done)
      }
    open = await stillDue(inTransaction, open)
  }
  return failed
}

/** Those that are due and not written yet. It waits for the sessions that have locked them. */
async function stillDue(
  inTransaction: InTransaction,
  traces: readonly string[],
): Promise<string[]> {
  const of = (ids: readonly string[]): Bound => sql`select trace_id from wfstore_traces
    where trace_id = any(${ids}::uuid[]) and error is null and due_at <= statement_timestamp() + interval '1 second'
    order by trace_id for no key update`
  const { text, values } = of(traces)
  const rows = await inTransaction((run) =>
    run({ text, values, runs: { ids: traces, of } }, { traceId: d.uuid() }),
  )
  return rows.map(({ traceId }) => traceId).sort()
}
