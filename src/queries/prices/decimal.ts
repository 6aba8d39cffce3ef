/** A positive number of JavaScript as a decimal without an exponent, exactly as `String` prints it. */
export function decimalText(value: number): string {
  const [digits = '', exponent = '0'] = String(value).split('e')
  return shifted(digits, Number(exponent))
}

/** A decimal times a power of ten, digit by digit. */
export function shifted(decimal: string, places: number): string {
  const [whole = '', fraction = ''] = decimal.split('.')
  const digits = whole + fraction
  const point = whole.length + places
  const padded = digits.padStart(digits.length + Math.max(0, 1 - point), '0')
  const at = point + padded.length - digits.length
  return trimmed(`${padded.padEnd(at, '0').slice(0, at)}.${padded.slice(at)}`)
}

/** A decimal without zeros that mean nothing, so that equal decimals are equal texts. */
export function trimmed(decimal: string): string {
  const [whole = '', fraction = ''] = decimal.split('.')
  const [integer, rest] = [whole.replace(/^0+(?=\d)/, ''), fraction.replace(/0+$/, '')]
  return rest === '' ? integer : `${integer}.${rest}`
}
