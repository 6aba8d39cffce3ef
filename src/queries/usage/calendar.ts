import type { Layout } from '../../db/distributed/layout.ts'
import { raw, type Sql, sql } from '../../db/query/sql.ts'
import { WfstoreError } from '../../error.ts'
import { timeZoneOf, zoneHint } from '../../time-zone.ts'

/** The parts of the calendar for counting runs. A week begins on Monday, as in ISO 8601. */
export const CALENDAR = ['day', 'week', 'month'] as const
export type CalendarPart = (typeof CALENDAR)[number]

/**
 * The name of a time zone for PostgreSQL.
 * @throws WfstoreError usage if it does not mean the same to Node and PostgreSQL
 */
export function zoneOf(name: string): string {
  if (typeof name === 'string' && timeZoneOf(name) !== undefined) return name
  throw new WfstoreError('usage', `timeZone ${JSON.stringify(name)} is not a time zone`, {
    hint: zoneHint(String(name)),
  })
}

/** SQL of the first date of the day, week or month of an instant, for a few rows. */
export const dateOf = (part: CalendarPart, instant: Sql, zone: Sql): Sql =>
  part === 'day'
    ? sql`((${instant}) at time zone ${zone})::date`
    : sql`date_trunc('${raw(part)}', ${instant} at time zone ${zone})::date`

/** The same for many rows. The statement must have `startsOf(part)` in its WITH. */
export function fastDateOf(part: CalendarPart, instant: Sql, zone: Sql): Sql {
  const starts = raw(`${part}_starts`)
  return sql`coalesce(nullif((select dates from ${starts})[width_bucket(${instant}, (select instants from ${starts}))],
     'infinity'), ${dateOf(part, instant, zone)})`
}

/**
 * The begins of days, weeks or months of four years in a zone, as a lookup table: to convert the time of every run would
 * cost as much as the rest of the report. The four years end tomorrow; times of other runs are converted. An array without
 * NULL is read in one step.
 */
export const startsOf = (part: CalendarPart, zone: Sql): Sql => sql`
${raw(part)}_starts as materialized (
  select array_agg(instant order by instant, date) as instants, array_agg(date order by instant, date) as dates
  from (
    select date, instant - case when ${dateOf('day', sql`instant - interval '1 hour'`, zone)} = date
                                then interval '1 hour' else interval '0' end as instant
    from (
      select local::date as date, local at time zone ${zone} as instant
      from (select (now() + interval '1 day') at time zone ${zone} as last) as bounds,
           generate_series(date_trunc('${raw(part)}', last - interval '4 years'), last, interval '1 ${raw(part)}') as local
    ) as midnights
    -- A day that a zone has skipped has no begin; a day with two midnights begins at the first one.
    where ${dateOf('day', sql`instant`, zone)} = date
    union all
    select 'infinity', now() + interval '1 day'
  ) as starts
)`

/** The date as text: a day, the Monday of a week, a month. */
export const calendarText = (part: CalendarPart, date: string): string =>
  `to_char(${date}, '${part === 'month' ? 'YYYY-MM' : 'YYYY-MM-DD'}')`

/** How rows are grouped by a part of the calendar. */
export interface CalendarKey {
  part: CalendarPart
  /** The key of an instant. */
  of: (instant: Sql) => Sql
  /** SQL of the text of a key. */
  text: (key: string) => string
  /** Parts of the WITH of the statement. */
  needs: Sql[]
  /** SQL of the final key, if rows are grouped by a finer key first. */
  final?: (key: Sql) => Sql
}

const BINS = { day: '1 day', week: '7 days' }

/** @param alone true if rows have no other key, so that grouping them by day first makes few groups */
export function calendarKey(part: CalendarPart, timeZone: string, alone = false): CalendarKey {
  // In UTC all days have the same length, and a division costs less than a lookup. 2001 began on a Monday.
  const isUtc = timeZone.toUpperCase() === 'UTC'
  if (isUtc && part === 'month' && alone) {
    const { of, needs } = calendarKey('day', timeZone)
    const final = (key: Sql) => dateOf(part, key, sql`'UTC'`)
    return { part, of, text: (key) => calendarText(part, key), needs, final }
  }
  if (isUtc && part !== 'month') {
    return {
      part,
      of: (instant) => sql`date_bin('${raw(BINS[part])}', ${instant}, '2001-01-01T00:00:00Z')`,
      text: (key) => calendarText(part, `${key} at time zone 'UTC'`),
      needs: [],
    }
  }
  const zone = sql`${timeZone}::text`
  return {
    part,
    of: (instant) => fastDateOf(part, instant, zone),
    text: (key) => calendarText(part, key),
    needs: [startsOf(part, zone)],
  }
}

/**
 * FROM of the rows of a table with the alias e, for grouping by a part of the calendar. From its statistics PostgreSQL would expect
 * one group for each row, and would not group in parallel. For a UNION it has no statistics and expects a few hundred
 * groups. The planner removes the half without rows. Look up `startsOf` outside of it: inside, it would prevent a parallel
 * scan. `list` is what to select. Citus reads a subquery apart from the rest of a UNION, so a distributed store has only the table here.
 */
export const withoutStatistics = (
  table: string,
  where: Sql,
  layout: Layout,
  list: Sql = raw('*'),
): Sql =>
  layout === 'single'
    ? sql`(select ${list} from ${raw(table)} e where false union all select ${list} from ${raw(table)} e ${where}) as e`
    : sql`${raw(table)} e ${where}`
