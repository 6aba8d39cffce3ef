import { runOrNull } from '../../db/distributed/layout.ts'
import * as d from '../../db/query/decode.ts'
import type { Run } from '../../db/query/query.ts'
import { raw, type Sql, sql } from '../../db/query/sql.ts'
import { name } from '../../tables/column.ts'
import { and, conditionsOf, equals, where } from '../table/filter.ts'
import { monthOf } from '../table/validate.ts'
import { endOf, startOf, ZONE } from './periods.ts'
import type { BillingScope } from './summary.ts'

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
  kind: d.word<DifferenceKind>(),
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
  kind: d.word<DifferenceKind>(),
  count: d.count(),
  /** Billed cost minus cost of the runs. */
  costDifference: d.nullable(d.amount()),
}
export type DifferenceCount = d.RowOf<typeof countShape>

const agreementShape = {
  period: d.text(),
  /** `agrees`: the bills of a run match the run. */
  kind: d.text() as d.Field<DifferenceKind | 'agrees'>,
  /** Number of runs, or of bills without a run. */
  count: d.count(),
  billedCost: d.amount(),
  /** Null without runs, as is the difference. */
  runCost: d.nullable(d.amount()),
  /** Billed cost minus cost of the runs. */
  costDifference: d.nullable(d.amount()),
}
/** The runs of a period that match their bills, or that differ in one way. */
export type Agreement = d.RowOf<typeof agreementShape>

/** Months in a row, in order. */
interface Scope {
  periods: readonly string[]
  userId?: BillingScope['userId']
}

/** Needs all bills in order, so it is left out where rows are only counted. */
const FIRST_BILL = raw(
  '(array_agg(b.billing_id order by b.corrects is not null, b.timestamp, b.billing_id))[1]',
)

/**
 * The bills of all periods of each run with a bill in these periods, and the runs that ended in them without a bill. A run
 * with bills in several of the periods has a row for each. `all` adds the runs that match their bills.
 * @param hasBills whether each row names its first bill
 */
function differences({ periods, userId }: Scope, all: boolean, hasBills = !all): Sql {
  const months = sql`${periods.map((period) => monthOf('period', period))}::text[]`
  const bounds = [periods[0], periods.at(-1)]
  const of = (column: string) => conditionsOf({ userId: equals(column, name) }, { userId })
  return sql`with own as materialized (
    select billing_period, billing_id, ${raw(runOrNull('execution_id'))} as execution_id, user_id, model_id, cost, tokens_total from billing_records b
    ${where([sql`b.billing_period = any(${months})`, ...of('b.user_id')])}
  ), billed as (
    select b.execution_id, ${hasBills ? FIRST_BILL : raw('null::uuid')} as billing_id,
           sum(b.cost) as cost, sum(b.tokens_total) as tokens, min(b.user_id) as user_id, min(b.model_id) as model_id,
           coalesce(sum(b.cost) filter (where b.corrects is not null and b.metadata ? 'reason' and not b.metadata ?| array['step_id', 'applied']), 0) as corrected,
           array_agg(b.billing_period) as periods
    from billing_records b where b.execution_id in (select execution_id from own) group by b.execution_id
  ), compared as (
    select case when e.execution_id is null then 'run_gone'
                when (e.total_cost, e.total_tokens) is not distinct from (b.cost, b.tokens) then 'agrees'
                when (e.total_cost + b.corrected, e.total_tokens) is not distinct from (b.cost, b.tokens) then 'corrected'
                else 'differs' end as kind, b.*, e.total_cost as run_cost, e.total_tokens as run_tokens
    from billed b left join workflow_executions e on e.execution_id = b.execution_id
    ${where(all ? [] : [sql`(e.total_cost, e.total_tokens) is distinct from (b.cost, b.tokens)`])}
  ), r as (
    select period, kind, execution_id, billing_id, user_id, model_id, run_cost, cost as billed_cost, run_tokens,
           tokens as billed_tokens
    from compared, lateral (select distinct period from unnest(periods) as period where period = any(${months})) as p
    union all
    select billing_period, 'no_run', null, billing_id, user_id, model_id, null, cost, null, tokens_total
    from own where execution_id is null
    union all
    select to_char(e.end_time at time zone ${raw(ZONE)}, 'YYYY-MM'), 'unbilled', e.execution_id, null, e.user_id, e.model_id,
           e.total_cost, 0, e.total_tokens, 0
    from workflow_executions e, (select ${bounds[0]}::text as first, ${bounds[1]}::text as last) as asked
    where e.end_time >= ${raw(startOf('asked.first'))} and e.end_time < ${raw(endOf('asked.last'))}
      and e.start_time < ${raw(endOf('asked.last'))} ${and(of('e.user_id'))}
      and not exists (select 1 from billing_records b where b.execution_id = e.execution_id)
  )`
}

