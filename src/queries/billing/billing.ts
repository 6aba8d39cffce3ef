import type { Run } from '../../db/query/query.ts'
import { page } from '../table/page.ts'
import { monthOf, requiredText } from '../table/validate.ts'
import type { BillFilter } from './bills.ts'
import { CHARGES } from './charges.ts'
import { closePeriod, type PeriodClose, type PeriodCloseResult } from './close.ts'
import { type Correction, type CorrectionResult, correctBill } from './correct.ts'
import { type FocusRow, focusRows } from './focus.ts'
import { type Payment, type PaymentResult, pay } from './pay.ts'
import { type BillingPeriod, getPeriod, getZone, listPeriods, setZone } from './periods.ts'
import {
  type BillDifference,
  countDifferences,
  type DifferenceCount,
  reconcile,
} from './reconcile.ts'
import { type BillingScope, type BillingSummary, type SummaryKey, summarize } from './summary.ts'

export type { PeriodClose, PeriodCloseResult } from './close.ts'
export type { Correction, CorrectionPlan, CorrectionResult } from './correct.ts'
export type { FocusRow } from './focus.ts'
export type { Payment, PaymentPlan, PaymentResult } from './pay.ts'
export type { BillingPeriod } from './periods.ts'
export type { BillDifference, DifferenceCount, DifferenceKind } from './reconcile.ts'
export type { BillingScope, BillingSum, BillingSummary, SummaryKey } from './summary.ts'

/**
 * Months of bills: what they come to, what differs from the runs, payment, closing, corrections. A period is a month such as
 * '2024-12' and begins at midnight in the store's zone. Amounts are US dollars: rows have exact decimal strings.
 * Every function may throw WfstoreError `usage` for what is no month, user or amount.
 */
export interface Billing {
  /** One period: when it begins and ends, open or closed, its totals; the month of now unless named. */
  period: (period?: string) => Promise<BillingPeriod>
  /** Every period that has bills, the newest first. */
  periods: () => Promise<BillingPeriod[]>
  /** The bills of a period by user (unless told), model, day or in total. */
  summary: (scope: BillingScope & { by?: SummaryKey | undefined }) => Promise<BillingSummary>
  /** Every difference between the bills of a period and the runs they bill, faults first. */
  reconcile: (scope: BillingScope) => Promise<BillDifference[]>
  /** How many differences of each kind there are. */
  differences: (scope: BillingScope) => Promise<DifferenceCount[]>
  /** Marks the unpaid bills of a period as paid, once for a payment id. @throws WfstoreError conflict */
  pay: (payment: Payment) => Promise<PaymentResult>
  /** Freezes a month that has ended. */
  closePeriod: (close: PeriodClose) => Promise<PeriodCloseResult>
  /** Corrects what a bill comes to by a record of its own. @throws WfstoreError not_found */
  correct: (correction: Correction) => Promise<CorrectionResult>
  /** The zone in which months begin: UTC until it is set. */
  zone: () => Promise<string>
  /** Sets it; says whether it was another. @throws WfstoreError conflict once a month is closed */
  setZone: (zone: string) => Promise<boolean>
  /** The bills of a period as FOCUS 1.2 has them, read as they are taken. */
  focus: (scope: BillingScope & { provider?: string | undefined }) => AsyncGenerator<FocusRow>
}

export const billingOf = (read: Run, write: Run): Billing => ({
  period: (period) => getPeriod(read, period),
  periods: () => listPeriods(read),
  summary: (scope) => summarize(read, scope),
  reconcile: (scope) => reconcile(read, scope),
  differences: (scope) => countDifferences(read, scope),
  pay: (payment) => pay(read, write, payment),
  closePeriod: (close) => closePeriod(read, write, close),
  correct: (correction) => correctBill(read, write, correction),
  zone: () => getZone(read),
  setZone: (zone) => setZone(read, write, zone),
  focus: (scope) => focusCharges(read, scope),
})

/** Rows of one statement, so that memory stays flat however many bills there are. */
const CHUNK = 1000

async function* focusCharges(
  read: Run,
  { period, userId, provider = 'wfstore' }: BillingScope & { provider?: string | undefined },
): AsyncGenerator<FocusRow> {
  const filter = { billingPeriod: monthOf('period', period), userId }
  const name = requiredText('provider', provider)
  let cursor: string | null = null
  do {
    const charges: Awaited<ReturnType<typeof chargesOf>> = await chargesOf(read, filter, cursor)
    for (const charge of charges.rows) yield* focusRows(charge, name)
    cursor = charges.nextCursor
  } while (cursor !== null)
}

const chargesOf = (read: Run, filter: BillFilter, cursor: string | null) =>
  page(read, CHARGES, { ...filter, limit: CHUNK, cursor })
