import { byLayout, perRun } from '../../db/distributed/by-layout.ts'
import type { Layout } from '../../db/distributed/layout.ts'
import * as d from '../../db/query/decode.ts'
import type { Run } from '../../db/query/query.ts'
import { empty, join, raw, sql } from '../../db/query/sql.ts'
import { columnOf } from '../../tables/column.ts'
import { isTagKey, type TagKey, tagOfKey } from '../table/tag.ts'
import { countOf } from '../table/validate.ts'
import { type CalendarPart, calendarKey, withoutStatistics, zoneOf } from './calendar.ts'
import { DIMENSION_FIELDS } from './dimensions.ts'
import { type UsageFilter, usageWhere } from './filter.ts'
import { movedOf } from './moved.ts'

/** The keys of a series: what the history knows of all removed runs, and tags. */
export const SERIES_KEYS = ['model', 'status', 'user', 'mode', 'workflow'] as const
export type SeriesKey = (typeof SERIES_KEYS)[number] | TagKey

export interface SeriesOptions extends UsageFilter {
  part: CalendarPart
  by: SeriesKey
  /** IANA name of the zone in which days, weeks and months begin (default: UTC). */
  timeZone?: string | undefined
  /** Number of keys with the highest cost over the whole time; all others are one key, `other`. */
  top?: number | undefined
}

const pointShape = {
  /** '2024-12-02' for a day and a week (its Monday), '2024-12' for a month; null for an infinite start. */
  date: d.nullable(d.text()),
  /** Null for `other` and for the total. */
  key: d.nullable(d.text('r.key')),
  other: d.boolean(),
  /** True for the total of a date over all keys. */
  isTotal: d.boolean(),
  runs: d.count(),
  /** US dollars as an exact decimal. */
  cost: d.amount(),
}
export type Point = d.RowOf<typeof pointShape>

export interface Series {
  /** The highest cost first, as in `costBy`. The runs without a tag have the key ''. */
  keys: string[]
  /** By date, then in the order of the keys, with `other` and the total last. Dates without runs have no points. */
  points: Point[]
}

/**
 * Runs and their cost over time, by the same keys at every date, including removed runs, read in one statement.
 * @throws WfstoreError usage for an invalid filter, zone or number
 */
export async function costSeries(run: Run, options: SeriesOptions): Promise<Series> {
  const { part, by, timeZone = 'UTC', top, ...filter } = options
  const where = usageWhere(filter)
  // A key is never null: without the tag it is empty.
  const column = isTagKey(by)
    ? sql`coalesce(e.tags ->> ${tagOfKey(by)}, '')`
    : raw(`e.${columnOf(DIMENSION_FIELDS[by])}`)
  const zone = zoneOf(timeZone)
  const calendar = calendarKey(part, zone)
  const limit = countOf('top', top, 1)
  const isRest = limit === null ? raw('false') : sql`place > ${limit}::bigint`
  const moved = (layout: Layout) => {
    if (by !== 'model' && !where.byModel) return empty
    const { from, alias } = movedOf(where, layout)
    return sql`union all
    select ${calendar.of(sql`e.start_time`)}, ${by === 'model' ? raw(`${alias}.model_id`) : column}, 0, sum(${raw(alias)}.total_cost)${perRun(layout)}
    from ${from} group by 1, 2${perRun(layout)}`
  }
  const shape = { ...pointShape, date: d.nullable(d.text(calendar.text('r.date'))) }
  const rows = await run(
    byLayout(
      (layout) => sql`
with ${join([empty, ...calendar.needs.map((need) => sql`${need},`)], '')}
counted as (
  select date, key, sum(runs) as runs, sum(cost) as cost
  from (
    select ${calendar.of(sql`e.start_time`)} as date, ${column} as key, count(*) as runs, sum(e.total_cost) as cost${perRun(layout)}
    from ${withoutStatistics('workflow_executions', where.on('start_time'), layout)} group by 1, 2${perRun(layout)}
    union all
    select ${calendar.of(sql`e.quarter_start`)}, ${column}, sum(e.runs), sum(e.total_cost)${perRun(layout)}
    from ${withoutStatistics('usage_history', where.on('quarter_start'), layout)} group by 1, 2${perRun(layout)}
    ${moved(layout)}
  ) as all_rows group by date, key having sum(runs) <> 0 or sum(cost) <> 0
), placed as (
  -- A join of the keys could not be hashed, because a key may be null.
  select date, key, runs, cost,
         dense_rank() over (order by key_cost desc, key_runs desc, key collate "C") as place
  from (select *, sum(cost) over (partition by key) as key_cost, sum(runs) over (partition by key) as key_runs from counted) as summed
), rested as (
  select date, case when not ${isRest} then key end as key, case when not ${isRest} then place end as place,
         ${isRest} as other, runs, cost
  from placed
), r as (
  select date, key, place, coalesce(other, false) as other, grouping(other) = 1 as is_total,
         sum(runs) as runs, sum(cost) as cost
  from rested group by grouping sets ((date, key, place, other), (date))
)
select ${raw(d.selectList(shape, 'r'))}, coalesce(r.place, 0) as place
from r order by r.date, r.is_total, r.other, r.place`,
    ),
    { ...pointShape, place: d.count() },
  )
  const keys: string[] = []
  for (const { key, place } of rows) if (key !== null) keys[place - 1] = key
  return { keys, points: rows.map(({ place: _, ...point }) => point) }
}
