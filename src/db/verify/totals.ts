import type { Queryable } from '../query/connection.ts'
import * as d from '../query/decode.ts'
import { query } from '../query/query.ts'
import { SAMPLED_RUNS } from './sample.ts'
import { COUNTS, countsShape, newest } from './unequal.ts'

const unequalShape = {
  executionId: d.uuid(),
  totalTokens: d.total(),
  stepTokens: d.total(),
  /** US dollars, exact. */
  totalCost: d.amount(),
  stepCost: d.amount(),
}
/** A run whose totals are not the sums of its steps. */
export type UnequalTotals = d.RowOf<typeof unequalShape>

const reportShape = {
  ...countsShape,
  /** The number of runs with totals and without a step that has tokens or a cost: there is nothing to compare. */
  withoutUsage: d.count(),
  /** The newest runs that differ. */
  runs: d.rows(unequalShape),
}
export type TotalsReport = d.RowOf<typeof reportShape>

const SUMS = 'sum(tokens_used) as step_tokens, sum(cost) as step_cost from workflow_steps'

const SAMPLED = `select e.*, s.* from (${SAMPLED_RUNS}) sample join workflow_executions e using (execution_id)
  cross join lateral (select ${SUMS} s where s.execution_id = e.execution_id) s`

const ALL = `select e.*, s.step_tokens, s.step_cost from workflow_executions e
  left join (select execution_id, ${SUMS} group by execution_id) s using (execution_id)`

/**
 * Compares the totals of runs with their steps: of a sample of all ages, or of all runs. A sample costs the same in a store of
 * any size. The schema is in the search path.
 */
export async function compareTotals(
  database: Queryable,
  { full }: { full: boolean },
): Promise<TotalsReport> {
  const [report] = await query(
    database,
    `with compared as materialized (
       select execution_id, start_time, total_tokens, total_cost, step_tokens, step_cost,
              coalesce(step_tokens, 0) <> 0 or coalesce(step_cost, 0) <> 0 as has_usage
       from (${full ? ALL : SAMPLED}) of_run
     ), unequal as materialized (
       select * from compared where has_usage and (total_tokens, total_cost) <> (step_tokens, step_cost)
     )
     select ${COUNTS},
       (select count(*) from compared where not has_usage and (total_tokens, total_cost) <> (0, 0)) as without_usage,
       ${newest(unequalShape, 'start_time', 'execution_id')} as runs`,
    reportShape,
  )
  return report as TotalsReport
}

/** The statement that replaces the totals of these runs by the sums of their steps. @param schema quoted, with a dot */
export const recount = (ids: readonly string[], schema = ''): string =>
  `update ${schema}workflow_executions e set (total_tokens, total_cost) = (select sum(tokens_used), sum(cost) from ${schema}workflow_steps s where s.execution_id = e.execution_id) where e.execution_id in (${ids.map((id) => `'${id}'`).join(', ')})`
