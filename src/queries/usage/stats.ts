import { byLayout, perRun } from '../../db/distributed/by-layout.ts'
import type { Layout } from '../../db/distributed/layout.ts'
import * as d from '../../db/query/decode.ts'
import type { Run } from '../../db/query/query.ts'
import { empty, raw, type Sql, sql } from '../../db/query/sql.ts'
import { text } from '../../tables/column.ts'
import { timeBetween } from '../../tables/executions.ts'
import { equals, type OneOrMore, where } from '../table/filter.ts'

const statsShape = {
  totalExecutions: d.count(),
  runningExecutions: d.count(),
  successfulExecutions: d.count(),
  failedExecutions: d.count(),
  /** US dollars: totalCostExact as a number. */
  totalCost: d.number('t.total_cost'),
  totalTokens: d.total(),
  totalAuditLogs: d.count(),
  /** Milliseconds from start to end, the average of ended runs; 0 without ended runs. */
  averageExecutionTime: d.number(),
  partialExecutions: d.count(),
  cancelledExecutions: d.count(),
  /** US dollars as an exact decimal. */
  totalCostExact: d.amount('t.total_cost'),
}

/** Totals of a store or of one user. They include what cleanup has removed. */
export type StoreStats = d.RowOf<typeof statsShape>

/** Live rows and removed rows, read in one statement. */
const statement = (user: Sql, layout: Layout) => sql`
with runs as (
  select status, count(*) as runs, sum(total_cost) as cost, sum(total_tokens) as tokens, count(end_time) as timed,
         sum(extract(epoch from ${raw(timeBetween('start_time', 'end_time'))}) * 1000) as duration${perRun(layout)}
  from workflow_executions e ${user} group by status${perRun(layout)}
  union all
  select status, sum(runs), sum(total_cost), sum(total_tokens), sum(timed_runs), sum(duration_ms)${perRun(layout)}
  from usage_history e ${user} group by status${perRun(layout)}
), totals as (
  select coalesce(sum(runs), 0)::bigint as total_executions,
         ${raw(['running', 'successful', 'failed', 'partial', 'cancelled'].map(counted).join(',\n         '))},
         coalesce(sum(cost), 0) as total_cost,
         coalesce(sum(tokens), 0) as total_tokens,
         coalesce(sum(duration) / nullif(sum(timed), 0), 0) as average_execution_time
  from runs
), entries as (
  select ${entriesSql(user, user, layout)}::bigint as total_audit_logs
)
select ${raw(d.selectList(statsShape, 't'))} from (select * from totals, entries) as t`

/** SQL of the number of audit entries that are kept and that are removed. */
export const entriesSql = (kept: Sql, removed: Sql, layout: Layout): Sql =>
  layout === 'single'
    ? sql`((select count(*) from audit_logs e ${kept})
         + (select coalesce(sum(e.entries), 0) from audit_history e ${removed}))`
    : sql`(select coalesce(sum(entries), 0) from (
           select count(*) as entries, e.execution_id from audit_logs e ${kept} group by e.execution_id
           union all
           select sum(e.entries), e.execution_id from audit_history e ${removed} group by e.execution_id
         ) as kept_and_removed)`

const counted = (word: string): string => {
  const status = word === 'successful' ? 'success' : word
  return `coalesce(sum(runs) filter (where status = '${status}'), 0)::bigint as ${word}_executions`
}

/**
 * Totals of live and removed runs: counts, US dollars, tokens, milliseconds.
 * @param userId of this user only, or of these (default: all users)
 * @throws WfstoreError usage if the user is not a text
 */
export async function getStats(run: Run, userId?: OneOrMore): Promise<StoreStats> {
  const user = userId === undefined ? empty : where([equals('user_id', text)('userId', userId)])
  const [stats] = await run(
    byLayout((layout) => statement(user, layout)),
    statsShape,
  )
  return stats as StoreStats
}
