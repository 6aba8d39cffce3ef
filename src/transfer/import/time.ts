/** Times as an export writes them, and RFC 3339 with any offset and up to six digits of a second. */

const TIME = /^(\d{4,6})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?(Z|[+-]\d\d:\d\d)( BC)?$/
const EXPECTED =
  'not a time such as 2024-12-01T08:00:00.000000Z: RFC 3339 with its zone, to the microsecond at most'

/** What is wrong with a value that must be a time. */
export function timeProblem(value: unknown): string | undefined {
  if (value === 'infinity' || value === '-infinity') return undefined
  const parts = typeof value === 'string' ? TIME.exec(value) : null
  if (!parts) return EXPECTED
  const [year, month, day, hour, minute, second] = parts.slice(1, 7).map(Number) as Six
  const zone = parts[8] as string
  const exists =
    year >= 1 &&
    month >= 1 &&
    month <= 12 &&
    day >= 1 &&
    day <= daysOf(parts[9] ? 1 - year : year, month) &&
    hour <= 23 &&
    minute <= 59 &&
    second <= 59 &&
    (zone === 'Z' || (zone.slice(1, 3) <= '15' && zone.slice(4) <= '59'))
  return exists ? undefined : 'a time that does not exist'
}

type Six = [number, number, number, number, number, number]

function daysOf(year: number, month: number): number {
  const leap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0)
  if (month === 2) return leap ? 29 : 28
  return [4, 6, 9, 11].includes(month) ? 30 : 31
}

/** As an export writes a time of the years 1 to 9999: such texts sort as the times do. */
const isUsual = (time: string): boolean => /^\d{4}-.{15}\d{6}Z$/.test(time)

/** Is `first` later than `second`? Both are times. */
export function isAfter(first: string, second: string): boolean {
  if ([first, second].every(isUsual)) {
    return first > second
  }
  const [a, b] = [instant(first), instant(second)]
  return a.seconds > b.seconds || (a.seconds === b.seconds && a.micros > b.micros)
}

function instant(time: string): { seconds: number; micros: number } {
  const parts = TIME.exec(time)
  if (!parts) {
    return {
      seconds: time === 'infinity' ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY,
      micros: 0,
    }
  }
  const [year, month, day, hour, minute, second] = parts.slice(1, 7).map(Number) as Six
  const date = new Date(0)
  // This takes years below 100 as they are. Years outside of a Date's range do not reach this.
  date.setUTCFullYear(parts[9] ? 1 - year : year, month - 1, day)
  const zone = parts[8] as string
  const offset =
    zone === 'Z'
      ? 0
      : (Number(zone.slice(1, 3)) * 60 + Number(zone.slice(4))) * (zone.startsWith('-') ? -60 : 60)
  return {
    seconds: date.getTime() / 1000 + hour * 3600 + minute * 60 + second - offset,
    micros: Number((parts[7] ?? '').padEnd(6, '0')),
  }
}
