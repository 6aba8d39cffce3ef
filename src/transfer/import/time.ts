/** Times as an export writes them, and RFC 3339 with any offset and up to six digits of a second. */

const TIME = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?(Z|[+-]\d\d:\d\d)$/
/** Times that PostgreSQL has and JavaScript has not. The difference of two of them can be an error. */
const OUTSIDE = /^-?infinity$|^\d{5,6}-|^0000-| BC$/
const EXPECTED =
  'not a time such as 2024-12-01T08:00:00.000000Z: RFC 3339 with its zone, to the microsecond at most'

/** What is wrong with a value that must be a time. */
export function timeProblem(value: unknown): string | undefined {
  const parts = typeof value === 'string' ? TIME.exec(value) : null
  if (typeof value === 'string' && OUTSIDE.test(value)) return 'not a time of the years 1 to 9999'
  if (!parts) return EXPECTED
  const [year, month, day, hour, minute, second] = parts.slice(1, 7).map(Number) as Six
  const zone = parts[8] as string
  const exists =
    month >= 1 &&
    month <= 12 &&
    day >= 1 &&
    day <= daysOf(year, month) &&
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

/** As an export writes a time: such texts sort as the times do. */
const isUsual = (time: string): boolean => /^.{19}\.\d{6}Z$/.test(time)

/** Is `first` later than `second`? Both are times. */
export function isAfter(first: string, second: string): boolean {
  if ([first, second].every(isUsual)) return first > second
  const [a, b] = [instant(first), instant(second)]
  return a.seconds > b.seconds || (a.seconds === b.seconds && a.micros > b.micros)
}

const instant = (time: string): { seconds: number; micros: number } => {
  const [, fraction = ''] = /\.(\d+)/.exec(time) ?? []
  const whole = Date.parse(time.replace(/\.\d+/, ''))
  return { seconds: whole / 1000, micros: Number(fraction.padEnd(6, '0')) }
}
