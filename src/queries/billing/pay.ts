import { byLayout } from '../../db/distributed/by-layout.ts'
import type { Layout } from '../../db/distributed/layout.ts'
import * as d from '../../db/query/decode.ts'
import type { Run } from '../../db/query/query.ts'
import { send } from '../../db/query/send.ts'
import { raw, type Sql, sql } from '../../db/query/sql.ts'
import { KEEPS_TOTALS_CONDITION } from '../../db/totals.ts'
import { WfstoreError } from '../../error.ts'
import { checkNames, type Names } from '../../options.ts'
import { where } from '../table/filter.ts'
import { requiredText } from '../table/validate.ts'
import { type BillingScope, SCOPE_OPTIONS, scopeOf } from './summary.ts'

/** The bills of a payment. Costs are US dollars as exact decimals. */
const planShape = {
  /** Unpaid bills, which would be paid. */
  records: d.count(),
  cost: d.amount(),
  users: d.count(),
  /** Bills that this payment has already paid. */
  alreadyRecords: d.count(),
  alreadyCost: d.amount(),
  /** Bills that were paid by another payment, or without a payment id. */
  otherRecords: d.count(),
  otherBillingId: d.nullable(d.uuid()),
  otherUserId: d.nullable(d.text()),
  otherPaymentId: d.nullable(d.text()),
}
export type PaymentPlan = d.RowOf<typeof planShape>

export interface Payment extends BillingScope {
  /** The id of the payment in another system: an invoice, a transfer. A repeat changes nothing. */
  paymentId: string
  /** Pay the unpaid bills although another payment has paid some bills. */
  rest?: boolean | undefined
  /** Change nothing. */
  dryRun?: boolean | undefined
  /** Called before anything changes; throw to stop. */
  confirm?: ((plan: PaymentPlan) => Promise<void>) | undefined
}

const OPTIONS: Names<Payment> = {
  ...SCOPE_OPTIONS,
  paymentId: true,
  rest: true,
  dryRun: true,
  confirm: true,
}

export interface PaymentResult {
  /** paid: paid by this call. already: paid before by this payment. nothing: no bill is unpaid. planned: a dry run. */
  outcome: 'paid' | 'already' | 'nothing' | 'planned'
  /** For `paid`, the bills that this call has paid; for `already`, the bills that are still unpaid. */
  plan: PaymentPlan
}

const TRIES = 5

/**
 * Marks all unpaid bills of a period, or of one user in it, as paid, in one statement: all or none.
 * @throws WfstoreError usage, conflict if another payment has already paid some of them; then nothing changes
 */
export async function pay(read: Run, write: Run, payment: Payment): Promise<PaymentResult> {
  checkNames('billing.pay', payment, OPTIONS)
  const scope = scopeOf(payment)
  const id = requiredText('paymentId', payment.paymentId)
  for (let tried = 1; tried <= TRIES; tried++) {
    const [plan] = (await read(planStatement(scope, id), planShape)) as [PaymentPlan]
    if (plan.otherRecords > 0 && !payment.rest) throw paidOtherwise(plan)
    if (plan.alreadyRecords > 0) return { outcome: 'already', plan }
    if (plan.records === 0) return { outcome: 'nothing', plan }
    if (payment.dryRun) return { outcome: 'planned', plan }
    await payment.confirm?.(plan)
    if (await markPaid(write, scope, id, plan)) return { outcome: 'paid', plan }
    // The bills have changed since they were read, so they are not the bills that were confirmed.
  }
  throw new WfstoreError(
    'conflict',
    `other sessions keep changing the bills of ${payment.period}`,
    {
      hint: 'nothing was changed; close the period first, or try again',
    },
  )
}

function planStatement(scope: readonly Sql[], id: string): Sql {
  const mine = sql`paid and payment_id = ${id}`
  const other = sql`paid and payment_id is distinct from ${id}`
  return sql`select count(*) filter (where not paid) as records,
      coalesce(sum(cost) filter (where not paid), 0) as cost,
      count(distinct user_id) filter (where not paid) as users,
      count(*) filter (where ${mine}) as already_records,
      coalesce(sum(cost) filter (where ${mine}), 0) as already_cost,
      count(*) filter (where ${other}) as other_records,
      (array_agg(billing_id order by billing_id) filter (where ${other}))[1] as other_billing_id,
      (array_agg(user_id order by billing_id) filter (where ${other}))[1] as other_user_id,
      (array_agg(payment_id order by billing_id) filter (where ${other}))[1] as other_payment_id
    from billing_records ${where(scope)}`
}

/** Pays only what was planned. */
async function markPaid(
  write: Run,
  scope: readonly Sql[],
  id: string,
  plan: PaymentPlan,
): Promise<boolean> {
  const statement = byLayout((layout) => PAYMENTS[layout](scope, id, plan))
  const done = await send(write, statement, { records: d.count() }).catch((error) => {
    if (error instanceof WfstoreError && error.message.includes(OTHERS)) return []
    throw error
  })
  return done[0]?.records === plan.records
}

const OTHERS = 'other bills than planned'

const PAYMENTS: Record<Layout, (scope: readonly Sql[], id: string, plan: PaymentPlan) => Sql> = {
  // Locks the rows in one order, then compares them with the plan.
  single: (scope, id, { records, cost, otherRecords }) => sql`with bills as materialized (
       select billing_id, cost, paid, payment_id from billing_records ${where(scope)}
       order by billing_id for no key update
     ), found as materialized (
       select count(*) filter (where not paid) as records, coalesce(sum(cost) filter (where not paid), 0) as cost,
              count(*) filter (where paid and payment_id = ${id}) as already,
              count(*) filter (where paid and payment_id is distinct from ${id}) as other
       from bills
     ), done as (
       update billing_records b set paid = true, payment_id = ${id}
       from bills, found
       where b.billing_id = bills.billing_id and not bills.paid and found.already = 0
         and (found.records, found.cost, found.other) = (${records}::bigint, ${cost}::numeric, ${otherRecords}::bigint)
         and ${raw(KEEPS_TOTALS_CONDITION)}
       returning b.billing_id
     )
     select count(*) as records from done`,
  // Citus has no row locks over several shards. If what was changed is not what was planned, an error takes all of it back.
  distributed: (scope, id, { records, cost, otherRecords }) => sql`with found as materialized (
       select count(*) filter (where payment_id = ${id}) as already,
              count(*) filter (where payment_id is distinct from ${id}) as other
       from billing_records ${where([...scope, raw('paid')])}
     ), done as (
       update billing_records b set paid = true, payment_id = ${id}
       ${where([...scope, raw('not paid')])} and (select already = 0 and other = ${otherRecords}::bigint from found)
       returning b.cost
     )
     select case when (count(*), coalesce(sum(cost), 0)) = (${records}::bigint, ${cost}::numeric) then count(*)
       else (${`${OTHERS}: `} || count(*))::bigint end as records from done`,
}

function paidOtherwise(plan: PaymentPlan): WfstoreError {
  const { otherBillingId, otherUserId, otherPaymentId, otherRecords } = plan
  const by = otherPaymentId === null ? 'without a payment id' : `by payment ${otherPaymentId}`
  const more = otherRecords > 1 ? `, and ${otherRecords - 1} more` : ''
  return new WfstoreError(
    'conflict',
    `bill ${otherBillingId} of ${otherUserId} is already paid ${by}${more}; nothing was changed`,
    { hint: plan.records > 0 ? `use \`rest\` to pay only the ${plan.records} unpaid` : undefined },
  )
}
