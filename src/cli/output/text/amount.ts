/** US dollars as text. Amounts are decimals from SQL: they are never converted to JavaScript's numbers. */

const DECIMAL = /^(-?)(\d+)(?:\.(\d+))?$/
const CENTS = 2
/** Digits that an amount below one dollar keeps. */
const SIGNIFICANT = 3

/** '12,345': a whole number, or the part before the point, in groups of three digits. */
export const groupDigits = (text: string): string => {
  const [, sign, whole, fraction] = DECIMAL.exec(text) ?? []
  if (whole === undefined) return text
  return `${sign}${grouped(whole)}${fraction === undefined ? '' : `.${fraction}`}`
}

const grouped = (digits: string) => digits.replace(/\B(?=(?:\d{3})+$)/g, ',')

/**
 * For reading: '$3.69', '$1,234.50', '-$0.0381'. Rounded as PostgreSQL rounds: to cents, or below one dollar to three digits, so
 * that only zero is shown as '$0.00'.
 */
export function roundedDollars(text: string): string {
  const [, sign, whole = '', fraction = ''] = DECIMAL.exec(text) ?? []
  if (sign === undefined) return text
  const zeros = /^0*$/.test(whole) ? (/^0*/.exec(fraction)?.[0].length ?? 0) : -SIGNIFICANT
  const places = Math.max(CENTS, zeros + SIGNIFICANT)
  const digits = fraction.padEnd(places + 1, '0')
  const up = (digits[places] ?? '0') >= '5' ? 1n : 0n
  const rounded = String(BigInt(whole + digits.slice(0, places)) + up).padStart(places + 1, '0')
  const [dollar, cents] = [rounded.slice(0, -places), rounded.slice(-places)]
  // A zero at the end of a rounded amount is one of its digits, but 1.000 is 1.00.
  const isExact = /^0*$/.test(digits.slice(places))
  return isExact || dollar !== '0'
    ? dollars(sign, grouped(dollar), cents)
    : `${sign}$${dollar}.${cents}`
}

/** With all digits, but at least cents: '$3.68981775', '$12.50'. */
export function exactDollars(text: string): string {
  const [, sign, whole, fraction = ''] = DECIMAL.exec(text) ?? []
  return whole === undefined ? text : dollars(sign, whole, fraction)
}

/** Zeros after the cents say nothing. */
const dollars = (sign = '', whole: string, fraction: string) =>
  `${/[1-9]/.test(whole + fraction) ? sign : ''}$${whole}.${fraction.replace(/0+$/, '').padEnd(CENTS, '0')}`

/** The rounded amounts of a column, with their points below each other. */
export function alignedDollars(amounts: readonly string[]): string[] {
  const texts = amounts.map(roundedDollars)
  const after = (text: string) => (/\.\d+$/.exec(text)?.[0] ?? '').length
  const widest = texts.reduce((most, text) => Math.max(most, after(text)), 0)
  return texts.map((text) => (after(text) === 0 ? text : text + ' '.repeat(widest - after(text))))
}

/** An amount in a receipt, such as a payment: all digits, also on a terminal, without trailing zeros: 'USD 12.5'. */
export const receipt = (amount: string): string =>
  `USD ${amount.includes('.') ? amount.replace(/\.?0+$/, '') : amount}`
