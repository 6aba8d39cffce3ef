import type { Run } from '../../db/query/query.ts'
import { checkNames } from '../../options.ts'
import type { OneOrMore } from '../table/filter.ts'
import { type ListOptions, type Page, pages } from '../table/page.ts'
import { monthOf, requiredText } from '../table/validate.ts'
import { type BillLine, type BillLineFilter, listLines } from './bill-lines.ts'
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
import {
  type BillingScope,
  type BillingSummary,
  SCOPE_OPTIONS,
  type SummaryKey,
  summarize,
} from './summary.ts'

export type { BillLine, BillLineFilter, Meter } from './bill-lines.ts'
export type { PeriodClose, PeriodCloseResult } from './close.ts'
export type { Correction, CorrectionPlan, CorrectionResult } from './correct.ts'
export type { FocusRow } from './focus.ts'
export type { Payment, PaymentPlan, PaymentResult } from './pay.ts'
export type { BillingPeriod } from './periods.ts'
export type { BillDifference, DifferenceCount, DifferenceKind } from './reconcile.ts'
export type {
  BillingScope,
  BillingSum,
  BillingSummary,
  BillingTotal,
  SummaryKey,
  UnpricedBills,
} from './summary.ts'

/**
 * Totals, differences from the runs, payment, closing and corrections of bills. A period is a month such as '2024-12'. It
 * begins at midnight in the billing zone. Amounts are US dollars; rows have exact decimal strings. Every function can throw
 * WfstoreError `usage` for an invalid month, user or amount.
 */
export interface Billing {
  /** One period with its begin, end, state and totals (default: the current month). */
  period: (period?: string) => Promise<BillingPeriod>
  /** All periods with bills, newest first. */
  periods: () => Promise<BillingPeriod[]>
  /** The totals of a period by user (default), model, provider, meter, day, a tag ('tag:team') or several of these, or as one row. */
  summary: (
    scope: BillingScope & { by?: OneOrMore<SummaryKey> | undefined },
  ) => Promise<BillingSummary>
  /** The lines of bills, newest first. @throws WfstoreError usage */
  lines: (options?: BillLineFilter & ListOptions<BillLine>) => Promise<Page<BillLine>>
  /** All differences between the bills of a period and their runs, faults first. */
  reconcile: (scope: BillingScope) => Promise<BillDifference[]>
  /** The number of differences of each kind. */
  differences: (scope: BillingScope) => Promise<DifferenceCount[]>
  /** Marks the unpaid bills of a period as paid. A repeat with the same payment id changes nothing. @throws WfstoreError conflict */
  pay: (payment: Payment) => Promise<PaymentResult>
  /** Closes a month that has ended in the billing zone. @throws WfstoreError usage if it has not ended, conflict if it is empty or an earlier month is open */
  closePeriod: (close: PeriodClose) => Promise<PeriodCloseResult>
  /** Corrects the cost of a bill with a separate record. @throws WfstoreError not_found */
  correct: (correction: Correction) => Promise<CorrectionResult>
  /** The billing zone, in which months begin (default: UTC). */
  zone: () => Promise<string>
  /** Sets the billing zone. Returns false if it was already set to this zone. @throws WfstoreError conflict if a month is closed */
  setZone: (zone: string) => Promise<boolean>
  /** The bills of a period as FOCUS 1.2 rows, of one moment, read while they are consumed. */
  focus: (scope: BillingScope & { provider?: string | undefined }) => AsyncGenerator<FocusRow>
}

export const billingOf = (read: Run, write: Run): Billing => ({
  period: (period) => getPeriod(read, period),
  periods: () => listPeriods(read),
  summary: (scope) => summarize(read, scope),
  lines: (options) => listLines(read, options),
  reconcile: async (scope) => {
    checkNames('billing.reconcile', scope, SCOPE_OPTIONS)
    return reconcile(read, scope)
  },
  differences: async (scope) => {
    checkNames('billing.differences', scope, SCOPE_OPTIONS)
    return countDifferences(read, scope)
  },
  pay: (payment) => pay(read, write, payment),
  closePeriod: (close) => closePeriod(read, write, close),
  correct: (correction) => correctBill(read, write, correction),
  zone: () => getZone(read),
  setZone: (zone) => setZone(read, write, zone),
  focus: (scope) => focusCharges(read, scope),
})

/** The number of bills of one statement, so that memory does not grow with the number of bills. */
const CHUNK = 1000

/** @param run on one connection, so that the bills are those of one moment */
export async function* focusCharges(
  run: Run,
  scope: BillingScope & { provider?: string | undefined },
): AsyncGenerator<FocusRow> {
  checkNames('billing.focus', scope, { ...SCOPE_OPTIONS, provider: true })
  const { period, userId, provider } = scope
  const filter = { billingPeriod: monthOf('period', period), userId }
  const name = provider === undefined ? undefined : requiredText('provider', provider)
  const all = { ...filter, limit: Number.POSITIVE_INFINITY }
  for await (const { rows } of pages(run, CHARGES, all, CHUNK))
    for (const charge of rows) yield* focusRows(charge, name)
}
