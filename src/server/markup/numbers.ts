import { alignAmounts, formatShare } from '../../cli/output/text/format.ts'
import { html, type Markup } from './markup.ts'

/** Formats the numbers of the page. Amounts stay text from SQL: they are never added, and rounded only to be read. */

const DECIMAL = /^(-?)(\d+)(?:\.(\d+))?$/

const grouped = (digits: string) => digits.replace(/\B(?=(?:\d{3})+$)/g, ',')

/** 1,234,567 */
export const count = (value: number | bigint): string => grouped(String(value)).replace('-', '−')

/** An amount without trailing zeros: all its digits. */
export const bare = (text: string): string => alignAmounts([text])[0] as string

/** Amounts from 1 dollar on have cents, smaller ones more digits. */
export function placesFor(texts: readonly string[]): number {
  const largest = Math.max(0, ...texts.map((text) => Math.abs(Number(text)) || 0))
  return largest >= 1 || largest === 0 ? 2 : largest >= 0.01 ? 4 : 6
}

/** `1,234.50`; an amount that is not 0 but would be rounded to 0 is `<0.01`. */
export function rounded(text: string, places: number, sign = ''): string {
  const [, minus, whole, fraction = ''] = DECIMAL.exec(text) ?? []
  if (whole === undefined) return text
  const scale = Math.max(fraction.length, places)
  const exact = BigInt(whole + fraction.padEnd(scale, '0'))
  const unit = 10n ** BigInt(scale - places)
  const units = (exact + unit / 2n) / unit
  const point = (value: bigint) => {
    const digits = String(value).padStart(places + 1, '0')
    return `${sign}${grouped(digits.slice(0, -places))}.${digits.slice(-places)}`
  }
  if (exact !== 0n && units === 0n) return minus ? `>−${point(1n)}` : `<${point(1n)}`
  return `${minus && exact !== 0n ? '−' : ''}${point(units)}`
}

/** A single amount, rounded for reading: $1,234.50 */
export const dollars = (text: string): string => rounded(text, placesFor([text]), '$')

/** The same with all its digits. */
export const exactDollars = (text: string): string => `$${bare(text)}`.replace('$-', '−$')

/** Rounded, with all digits as its title. */
export const money = (text: string): Markup =>
  html`<span title="${exactDollars(text)}">${dollars(text)}</span>`

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
