import { formatTime } from '../../cli/output/text/format.ts'
import type { CalendarPart } from '../../queries/usage/calendar.ts'

/** What the database says of billing. */
export interface CurrentBilling {
  /** The zone of the billing months. */
  zone: string
  /** The current month. */
  month: string
}

export interface ReportSpan {
  /** RFC 3339 in UTC: the midnight at which the first day begins. */
  since: string
  /** The midnight after the last day. */
  until: string
  timeZone: string
  /** The given times that are inside a day, and the midnights that replace them. */
  rounded: Rounded[]
}

export interface Rounded {
  flag: '--since' | '--until'
  given: string
  to: string
}

const DAY_MS = 86_400_000

/** More than 100 bars are hard to tell apart. */
const MOST_DAYS = 100
const MOST_WEEKS_DAYS = 730
/** A longer chart leaves out the months before the first run. */
const MOST_DATES = 120

/** The part of the calendar that a bar covers, for a time of this length. */
export function partFor(since: string, until: string): CalendarPart {
  const days = (Date.parse(until) - Date.parse(since)) / DAY_MS
  return days <= MOST_DAYS ? 'day' : days <= MOST_WEEKS_DAYS ? 'week' : 'month'
}

/** The day of an instant in a time zone: '2024-12-02'. */
export const dayOf = (instant: string, timeZone: string): string =>
  formatTime(instant, timeZone, 'minutes').slice(0, 10)

/**
 * All dates of a chart, also those without runs, from the day `first` to the day `last` or to the last run.
 * @param found the dates that have runs, in order
 */
export function datesBetween(
  part: CalendarPart,
  first: string,
  last: string,
  found: readonly string[],
): string[] {
  const [begin] = found
  if (begin === undefined) return []
  const to = [startOf(part, last), ...found].sort().at(-1) as string
  const dates: string[] = []
  for (let date = startOf(part, first); date <= to; date = nextDate(part, date)) dates.push(date)
  return dates.length > MOST_DATES ? dates.filter((date) => date >= begin) : dates
}

function startOf(part: CalendarPart, day: string): string {
  if (part === 'month') return day.slice(0, 7)
  const time = Date.parse(day)
  const fromMonday = part === 'week' ? (new Date(time).getUTCDay() + 6) % 7 : 0
  return isoDay(time - fromMonday * DAY_MS)
}

/** The date after a date of a chart. */
export function nextDate(part: CalendarPart, date: string): string {
  if (part !== 'month') return isoDay(Date.parse(date) + (part === 'week' ? 7 : 1) * DAY_MS)
  const [year, month] = date.split('-').map(Number) as [number, number]
  return month === 12
    ? `${String(year + 1).padStart(4, '0')}-01`
    : `${date.slice(0, 4)}-${String(month + 1).padStart(2, '0')}`
}

/** The month before a month. */
export const monthBefore = (month: string): string =>
  isoDay(Date.parse(`${month}-01`) - DAY_MS).slice(0, 7)

/** All months from the first to the last. */
export function monthsBetween(first: string, last: string): string[] {
  const [from, to] = [first, last].map((month) => {
    const [year, number] = month.split('-').map(Number) as [number, number]
    return 12 * year + number - 1
  }) as [number, number]
  return Array.from({ length: Math.max(0, to - from + 1) }, (_, index) => {
    const month = from + index
    return `${String(Math.floor(month / 12)).padStart(4, '0')}-${String((month % 12) + 1).padStart(2, '0')}`
  })
}

const isoDay = (time: number) => new Date(time).toISOString().slice(0, 10)

const format = (options: Intl.DateTimeFormatOptions) =>
  new Intl.DateTimeFormat('en-GB', { timeZone: 'UTC', ...options })
const SHORT = {
  day: format({ day: 'numeric', month: 'short' }),
  week: format({ day: 'numeric', month: 'short', year: '2-digit' }),
  month: format({ month: 'short', year: 'numeric' }),
}
const LONG = {
  day: format({ weekday: 'short', day: 'numeric', month: 'short', year: 'numeric' }),
  week: format({ day: 'numeric', month: 'short', year: 'numeric' }),
  month: format({ month: 'long', year: 'numeric' }),
}

