import { InvalidArgumentError } from 'commander'
import type { GlobalOptions } from '../../options/global.ts'

/** Options of all billing commands. */
export interface PeriodOptions extends GlobalOptions {
  period?: string
  user?: string[]
}

export function parsePeriod(text: string): string {
  if (!/^\d{4}-(0[1-9]|1[0-2])$/.test(text))
    throw new InvalidArgumentError('It must be a month such as 2024-12')
  return text
}

/** An amount without trailing zeros: 'USD 12.5'. */
export const dollars = (amount: string): string =>
  `USD ${amount.includes('.') ? amount.replace(/\.?0+$/, '') : amount}`
