import * as d from '../../db/query/decode.ts'
import type { Run } from '../../db/query/query.ts'
import { sql } from '../../db/query/sql.ts'

const totalsShape = {
  runs: d.count(),
  /** Runs that wait for more spans. */
  runsOpen: d.count(),
  steps: d.count(),
  /** Steps without a price; their cost is not in the total. */
  stepsUnpriced: d.count(),
  totalTokens: d.total(),
  totalCost: d.amount(),
}
/** What the runs of some traces add up to, without runs that an engine records itself. */
export type TraceTotals = d.RowOf<typeof totalsShape>

/** @param traces ids as UUIDs */
export async function traceTotals(run: Run, traces: readonly string[]): Promise<TraceTotals> {
  const [totals] = await run(
    sql`with runs as (
      select e.execution_id, e.status, e.total_tokens, e.total_cost from workflow_executions e
      join wfstore_traces t on t.trace_id = e.execution_id
      where t.trace_id = any(${traces}::uuid[]) and t.state <> 'recorded'
    ), steps as (
      select count(*) as steps, count(*) filter (where s.cost_source = 'unpriced') as steps_unpriced
      from runs join workflow_steps s using (execution_id)
    )
    select count(*) as runs, count(*) filter (where status = 'running') as runs_open, (select steps from steps), (select steps_unpriced from steps),
      coalesce(sum(total_tokens), 0) as total_tokens, coalesce(sum(total_cost), 0) as total_cost from runs`,
    totalsShape,
  )
  return totals as TraceTotals
}
