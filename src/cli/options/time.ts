import { WfstoreError } from '../../error.ts'
import type { TimeBound } from '../../queries/table/filter.ts'
import { timeZoneOf } from '../../time-zone.ts'
import { UNITS } from './span.ts'

const EXAMPLES =
  'use a duration before now (90s, 30m, 24h, 7d, 2w), a date (2024-12-01) or RFC 3339 (2024-12-01T08:00:00Z)'

/**
 * Parses a time on the command line: a duration before `now` (a day is 24 hours), a date (midnight in `timeZone`), a
 * date and time of day in `timeZone`, or RFC 3339.
 * @throws WfstoreError usage
 */
export async function parseTime(
  flag: string,
  text: string,
  now: Date,
  timeZone: string,
): Promise<TimeBound> {
  const span = /^(\d{1,9})([smhdw])$/.exec(text)
  if (span) {
    const at = new Date(
      now.getTime() - Number(span[1]) * (UNITS[span[2] as string] as number) * 1000,
    )
    if (Number.isNaN(at.getTime()) || at.getUTCFullYear() < 1) throw notATime(flag, text)
    return { text, at: at.toISOString().replace('Z', '000Z') }
  }
  // PostgreSQL has no year 0, and a zone in brackets would contradict --tz.
  if (!/^\d{4}-\d\d-\d\d[^[]*$/.test(text) || text.startsWith('0000')) throw notATime(flag, text)
  const { Temporal } = await import('temporal-polyfill')
  try {
    const absolute = /(Z|[+-]\d\d:?\d\d)$/i.test(text) && text.length > 10
    // If a clock change skips midnight, the day begins right after the change.
    const instant = absolute
      ? Temporal.Instant.from(text)
      : text.length === 10
        ? Temporal.PlainDate.from(text).toZonedDateTime(timeZone).toInstant()
        : Temporal.PlainDateTime.from(text).toZonedDateTime(timeZone).toInstant()
    const at = instant.toString({ fractionalSecondDigits: 6 })
    return { text: absolute ? text : `${text} ${timeZone}`, at }
  } catch {
    throw notATime(flag, text)
  }
}

const notATime = (flag: string, text: string) =>
  new WfstoreError('usage', `${flag} ${JSON.stringify(text)} is not a valid time`, {
    hint: EXAMPLES,
  })

/** @throws WfstoreError usage if the name is not an IANA time zone */
export function checkTimeZone(name: string): string {
  const zone = timeZoneOf(name)
  if (zone !== undefined) return zone
  throw new WfstoreError('usage', `--tz ${JSON.stringify(name)} is not a valid time zone`, {
    hint: 'use an IANA name such as Europe/Berlin or UTC',
  })
}
