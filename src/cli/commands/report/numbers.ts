import { alignAmounts, formatShare } from '../../output/text/format.ts'
import { html, type Markup } from './markup.ts'

/** How the page writes numbers. Amounts are texts from SQL and stay so: nothing is rounded, nothing is added. */

const DECIMAL = /^(-?)(\d+)(?:\.(\d+))?$/
const CENTS = 2

const grouped = (digits: string) => digits.replace(/\B(?=(?:\d{3})+$)/g, ',')

/** 1,234,567 */
export const count = (value: number): string => grouped(String(value)).replace('-', '−')

/** US dollars with every digit there is: $1,234.50375 */
export const dollars = (amount: string): string => {
  const parts = split(amount)
  return parts === undefined ? amount : `${parts.sign}$${parts.whole}.${parts.cents}${parts.rest}`
}

/** The same in two tones: dollars and cents are for reading, what lies beyond is there to be exact. */
export function amount(text: string, sign = ''): Markup {
  const parts = split(text)
  if (parts === undefined) return html`${text}`
  const rest = parts.rest && html`<span class="rest">${parts.rest}</span>`
  return html`${parts.sign}${sign}${parts.whole}.${parts.cents}${rest}`
}

/** Amounts of one column, with their points below each other. */
export const amounts = (texts: readonly string[]): Markup[] =>
  alignAmounts(texts).map((text) => amount(text))

/** Zeros at the end behind the cents say nothing. Not every numeric is a decimal: NaN stays what it is. */
function split(text: string) {
  const [, sign, whole, fraction = ''] = DECIMAL.exec(text) ?? []
  if (sign === undefined || whole === undefined) return undefined
  return {
    sign: sign && '−',
    whole: grouped(whole),
    cents: fraction.slice(0, CENTS).padEnd(CENTS, '0'),
    rest: fraction.slice(CENTS),
  }
}

/** Without zeros at the end: amounts that stand alone. */
export const bare = (text: string): string => alignAmounts([text])[0] as string

/** '12.3%'; a part of what is not above 0 means nothing. */
export const share = (value: number | null): string =>
  value === null ? '–' : formatShare(value).replace(/^-/, '−')

/** '+12.3%' of what was; null where nothing was. A ratio of two amounts, and no amount. */
export function change(now: number, before: number): string | null {
  if (!(before > 0) || !Number.isFinite(now)) return null
  const ratio = now / before - 1
  if (ratio >= 10) return `${count(Math.round(ratio + 1))} times as much`
  const percent = (ratio * 100).toFixed(1)
  return Number(percent) === 0 ? '±0%' : `${ratio < 0 ? '−' : '+'}${percent.replace('-', '')}%`
}
