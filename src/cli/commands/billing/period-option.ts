import { InvalidArgumentError } from 'commander'
import type { Billing } from '../../../queries/billing/billing.ts'
import type { GlobalOptions } from '../../options/global.ts'

/** Options of all billing commands. */
export interface PeriodOptions extends GlobalOptions {
  period?: string
  user?: string[]
}

/** A month, or `this` or `last`, which `monthOf` turns into a month. */
export function parsePeriod(text: string): string {
  if (!/^(this|last|\d{4}-(0[1-9]|1[0-2]))$/.test(text))
    throw new InvalidArgumentError('It must be a month such as 2024-12, or this or last')
  return text
}

/** The month of a period option. The current month is that of the server's clock in the billing zone. */
export async function monthOf(billing: Pick<Billing, 'period'>, period = 'this'): Promise<string> {
  if (period !== 'this' && period !== 'last') return period
  const current = (await billing.period()).period
  if (period === 'this') return current
  const [year = 0, month = 0] = current.split('-').map(Number)
  return new Date(Date.UTC(year, month - 2)).toISOString().slice(0, 7)
}
