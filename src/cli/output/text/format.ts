import { isUuid } from '../../../uuid.ts'

/** How a terminal shows values. What is not what it should be is shown as it is. */

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)$/
const DECIMAL = /^-?\d+(?:\.(\d+))?$/

export type TimePrecision = 'minutes' | 'seconds' | 'zone'

export const isTime = (text: string) => TIME.test(text)

/** `2026-11-23 09:22`, with `:35` behind it, and with the zone's short name behind that. */
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

/** Kept, because making one costs more than using it a hundred times. */
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

/** `12.3%`; what is not nothing is not shown as nothing. */
export function formatShare(value: unknown): string {
  const share = typeof value === 'number' ? value : Number(value)
  if (!Number.isFinite(share)) return String(value)
  if (share > 0 && share < 0.0005) return '<0.1%'
  if (share < 1 && share >= 0.9995) return '>99.9%'
  return `${(share * 100).toFixed(1)}%`
}

/**
 * Amounts of one column with as many decimals as the longest of them needs, so that their points align. Only zeros
 * at the end come and go: no digit is rounded.
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
 * UUIDs cut to the shortest length, of 8 at least, at which they still differ from one another. None ends in a
 * hyphen: hyphens are where no two UUIDs differ.
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
