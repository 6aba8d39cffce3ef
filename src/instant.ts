/**
 * Texts of instants: RFC 3339, and what PostgreSQL prints with DateStyle ISO, such as `2026-07-15 09:30:00+02`. A text is
 * read whole or refused; what is accepted means the same instant to PostgreSQL. Leap seconds and 24:00 are refused.
 */

const TEXT =
  /^(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?(?:Z| UTC| ?([+-])(\d\d)(?::?(\d\d)(?::(\d\d))?)?)$/i

/** Instants that PostgreSQL has, but not all of JavaScript and SQL can compute with. */
const OUTSIDE = /^-?infinity$|^\d{5,6}-|^0000-| BC$/

/** The largest offset that PostgreSQL reads is 15:59:59. */
const MOST_OFFSET_HOURS = 15

export interface Instant {
  /** RFC 3339 in UTC with microseconds, so that the texts sort as the times do. */
  at: string
  /** The number of given digits after the second. Those after the sixth are cut off: rounding could change the month. */
  digits: number
}

/**
 * 'malformed' for another text, 'nonexistent' for a time such as 30 February or 24:00, 'outside' for an instant that is not
 * in the years 1 to 9999.
 */
export type NoInstant = 'malformed' | 'nonexistent' | 'outside'

export function parseInstant(text: string): Instant | NoInstant {
  if (OUTSIDE.test(text)) return 'outside'
  if (isOfDate(text)) return { at: `${text.slice(0, 23)}000Z`, digits: 3 }
  const parts = TEXT.exec(text)
  if (!parts) return 'malformed'
  const number = (place: number) => Number(parts[place] ?? 0)
  const [year, month, day, hour, minute, second] = [1, 2, 3, 4, 5, 6].map(number) as Six
  const [hours, minutes, seconds] = [number(9), number(10), number(11)]
  const exists =
    isDay(year, month, day) &&
    [hour <= 23, minute <= 59, second <= 59].every(Boolean) &&
    [hours <= MOST_OFFSET_HOURS, minutes <= 59, seconds <= 59].every(Boolean)
  if (!exists) return 'nonexistent'
  const offset = (hours * 3600 + minutes * 60 + seconds) * (parts[8] === '-' ? -1 : 1)
  const date = new Date(0)
  // This takes years below 100 as they are.
  date.setUTCFullYear(year, month - 1, day)
  date.setUTCHours(hour, minute, second - offset)
  const whole = date.toISOString()
  if (date.getUTCFullYear() < 1 || whole.length > 24) return 'outside'
  const fraction = parts[7] ?? ''
  const micros = fraction.padEnd(6, '0').slice(0, 6)
  return { at: `${whole.slice(0, 19)}.${micros}Z`, digits: fraction.length }
}

type Six = [number, number, number, number, number, number]

const isDay = (year: number, month: number, day: number): boolean =>
  month >= 1 && month <= 12 && day >= 1 && day <= daysOf(year, month)

function daysOf(year: number, month: number): number {
  const leap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0)
  if (month === 2) return leap ? 29 : 28
  return [4, 6, 9, 11].includes(month) ? 30 : 31
}

/** As a Date writes itself, such as `2026-07-15T07:30:00.000Z`: the usual text, and the fastest to check. */
function isOfDate(text: string): boolean {
  if (text.length !== 24 || !text.endsWith('Z')) return false
  const ms = Date.parse(text)
  return !Number.isNaN(ms) && new Date(ms).toISOString() === text
}

/** As `parseInstant` returns it. */
const isUsual = (text: string): boolean => /^\d{4}-.{15}\d{6}Z$/.test(text)

/** Is `first` later than `second`? Both are texts of instants; a row of an old database may have infinity. */
export function isAfter(first: string, second: string): boolean {
  if (isUsual(first) && isUsual(second)) return first > second
  const [a, b] = [comparable(first), comparable(second)]
  return a.rank > b.rank || (a.rank === b.rank && a.at > b.at)
}

/** The rank is whether it is before, in or after the years 1 to 9999. */
function comparable(text: string): { rank: number; at: string } {
  const instant = parseInstant(text)
  if (typeof instant !== 'string') return { rank: 0, at: instant.at }
  return { rank: text === '-infinity' || text.endsWith(' BC') ? -1 : 1, at: text }
}
