import { WfstoreError } from '../../../error.ts'
import { type BillingPeriod, currentMonth, getPeriod } from '../../../queries/billing/periods.ts'
import { isMonth } from '../../../tables/column.ts'
import { longDate, monthBefore } from '../../markup/dates.ts'
import type { PageView } from '../view.ts'

/** The period that the path names: a month, or this or last. @throws WfstoreError usage */
export async function periodOf({ run, variables }: PageView): Promise<BillingPeriod> {
  const given = variables.period ?? ''
  if (given === 'this' || given === 'last') {
    const { month } = await currentMonth(run)
    return getPeriod(run, given === 'this' ? month : monthBefore(month))
  }
  if (isMonth(given)) return getPeriod(run, given)
  throw new WfstoreError('usage', `${JSON.stringify(given)} is not a billing period`, {
    hint: 'use a month such as 2026-10, or this or last',
  })
}

/** 'October 2026' */
export const monthName = (period: string): string =>
  isMonth(period) ? longDate('month', period) : period

/** Bills are of months of the billing zone, so their times are in this zone, except if the address names another one. */
export const zoneOfBills = ({ parameters, timeZone }: PageView, zone: string): string =>
  parameters.has('tz') ? timeZone : zone
