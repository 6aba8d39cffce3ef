import * as d from '../../db/query/decode.ts'
import type { Run } from '../../db/query/query.ts'
import { raw, sql } from '../../db/query/sql.ts'

const traceShape = {
  /** recorded: an engine records this run itself, so that its spans do not count. */
  state: d.word<'received' | 'running' | 'abandoned' | 'ended' | 'recorded'>(),
  firstArrival: d.time(),
  lastArrival: d.time(),
  error: d.nullable(d.text()),
}
/** The trace of a run. */
export type Trace = d.RowOf<typeof traceShape>

/** The trace of a run; undefined if it has none. */
export async function traceOf(run: Run, executionId: string): Promise<Trace | undefined> {
  const [trace] = await run(
    sql`select ${raw(d.selectList(traceShape, 't'))} from wfstore_traces t where t.trace_id = ${executionId}::uuid`,
    traceShape,
  )
  return trace
}
