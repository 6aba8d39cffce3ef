import { alignAmounts, formatShare } from '../../output/text/format.ts'
import { html, type Markup } from './markup.ts'

/** Formats the numbers of the page. Amounts stay text from SQL: they are not rounded or added. */

const DECIMAL = /^(-?)(\d+)(?:\.(\d+))?$/
const CENTS = 2

const grouped = (digits: string) => digits.replace(/\B(?=(?:\d{3})+$)/g, ',')

/** 1,234,567 */
export const count = (value: number | bigint): string => grouped(String(value)).replace('-', '−')

/** US dollars with all digits: $1,234.50375 */
export const dollars = (amount: string): string => {
  const parts = split(amount)
  return parts === undefined ? amount : `${parts.sign}$${parts.whole}.${parts.cents}${parts.rest}`
}

/** The same, with the digits after the cents in a lighter tone. */
export function amount(text: string, sign = ''): Markup {
  const parts = split(text)
  if (parts === undefined) return html`${text}`
  const rest = parts.rest && html`<span class="rest">${parts.rest}</span>`
  return html`${parts.sign}${sign}${parts.whole}.${parts.cents}${rest}`
}

/** Amounts of one column, aligned at the decimal point. */
export const amounts = (texts: readonly string[]): Markup[] =>
  alignAmounts(texts).map((text) => amount(text))

/** The parts of a decimal, without trailing zeros after the cents; undefined for NaN and infinity. */
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

/** A single amount without trailing zeros. */
export const bare = (text: string): string => alignAmounts([text])[0] as string

/** '12.3%', or a dash. A share of a total of 0 or less has no meaning. */
export const share = (value: number | null): string =>
  value === null ? '–' : formatShare(value).replace(/^-/, '−')

/** The change as '+12.3%'; null if there was nothing before. It is a ratio, so it may be rounded. */
export function change(now: number, before: number): string | null {
  if (!(before > 0) || !Number.isFinite(now)) return null
  const ratio = now / before - 1
  if (ratio >= 10) return `${count(Math.round(ratio + 1))} times as much`
  const percent = (ratio * 100).toFixed(1)
  return Number(percent) === 0 ? '±0%' : `${ratio < 0 ? '−' : '+'}${percent.replace('-', '')}%`
}
