import * as d from '../../db/query/decode.ts'
import type { Run } from '../../db/query/query.ts'
import { send } from '../../db/query/send.ts'
import { WfstoreError } from '../../error.ts'
import { amountOf, jsonOf, requiredText, uuidOf } from '../table/validate.ts'

export interface Correction {
  /** The bill that is wrong. */
  billingId: string
  /** What it should come to, corrections included: US dollars, 0 or more. */
  cost: string | number
  reason: string
  /** Who corrects; goes into the metadata of the record. */
  by?: string | undefined
  /** Look only. */
  dryRun?: boolean | undefined
  /** Asked before anything is written; throws where it must not be. */
  confirm?: ((plan: CorrectionPlan) => Promise<void>) | undefined
}

/** US dollars as exact decimals. */
const planShape = {
  billingId: d.uuid(),
  userId: d.text(),
  executionId: d.nullable(d.uuid()),
  modelId: d.text(),
  /** Of the bill that is corrected. */
  billingPeriod: d.text(),
  /** What it comes to now, with the corrections so far. */
  costBefore: d.amount('c.cost_before'),
  costAfter: d.amount('c.cost_after'),
  /** Of the correction: what is added, below 0 where less is to be paid. */
  difference: d.amount('trim_scale(c.cost_after - c.cost_before)'),
  /** Another bill that this one corrects already. */
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
  /** corrected: a record was written. already: it comes to that. planned: a dry run. */
  outcome: 'corrected' | 'already' | 'planned'
  plan: CorrectionPlan
  /** The new record: its period is the bill's own month, or where that is closed the open one, with a reference. */
  record: d.RowOf<typeof writtenShape> | null
}

/** $1 the bill, $2 what it should come to. */
const PLAN = `select b.billing_id, b.user_id, b.execution_id, b.model_id, b.billing_period, b.corrects,
    b.cost + coalesce(sum(c.cost), 0) as cost_before, $2::numeric as cost_after,
    coalesce(string_agg(c.billing_id::text, ',' order by c.billing_id), '') as corrections
  from billing_records b left join billing_records c on c.corrects = b.billing_id
  where b.billing_id = $1::uuid group by b.billing_id`

const TRIES = 5

/**
 * Corrects what a bill comes to by a new record over the difference, in the bill's own month while that is open, and else
 * in the open one. Repeated it changes nothing, since the bill comes to that already.
 * @throws WfstoreError usage, not_found
 */
export async function correctBill(
  read: Run,
  write: Run,
  correction: Correction,
): Promise<CorrectionResult> {
  const id = uuidOf('billingId', correction.billingId)
  const cost = amountOf('cost', correction.cost)
  const reason = requiredText('reason', correction.reason)
  const metadata = jsonOf('metadata', { reason, by: correction.by })
  for (let tried = 1; tried <= TRIES; tried++) {
    const plan = await planOf(read, id, cost)
    if (Number(plan.difference) === 0) return { outcome: 'already', plan, record: null }
    if (correction.dryRun) return { outcome: 'planned', plan, record: null }
    await correction.confirm?.(plan)
    const [record] = await send(write, INSERT, [id, cost, metadata, plan.costBefore], writtenShape)
    if (record) return { outcome: 'corrected', plan, record }
    // Corrected by somebody else meanwhile, or by us before the connection was lost.
  }
  throw new WfstoreError('conflict', `bill ${id} is corrected all the time`, {
    hint: 'nothing was changed; try again',
  })
}

/**
 * Its id (a UUIDv8 of RFC 9562) is made of the bill and the corrections so far: of two at the same time, which see the
 * same, one is written.
 */
const INSERT = `with c as (${PLAN})
insert into billing_records as r (billing_id, user_id, execution_id, model_id, cost, billing_period, corrects, metadata)
select overlay(overlay(md5('wfstore correction ' || c.billing_id || ' ' || c.corrections) placing '8' from 13) placing 'a' from 17)::uuid,
       c.user_id, c.execution_id, c.model_id, c.cost_after - c.cost_before, c.billing_period, c.billing_id, $3::jsonb
from c where c.cost_before = $4::numeric
on conflict (billing_id) do nothing
returning ${d.selectList(writtenShape, 'r')}`

async function planOf(read: Run, id: string, cost: string): Promise<CorrectionPlan> {
  const [plan] = await read(
    `select ${d.selectList(planShape, 'c')} from (${PLAN}) as c`,
    [id, cost],
    planShape,
  )
  if (!plan) throw new WfstoreError('not_found', `there is no bill ${id}`)
  if (plan.corrects === null) return plan
  throw new WfstoreError('usage', `bill ${id} is itself a correction, of ${plan.corrects}`, {
    hint: `say what that one should come to: wfstore billing correct ${plan.corrects}`,
  })
}