/** The label below a bar: '3 Nov'. */
export const shortDate = (part: CalendarPart, date: string): string =>
  SHORT[part].format(Date.parse(date))

/** 'Tue, 3 Nov 2026'. */
export const longDate = (part: CalendarPart, date: string): string =>
  `${part === 'week' ? 'week of ' : ''}${LONG[part].format(Date.parse(date))}`

/** '3 November 2026', followed by the time of day if it is not midnight. */
export function instantIn(instant: string, timeZone: string): string {
  const clock = formatTime(instant, timeZone, 'seconds').slice(11)
  const day = new Intl.DateTimeFormat('en-GB', {
    timeZone,
    day: 'numeric',
    month: 'long',
    year: 'numeric',
  }).format(Date.parse(instant))
  return clock === '00:00:00' ? day : `${day}, ${clock.slice(0, 5)}`
}

/** '1 November 2026 to 30 November 2026'. An end at midnight is shown as the day before. */
export function spanIn(since: string, until: string, timeZone: string): string {
  const atMidnight = formatTime(until, timeZone, 'seconds').endsWith(' 00:00:00')
  const last = atMidnight ? new Date(Date.parse(until) - 1).toISOString() : until
  const end = atMidnight ? instantIn(last, timeZone).split(',')[0] : instantIn(until, timeZone)
  const begin = instantIn(since, timeZone)
  return begin === end ? begin : `${begin} to ${end}`
}

/** Whether an instant is the start of a date of a chart. */
export const beginsIn = (part: CalendarPart, instant: string, timeZone: string): boolean => {
  const day = dayOf(instant, timeZone)
  const first = part === 'month' ? `${day.slice(0, 7)}-01` : startOf(part, day)
  return `${first} 00:00:00` === formatTime(instant, timeZone, 'seconds')
}

export const justBefore = (instant: string) => new Date(Date.parse(instant) - 1).toISOString()

/** The length of a time in whole months, or undefined if it does not consist of whole months. */
function monthsIn(since: string, until: string, timeZone: string): number | undefined {
  if (!beginsIn('month', since, timeZone) || !beginsIn('month', until, timeZone)) return undefined
  const [from, to] = [since, until].map((instant) => {
    const [year, month] = dayOf(instant, timeZone).split('-').map(Number) as [number, number]
    return 12 * year + month
  }) as [number, number]
  return to - from
}

const daysIn = (since: string, until: string, timeZone: string) =>
  Math.round((Date.parse(dayOf(until, timeZone)) - Date.parse(dayOf(since, timeZone))) / DAY_MS)

/** The start of the time before a time of whole days: as many months, or as many days. PostgreSQL has no year before 1. */
export async function timeBefore(
  since: string,
  until: string,
  timeZone: string,
): Promise<string | null> {
  const { Temporal } = await import('temporal-polyfill')
  const months = monthsIn(since, until, timeZone)
  const length = months === undefined ? { days: daysIn(since, until, timeZone) } : { months }
  const begin = Temporal.PlainDate.from(dayOf(since, timeZone)).subtract(length)
  if (begin.year < 1) return null
  const instant = begin.toZonedDateTime(timeZone).startOfDay()
  return new Date(instant.epochMilliseconds).toISOString()
}

/** 'the 30 days before', or 'September 2026': the time before the report. */
export function lengthBefore(since: string, until: string, timeZone: string): string {
  const months = monthsIn(since, until, timeZone)
  if (months === 1) return longDate('month', dayOf(justBefore(since), timeZone).slice(0, 7))
  if (months !== undefined) return `the ${months} months before`
  const days = daysIn(since, until, timeZone)
  return days === 1 ? 'the day before' : `the ${days} days before`
}

/** The months that a time touches, in the billing zone. */
export const monthsOf = (since: string, until: string, zone: string): string[] =>
  monthsBetween(dayOf(since, zone).slice(0, 7), dayOf(justBefore(until), zone).slice(0, 7))
