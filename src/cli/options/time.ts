import type { Temporal } from 'temporal-polyfill'
import { WfstoreError } from '../../error.ts'
import { type NoInstant, parseInstant } from '../../instant.ts'
import type { TimeBound } from '../../queries/table/filter.ts'
import { timeZoneOf, zoneHint } from '../../time-zone.ts'
import { UNITS } from './span.ts'

const EXAMPLES =
  'use a duration before now (90s, 30m, 24h, 7d, 2w), today, yesterday, a date (2024-12-01) or RFC 3339 (2024-12-01T08:00:00Z)'

/** An instant, or how to compute it from the current time of the server. */
export type TimeText = TimeBound | ((now: Date) => TimeBound)

/**
 * Reads a time of the command line: a duration before now (a day is 24 hours), a date, today or yesterday (midnight in
 * `timeZone`), a date and time of day in `timeZone`, or a time with an offset, as RFC 3339 or PostgreSQL writes it.
 * @throws WfstoreError usage
 */
export async function readTime(flag: string, text: string, timeZone: string): Promise<TimeText> {
  const [, count, unit] = /^(\d{1,9})([smhdw])$/.exec(text) ?? []
  if (unit !== undefined) {
    const ms = Number(count) * (UNITS[unit] as number) * 1000
    return (now) => ({ text, at: before(flag, text, now, ms) })
  }
  if (text === 'today' || text === 'yesterday') return dayWord(text, timeZone)
  const local = /^\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?)?$/i.test(text)
  const at = local ? await inZone(flag, text, timeZone) : absolute(flag, text)
  return { text: local ? `${text} ${timeZone}` : text, at }
}

/** The instant of a time of the command line. @throws WfstoreError usage */
export async function parseTime(
  flag: string,
  text: string,
  now: Date,
  timeZone: string,
): Promise<TimeBound> {
  const time = await readTime(flag, text, timeZone)
  return typeof time === 'function' ? time(now) : time
}

/** The first instant of the current day in the zone, or of the day before. */
async function dayWord(text: 'today' | 'yesterday', timeZone: string): Promise<TimeText> {
  const { Temporal } = await import('temporal-polyfill')
  return (now) => {
    const today = Temporal.Instant.fromEpochMilliseconds(now.getTime())
      .toZonedDateTimeISO(timeZone)
      .toPlainDate()
    const day = text === 'today' ? today : today.subtract({ days: 1 })
    const at = absolute(text, day.toZonedDateTime(timeZone).toInstant().toString())
    return { text: `${text} ${timeZone}`, at }
  }
}

function before(flag: string, text: string, now: Date, ms: number): string {
  const at = new Date(now.getTime() - ms)
  if (Number.isNaN(at.getTime()) || at.getUTCFullYear() < 1) throw notATime(flag, text)
  return at.toISOString().replace('Z', '000Z')
}

function absolute(flag: string, text: string, shown = text): string {
  const instant = parseInstant(text)
  if (typeof instant !== 'string') return instant.at
  throw notATime(flag, shown, PROBLEMS[instant])
}

/** @throws WfstoreError usage for a time of day that the zone skips or has twice */
async function inZone(flag: string, text: string, timeZone: string): Promise<string> {
  const [day = '', clock] = text.split(/[T ]/i)
  // The same checks as for all other times, and all that UTC needs.
  const utc = absolute(flag, `${day}T${clock ?? '00:00'}Z`, text)
  if (timeZone === 'UTC') return utc
  const { Temporal } = await import('temporal-polyfill')
  const instantOf = (time: Temporal.ZonedDateTime) =>
    absolute(flag, time.toInstant().toString(), text)
  // If a clock change skips midnight, the day begins right after the change; if there are two, at the first.
  if (clock === undefined) return instantOf(Temporal.PlainDate.from(day).toZonedDateTime(timeZone))
  const local = Temporal.PlainDateTime.from(`${day}T${clock}`)
  const [first, last] = (['earlier', 'later'] as const).map((disambiguation) =>
    local.toZonedDateTime(timeZone, { disambiguation }),
  ) as [Temporal.ZonedDateTime, Temporal.ZonedDateTime]
  if (first.equals(last)) return instantOf(first)
  const isTwice = first.toPlainDateTime().equals(local)
  throw new WfstoreError(
    'usage',
    `${flag} ${JSON.stringify(text)} ${isTwice ? 'is two times' : 'does not exist'} in ${timeZone}, because of a clock change`,
    { hint: `use ${withOffset(first)} or ${withOffset(last)}` },
  )
}

const withOffset = (time: Temporal.ZonedDateTime): string =>
  time.toString({ timeZoneName: 'never' })

const PROBLEMS: Record<NoInstant, string> = {
  malformed: 'not a valid time',
  nonexistent: 'a time that does not exist',
  outside: 'not in the years 1 to 9999',
}

const notATime = (flag: string, text: string, what = PROBLEMS.malformed) =>
  new WfstoreError('usage', `${flag} ${JSON.stringify(text)} is ${what}`, { hint: EXAMPLES })

/** @throws WfstoreError usage if the name does not mean the same to Node and PostgreSQL */
export function checkTimeZone(name: string): string {
  const zone = timeZoneOf(name)
  if (zone !== undefined) return zone
  throw new WfstoreError('usage', `--tz ${JSON.stringify(name)} is not a valid time zone`, {
    hint: zoneHint(name),
  })
}
