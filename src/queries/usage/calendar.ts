import { WfstoreError } from '../../error.ts'
import { timeZoneOf } from '../../time-zone.ts'

/** Parts of the calendar that runs can be counted by. A week begins on Monday, as ISO 8601 has it. */
export const CALENDAR = ['day', 'week', 'month'] as const
export type CalendarPart = (typeof CALENDAR)[number]

/**
 * PostgreSQL takes these names for abbreviations, which know no summer time, before it looks for a zone of that name.
 * The zones that IANA links them to are the same ones.
 */
const NOT_ABBREVIATIONS: Record<string, string> = {
  CET: 'Europe/Brussels',
  MET: 'Europe/Brussels',
  EET: 'Europe/Athens',
  WET: 'Europe/Lisbon',
}

/**
 * The name by which PostgreSQL knows a time zone.
 * @throws WfstoreError usage where it is no IANA name: PostgreSQL reads "+05:30" as west of Greenwich
 */
export function zoneOf(name: string): string {
  if (typeof name !== 'string' || !/^[A-Za-z]/.test(name) || timeZoneOf(name) === undefined)
    throw new WfstoreError('usage', `timeZone ${JSON.stringify(name)} is not a time zone`, {
      hint: 'give an IANA name such as Europe/Berlin or UTC',
    })
  return NOT_ABBREVIATIONS[name.toUpperCase()] ?? name
}

/** SQL of the date on which the part of the calendar begins that holds this instant, for a few rows. */
export const dateOf = (part: CalendarPart, instant: string, zone: string): string =>
  part === 'day'
    ? `((${instant}) at time zone ${zone})::date`
    : `date_trunc('${part}', ${instant} at time zone ${zone})::date`

/** The same for many rows: `startsOf(part)` is to stand in the WITH of the statement. */
export const fastDateOf = (part: CalendarPart, instant: string, zone: string): string =>
  `coalesce(nullif((select dates from ${part}_starts)[width_bucket(${instant}, (select instants from ${part}_starts))],
     'infinity'), ${dateOf(part, instant, zone)})`

/**
 * When the days, weeks or months of four years begin in a zone, for PostgreSQL to look up: converting the time of every
 * run costs as much as the rest of the report. Runs outside of the four years, which end tomorrow, are converted.
 * An array without NULL is read in one step.
 */
export const startsOf = (part: CalendarPart, zone: string): string => `
${part}_starts as materialized (
  select array_agg(instant order by instant, date) as instants, array_agg(date order by instant, date) as dates
  from (
    select date, instant - case when ${dateOf('day', `instant - interval '1 hour'`, zone)} = date
                                then interval '1 hour' else interval '0' end as instant
    from (
      select local::date as date, local at time zone ${zone} as instant
      from (select (now() + interval '1 day') at time zone ${zone} as last) as bounds,
           generate_series(date_trunc('${part}', last - interval '4 years'), last, interval '1 ${part}') as local
    ) as midnights
    -- A day that a zone has skipped does not begin; one whose midnight comes twice begins with the first.
    where ${dateOf('day', 'instant', zone)} = date
    union all
    select 'infinity', now() + interval '1 day'
  ) as starts
)`

/** The date as text: a day, the Monday of a week, a month. */
export const calendarText = (part: CalendarPart, date: string): string =>
  `to_char(${date}, '${part === 'month' ? 'YYYY-MM' : 'YYYY-MM-DD'}')`

/** How many rows are grouped by a part of the calendar. */
export interface CalendarKey {
  part: CalendarPart
  /** SQL of the key of an instant. */
  of: (instant: string) => string
  /** SQL of the text of a key. */
  text: (key: string) => string
  /** What is to stand in the WITH of the statement. */
  needs: string[]
}

const BINS = { day: '1 day', week: '7 days' }

/** @param bound SQL of the zone, asked for where it is needed */
export function calendarKey(
  part: CalendarPart,
  timeZone: string,
  bound: () => string,
): CalendarKey {
  // Days of UTC are all of one length, and a division costs less than a look-up. 2001 began on a Monday.
  if (timeZone.toUpperCase() === 'UTC' && part !== 'month') {
    return {
      part,
      of: (instant) => `date_bin('${BINS[part]}', ${instant}, '2001-01-01T00:00:00Z')`,
      text: (key) => calendarText(part, `${key} at time zone 'UTC'`),
      needs: [],
    }
  }
  const zone = bound()
  return {
    part,
    of: (instant) => fastDateOf(part, instant, zone),
    text: (key) => calendarText(part, key),
    needs: [startsOf(part, zone)],
  }
}

/**
 * The rows of a table with the alias e, to be grouped by a part of the calendar. PostgreSQL would take every time for a
 * day of its own, expect a group a row and then not let workers group. Of a UNION it has no statistics and expects a few
 * hundred. The half without rows is planned away. What looks up `startsOf` is to stand outside: inside, it would keep
 * workers from this very scan.
 */
export const withoutStatistics = (table: string, where: string): string =>
  `(select * from ${table} e where false union all select * from ${table} e ${where})`