const ORDER = `array_position(array['agrees', 'unbilled', 'differs', 'no_run', 'run_gone', 'corrected'], r.kind)`

const scoped = ({ period, userId }: BillingScope): Scope => ({ periods: [period], userId })

/**
 * All differences between the bills of a period and their runs, faults first.
 * @throws WfstoreError usage
 */
export async function reconcile(run: Run, scope: BillingScope): Promise<BillDifference[]> {
  return run(
    sql`${differences(scoped(scope), false)} select ${raw(d.selectList(differenceShape, 'r'))} from r
     order by ${raw(ORDER)}, r.user_id, r.execution_id, r.billing_id`,
    differenceShape,
  )
}

/** The number of differences of each kind. @throws WfstoreError usage */
export async function countDifferences(run: Run, scope: BillingScope): Promise<DifferenceCount[]> {
  return run(
    sql`${differences(scoped(scope), false)} select r.kind, count(*) as count, sum(r.billed_cost - r.run_cost) as cost_difference from r
     group by r.kind order by ${raw(ORDER)}`,
    countShape,
  )
}

/**
 * What matches and what differs in each of several periods, in one statement. The bills of a run are compared as a whole:
 * if they belong to several of the periods, the run counts in each of these.
 * @param scope the periods are months in a row, in order
 * @throws WfstoreError usage
 */
export function agreements(run: Run, scope: Scope): Promise<Agreement[]> {
  return run(
    sql`${differences(scope, true)} select r.period, r.kind, count(*) as count, sum(r.billed_cost) as billed_cost,
       sum(r.run_cost) as run_cost, sum(r.billed_cost - r.run_cost) as cost_difference from r
     group by r.period, r.kind order by r.period, ${raw(ORDER)}`,
    agreementShape,
  )
}

/** What matches and what differs in a period, with the first of the rows that need a look. */
export interface PeriodCheck extends Agreement {
  rows: BillDifference[]
}

/** A removed run is no fault, and a correction has a reason. */
const LOOKED_AT = `('unbilled', 'differs', 'no_run')`

/**
 * The same as `agreements` and the first rows of `reconcile`, in one statement.
 * @param limit rows of each kind @throws WfstoreError usage
 */
export function checkPeriod(run: Run, scope: BillingScope, limit: number): Promise<PeriodCheck[]> {
  return run(
    sql`${differences(scoped(scope), true, true)}
     select r.*, coalesce((select json_agg(${raw(d.jsonArrayOf(differenceShape, 'r'))} order by r.user_id, r.execution_id, r.billing_id)
         from (select * from r as f where f.kind = r.kind and f.kind in ${raw(LOOKED_AT)}
               order by user_id, execution_id, billing_id limit ${limit}) as r), '[]') as rows
     from (select r.period, r.kind, count(*) as count, sum(r.billed_cost) as billed_cost, sum(r.run_cost) as run_cost,
             sum(r.billed_cost - r.run_cost) as cost_difference from r group by r.period, r.kind) as r
     order by ${raw(ORDER)}`,
    { ...agreementShape, rows: d.rows(differenceShape) },
  )
}
