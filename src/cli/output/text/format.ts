import { isUuid } from '../../../uuid.ts'

/** Formats values for a terminal. Invalid values are shown unchanged. */

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)$/
const DECIMAL = /^-?\d+(?:\.(\d+))?$/

export type TimePrecision = 'minutes' | 'seconds' | 'zone'

export const isTime = (text: string) => TIME.test(text)

/** `2026-11-23 09:22`, with seconds `:35` or also with the time zone, depending on the precision. */
export function formatTime(text: string, timeZone: string, precision: TimePrecision): string {
  const time = Date.parse(text)
  if (!isTime(text) || Number.isNaN(time)) return text
  const parts: Record<string, string> = {}
  for (const { type, value } of zoneFormat(timeZone).formatToParts(time)) parts[type] = value
  const { year, month, day, hour, minute, second, timeZoneName } = parts
  const minutes = `${year?.padStart(4, '0')}-${month}-${day} ${hour}:${minute}`
  if (precision === 'minutes') return minutes
  return precision === 'seconds' ? `${minutes}:${second}` : `${minutes}:${second} ${timeZoneName}`
}

const zoneFormats = new Map<string, Intl.DateTimeFormat>()

/** Cached: creating a format is slow. */
function zoneFormat(timeZone: string): Intl.DateTimeFormat {
  const known = zoneFormats.get(timeZone)
  if (known) return known
  const made = new Intl.DateTimeFormat('en-US', {
    timeZone,
    timeZoneName: 'short',
    hourCycle: 'h23',
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
  })
  zoneFormats.set(timeZone, made)
  return made
}

/** `12.3%`. A share above 0 is never shown as 0%, one below 1 never as 100%. */
export function formatShare(value: unknown): string {
  const share = typeof value === 'number' ? value : Number(value)
  if (!Number.isFinite(share)) return String(value)
  if (share > 0 && share < 0.0005) return '<0.1%'
  if (share < 1 && share >= 0.9995) return '>99.9%'
  return `${(share * 100).toFixed(1)}%`
}

/**
 * Gives all amounts of a column the same number of decimals, so that their points align. Only trailing zeros are added or
 * removed: nothing is rounded.
 */
export function alignAmounts(amounts: readonly string[]): string[] {
  const scale = amounts.reduce((max, text) => Math.max(max, decimals(text)?.length ?? 0), 2)
  return amounts.map((text) => {
    const own = decimals(text)
    return own === undefined ? text : `${text.split('.')[0]}.${own.padEnd(scale, '0')}`
  })
}

function decimals(text: string): string | undefined {
  const match = DECIMAL.exec(text)
  return match ? (match[1] ?? '').replace(/0+$/, '') : undefined
}

/**
 * Shortens UUIDs to the shortest length, at least 8, at which they are distinct. None ends in a hyphen, because UUIDs
 * never differ there.
 */
export function shortenIds(ids: readonly string[]): string[] {
  const distinct = [...new Set(ids.filter((id) => isUuid(id)))].sort()
  let length = 8
  for (const [index, id] of distinct.entries()) {
    length = Math.max(length, commonLength(id, distinct[index - 1] ?? '') + 1)
  }
  return ids.map((id) => (isUuid(id) ? id.slice(0, length) : id))
}

function commonLength(a: string, b: string): number {
  let length = 0
  while (length < b.length && a[length] === b[length]) length++
  return length
}
