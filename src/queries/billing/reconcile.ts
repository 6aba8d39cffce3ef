import * as d from '../../db/query/decode.ts'
import type { Run } from '../../db/query/query.ts'
import { empty, raw, type Sql, sql } from '../../db/query/sql.ts'
import { name } from '../../tables/column.ts'
import { and, equals, where } from '../table/filter.ts'
import { endOf, startOf } from './periods.ts'
import { type BillingScope, scopeOf } from './summary.ts'

/**
 * Differences between bills and runs:
 * - `unbilled`: a run that ended in the period has no bill
 * - `differs`: the bills of a run, including corrections and later bills, do not match the run
 * - `no_run`: a bill names no run
 * - `run_gone`: the run of a bill does not exist; no fault, because cleanup removes runs and keeps bills
 * - `corrected`: the bills of a run match the run and its corrections, which have a reason; no fault
 */
export type DifferenceKind = 'unbilled' | 'differs' | 'no_run' | 'run_gone' | 'corrected'

/** Costs are US dollars as exact decimals. */
const differenceShape = {
  kind: d.text() as d.Field<DifferenceKind>,
  executionId: d.nullable(d.uuid()),
  /** Its first bill; null without a bill. */
  billingId: d.nullable(d.uuid()),
  userId: d.text(),
  modelId: d.text(),
  /** Null without a run. */
  runCost: d.nullable(d.amount()),
  billedCost: d.amount(),
  /** Billed cost minus cost of the run; null without a run. */
  costDifference: d.nullable(d.amount('(r.billed_cost - r.run_cost)')),
  runTokens: d.nullable(d.total()),
  billedTokens: d.total(),
}
export type BillDifference = d.RowOf<typeof differenceShape>

const countShape = {
  kind: d.text() as d.Field<DifferenceKind>,
  count: d.count(),
  /** Billed cost minus cost of the runs. */
  costDifference: d.nullable(d.amount()),
}
export type DifferenceCount = d.RowOf<typeof countShape>

/** The bills of all periods of each run with a bill in this period, and the runs that ended in it without a bill. */
function differences(scope: BillingScope): Sql {
  const { period, userId } = scope
  const ofUser = userId === undefined ? empty : and([equals('e.user_id', name)('userId', userId)])
  return sql`with own as materialized (
    select billing_id, execution_id, user_id, model_id, cost, tokens_total from billing_records ${where(scopeOf(scope))}
  ), billed as (
    select b.execution_id, (array_agg(b.billing_id order by b.corrects is not null, b.timestamp, b.billing_id))[1] as billing_id,
           sum(b.cost) as cost, sum(b.tokens_total) as tokens, min(b.user_id) as user_id, min(b.model_id) as model_id,
           coalesce(sum(b.cost) filter (where b.corrects is not null and b.metadata ? 'reason' and not b.metadata ? 'step_id'), 0) as corrected
    from billing_records b where b.execution_id in (select execution_id from own) group by b.execution_id
  ), r as (
    select case when e.execution_id is null then 'run_gone'
                when (e.total_cost + b.corrected, e.total_tokens) is not distinct from (b.cost, b.tokens) then 'corrected'
                else 'differs' end as kind, b.execution_id, b.billing_id,
           b.user_id, b.model_id, e.total_cost as run_cost, b.cost as billed_cost, e.total_tokens as run_tokens,
           b.tokens as billed_tokens
    from billed b left join workflow_executions e on e.execution_id = b.execution_id
    where (e.total_cost, e.total_tokens) is distinct from (b.cost, b.tokens)
    union all
    select 'no_run', null, billing_id, user_id, model_id, null, cost, null, tokens_total from own where execution_id is null
    union all
    select 'unbilled', e.execution_id, null, e.user_id, e.model_id, e.total_cost, 0, e.total_tokens, 0
    from workflow_executions e, (select ${period}::text as month) as asked
    where e.end_time >= ${raw(startOf('asked.month'))} and e.end_time < ${raw(endOf('asked.month'))}
      and e.start_time < ${raw(endOf('asked.month'))} ${ofUser}
      and not exists (select from billing_records b where b.execution_id = e.execution_id)
  )`
}

const ORDER = `array_position(array['unbilled', 'differs', 'no_run', 'run_gone', 'corrected'], r.kind)`

/**
 * All differences between the bills of a period and their runs, faults first.
 * @throws WfstoreError usage
 */
export function reconcile(run: Run, scope: BillingScope): Promise<BillDifference[]> {
  return run(
    sql`${differences(scope)} select ${raw(d.selectList(differenceShape, 'r'))} from r
     order by ${raw(ORDER)}, r.user_id, r.execution_id, r.billing_id`,
    differenceShape,
  )
}

/** The number of differences of each kind. @throws WfstoreError usage */
export function countDifferences(run: Run, scope: BillingScope): Promise<DifferenceCount[]> {
  return run(
    sql`${differences(scope)} select r.kind, count(*) as count, sum(r.billed_cost - r.run_cost) as cost_difference from r
     group by r.kind order by ${raw(ORDER)}`,
    countShape,
  )
}
