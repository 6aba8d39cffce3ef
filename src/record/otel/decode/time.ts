import { wholeOf } from './value.ts'

/** The year 2201 in microseconds. */
const END = Date.UTC(2201, 0) * 1000

/**
 * Nanoseconds since 1970 as RFC 3339 with six digits; the others are cut off. Undefined for a time that is absent, which is 0
 * in protobuf, or not in the years 1970 to 2200.
 */
export function timeOf(nanoseconds: unknown): string | undefined {
  const whole = wholeOf(nanoseconds)
  if (whole === undefined || whole <= 0) return undefined
  const micros = typeof whole === 'bigint' ? Number(whole / 1000n) : Math.floor(whole / 1000)
  if (micros >= END) return undefined
  const ms = Math.floor(micros / 1000)
  const text = new Date(ms).toISOString()
  return `${text.slice(0, 23)}${String(micros % 1000).padStart(3, '0')}Z`
}
