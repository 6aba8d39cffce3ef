import { NO_RUN, sameRun } from '../../db/distributed/layout.ts'
import * as d from '../../db/query/decode.ts'
import type { Run } from '../../db/query/query.ts'
import { send } from '../../db/query/send.ts'
import { raw, sql } from '../../db/query/sql.ts'
import { KEEPS_TOTALS_CONDITION } from '../../db/totals.ts'
import { WfstoreError } from '../../error.ts'
import { checkNames, type Names } from '../../options.ts'
import { findIds, rangeOf } from '../ids.ts'
import { amountOf, jsonOf, requiredText } from '../table/validate.ts'

export interface Correction {
  /** The bill to correct: its whole id, or at least the first 8 characters. */
  billingId: string
  /** The correct cost, including earlier corrections: US dollars, 0 or more. */
  cost: string | number
  reason: string
  /** The person who corrects; goes into the metadata of the record. */
  by?: string | undefined
  /** Change nothing. */
  dryRun?: boolean | undefined
  /** Called before anything is written; throw to stop. */
  confirm?: ((plan: CorrectionPlan) => Promise<void>) | undefined
}

const OPTIONS: Names<Correction> = {
  billingId: true,
  cost: true,
  reason: true,
  by: true,
  dryRun: true,
  confirm: true,
}

/** US dollars as exact decimals. */
const planShape = {
  billingId: d.uuid(),
  userId: d.text(),
  executionId: d.runOrNone(),
  modelId: d.text(),
  /** Period of the corrected bill. */
  billingPeriod: d.text(),
  /** The cost now, including earlier corrections. */
  costBefore: d.amount('c.cost_before'),
  costAfter: d.amount('c.cost_after'),
  /** The cost of the correction; below 0 if the bill becomes lower. */
  difference: d.amount('trim_scale(c.cost_after - c.cost_before)'),
  /** The bill that this bill corrects, if it is a correction itself. */
  corrects: d.nullable(d.uuid()),
}
export type CorrectionPlan = d.RowOf<typeof planShape>

const writtenShape = {
  billingId: d.uuid(),
  billingPeriod: d.text(),
  originalPeriod: d.nullable(d.text()),
  cost: d.amount(),
}

export interface CorrectionResult {
  /** corrected: a record was written. already: the cost is already correct. planned: a dry run. */
  outcome: 'corrected' | 'already' | 'planned'
  plan: CorrectionPlan
  /** The new record. Its period is the month of the bill, or an open month if that is closed; then originalPeriod is set. */
  record: d.RowOf<typeof writtenShape> | null
}

/** The cost of the bill with its corrections, and the correct cost. */
const planSql = (
  id: string,
  cost: string,
) => sql`select b.billing_id, b.user_id, b.execution_id, b.model_id, b.billing_period, b.corrects, b.tags,
    b.cost + coalesce(c.cost, 0) as cost_before, ${cost}::numeric as cost_after, coalesce(c.ids, '') as corrections
  from billing_records b cross join lateral (
    select sum(c.cost) as cost, string_agg(c.billing_id::text, ',' order by c.billing_id) as ids
    from billing_records c where c.corrects = b.billing_id and ${raw(sameRun('c', 'b'))}
  ) as c where b.billing_id = ${id}::uuid`

const TRIES = 5

/**
 * Corrects the cost of a bill with a new record for the difference. The record goes to the month of the bill, or to an
 * open month if that is closed. A repeat changes nothing, because the cost is already correct.
 * @throws WfstoreError usage, not_found
 */
export async function correctBill(
  read: Run,
  write: Run,
  correction: Correction,
): Promise<CorrectionResult> {
  checkNames('billing.correct', correction, OPTIONS)
  const given = requiredText('billingId', correction.billingId)
  rangeOf('bill', given)
  const cost = amountOf('cost', correction.cost)
  const reason = requiredText('reason', correction.reason)
  const metadata = jsonOf('metadata', { reason, by: correction.by })
  const [id] = (await findIds(read, 'bill', [given])) as [string]
  for (let tried = 1; tried <= TRIES; tried++) {
    const plan = await planOf(read, id, cost)
    if (Number(plan.difference) === 0) return { outcome: 'already', plan, record: null }
    if (correction.dryRun) return { outcome: 'planned', plan, record: null }
    await correction.confirm?.(plan)
    const { text, values } = insertion(id, cost, metadata, plan.costBefore)
    const statement = { text, values, run: plan.executionId ?? NO_RUN }
    const [record] = await send(write, statement, writtenShape)
    if (record) return { outcome: 'corrected', plan, record }
    // Another session has corrected it, or this one has, before the connection was lost.
  }
  throw new WfstoreError('conflict', `other sessions keep correcting bill ${id}`, {
    hint: 'nothing was changed; try again',
  })
}

/**
 * Its id (a UUIDv8 of RFC 9562) is made of the bill and its corrections. So only one of two simultaneous corrections is
 * written. Its line has the difference. It has the tags of the bill, so that the sums by tag contain it.
 */
const insertion = (id: string, cost: string, metadata: string | null, costBefore: string) => sql`
with c as (${planSql(id, cost)}), r as (
  insert into billing_records (billing_id, user_id, execution_id, model_id, cost, billing_period, corrects, metadata, tags)
  select overlay(overlay(md5('wfstore correction ' || c.billing_id || ' ' || c.corrections) placing '8' from 13) placing 'a' from 17)::uuid,
         c.user_id, c.execution_id, c.model_id, c.cost_after - c.cost_before, c.billing_period, c.billing_id, ${metadata}::jsonb, c.tags
  from c where c.cost_before = ${costBefore}::numeric and ${raw(KEEPS_TOTALS_CONDITION)}
  on conflict (billing_id) do nothing
  returning *
), line as (
  insert into wfstore_bill_lines (execution_id, billing_id, line_id, model_id, meter, cost, cost_source)
  select execution_id, billing_id, wfstore_line_id(billing_id, null, model_id, 'given', null, 'given'), model_id, 'given', cost, 'given' from r
)
select ${raw(d.selectList(writtenShape, 'r'))} from r`

async function planOf(read: Run, id: string, cost: string): Promise<CorrectionPlan> {
  const [plan] = await read(
    sql`select ${raw(d.selectList(planShape, 'c'))} from (${planSql(id, cost)}) as c`,
    planShape,
  )
  if (!plan) throw new WfstoreError('not_found', `bill ${id} does not exist`)
  if (plan.corrects === null) return plan
  throw new WfstoreError('usage', `bill ${id} is a correction of bill ${plan.corrects}`, {
    hint: `correct that bill: \`wfstore billing correct ${plan.corrects}\``,
  })
}
