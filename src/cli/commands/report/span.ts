import { InvalidArgumentError } from 'commander'
import { WfstoreError } from '../../../error.ts'
import { checkBounds, type TimeBound } from '../../../queries/table/filter.ts'
import {
  type CurrentBilling,
  dayOf,
  justBefore,
  monthsBetween,
  type ReportSpan,
} from '../../../server/markup/dates.ts'
import { timeZoneOf } from '../../../time-zone.ts'
import type { FilterOptions } from '../../options/filter.ts'
import { parseTime } from '../../options/time.ts'
import { list } from '../../options/values.ts'

/** The days of a report: whole days in one time zone. */

export interface SpanFlags extends FilterOptions {
  /** Months, ranges of months, and the words `this` and `last`. */
  period?: string[]
}

export const DAYS = 30
const MOST_MONTHS = 120
const MONTH = /^(?:this|last|\d{4}-(?:0[1-9]|1[0-2]))$/

/** Parses months such as 2026-10, last or 2026-08..2026-10, separated by commas; the option can be repeated. */
export const parsePeriods = list((text: string, previous: string[] = []): string[] => {
  const parts = text.split(',').map((part) => part.trim())
  for (const part of parts) {
    const ends = part.split('..')
    if (ends.length > 2 || !ends.every((end) => MONTH.test(end))) {
      throw new InvalidArgumentError(
        'It must be a month such as 2026-10, a range such as 2026-08..2026-10, or this or last',
      )
    }
  }
  return [...previous, ...parts]
})

/** The months of --period, in order. @throws WfstoreError usage if they are not in a row */
function monthsOfPeriods(parts: readonly string[], current: string): [string, ...string[]] {
  const monthOf = (word: string) =>
    word === 'this' ? current : word === 'last' ? monthBefore(current) : word
  const months = parts.flatMap((part) => {
    const [first = '', last = first] = part.split('..').map(monthOf)
    if (first > last) {
      throw new WfstoreError('usage', `--period ${part} ends before it begins`, {
        hint: 'begin a range with its earlier month',
      })
    }
    return monthsBetween(first, last)
  })
  const [first = '', ...more] = [...new Set(months)].sort()
  const row = monthsBetween(first, more.at(-1) ?? first)
  const missing = row.find((month) => !months.includes(month))
  if (missing !== undefined) {
    throw new WfstoreError('usage', `--period has a gap: ${missing} is missing`, {
      hint: `use --period ${first}..${more.at(-1)}, or write a report for each month`,
    })
  }
  if (row.length > MOST_MONTHS) {
    throw new WfstoreError('usage', `--period has ${row.length} months, more than ${MOST_MONTHS}`, {
      hint: 'use --since and --until',
    })
  }
  return [first, ...more]
}

const monthBefore = (month: string) => dayOf(justBefore(`${month}-01T00:00:00Z`), 'UTC').slice(0, 7)

/**
 * The time that the options name.
 * @throws WfstoreError usage
 */
export async function readSpan(
  flags: SpanFlags,
  billing: CurrentBilling,
  now: Date,
): Promise<ReportSpan> {
  const timeZone = flags.tz ?? billing.zone
  const midnights = await midnightsIn(timeZone)
  const today = midnights.after(now.toISOString())
  if (flags.period !== undefined) {
    checkPeriod(flags, billing.zone)
    const months = monthsOfPeriods(flags.period, billing.month)
    const [first, last] = [months[0], months.at(-1) as string]
    const span = { since: midnights.ofMonth(first, 0), until: midnights.ofMonth(last, 1) }
    return { ...span, timeZone, rounded: [] }
  }
  const read = (flag: string, text: string | undefined) =>
    text === undefined ? undefined : parseTime(flag, text, now, timeZone)
  const bounds = {
    since: await read('--since', flags.since),
    until: await read('--until', flags.until),
  }
  checkBounds(bounds)
  const instantOf = (bound: TimeBound | undefined) => bound && new Date(bound.at).toISOString()
  const [since, until] = [instantOf(bounds.since), instantOf(bounds.until)]
  const end = until === undefined ? today : midnights.upTo(until)
  const begin = since === undefined ? midnights.daysBefore(end, DAYS) : midnights.before(since)
  const rounded = [
    { flag: '--since' as const, given: since, to: begin },
    { flag: '--until' as const, given: until, to: end },
  ]
  return {
    since: begin,
    until: end,
    timeZone,
    rounded: rounded.flatMap(({ flag, given, to }) =>
      given === undefined || given === to ? [] : [{ flag, given, to }],
    ),
  }
}

function checkPeriod({ since, until, tz }: SpanFlags, billingZone: string): void {
  const other = since !== undefined ? '--since' : until !== undefined ? '--until' : undefined
  if (other !== undefined) {
    throw new WfstoreError('usage', `--period and ${other} cannot be used together`, {
      hint: `remove ${other}`,
    })
  }
  if (tz !== undefined && timeZoneOf(tz) !== timeZoneOf(billingZone)) {
    throw new WfstoreError('usage', `--tz ${tz} is not the billing zone, ${billingZone}`, {
      hint: `use --tz ${billingZone}, or --since and --until`,
    })
  }
}

/** @throws WfstoreError usage if no day of the report has begun by the clock of the server */
export function checkPast({ since: begin }: ReportSpan, flags: SpanFlags, now: Date): void {
  const { period, since, until } = flags
  if (begin < now.toISOString() || until !== undefined) return
  const given = period === undefined ? `--since ${since}` : `--period ${period.join(',')}`
  throw new WfstoreError('usage', `${given} is not in the past`, { hint: 'use a time before now' })
}

/** The begins of days in a zone, as instants. If a clock change skips midnight, a day begins right after it. */
async function midnightsIn(timeZone: string) {
  const { Temporal } = await import('temporal-polyfill')
  const text = (begin: { epochMilliseconds: number }) =>
    new Date(begin.epochMilliseconds).toISOString()
  const dayAt = (instant: string) =>
    Temporal.Instant.from(instant).toZonedDateTimeISO(timeZone).startOfDay()
  const before = (instant: string) => text(dayAt(instant))
  const after = (instant: string) => text(dayAt(instant).add({ days: 1 }).startOfDay())
  return {
    /** The latest midnight that is not after the instant. */
    before,
    /** The next midnight. */
    after,
    upTo: (instant: string) => (before(instant) === instant ? instant : after(instant)),
    daysBefore: (midnight: string, days: number) =>
      text(dayAt(midnight).subtract({ days }).startOfDay()),
    ofMonth: (month: string, plus: number) =>
      text(
        Temporal.PlainDate.from(`${month}-01`)
          .add({ months: plus })
          .toZonedDateTime(timeZone)
          .startOfDay(),
      ),
  }
}
