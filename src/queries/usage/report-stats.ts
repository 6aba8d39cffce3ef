import { byLayout, perRun } from '../../db/distributed/by-layout.ts'
import type { Layout } from '../../db/distributed/layout.ts'
import * as d from '../../db/query/decode.ts'
import type { Run } from '../../db/query/query.ts'
import { empty, raw, type Sql, sql } from '../../db/query/sql.ts'
import { runTime } from '../../tables/executions.ts'
import { countStuck, stuckLimit } from '../executions/running.ts'
import { timeOf } from '../table/validate.ts'
import {
  calendarText,
  dateOf,
  fastDateOf,
  startsOf,
  withoutStatistics,
  zoneOf,
} from './calendar.ts'
import { type UsageFilter, type UsageWhere, usageWhere } from './filter.ts'
import { movedOf } from './moved.ts'
import { entriesSql, type StoreStats } from './stats.ts'
import { type HistoryUnknown, historyUnknown, unknownRows } from './unknown.ts'
import { type Unpriced, unpricedOf, unpricedRows, unpricedSql } from './unpriced.ts'

export interface ReportOptions extends UsageFilter {
  /** IANA name of the zone in which days begin (default: UTC). */
  timeZone?: string | undefined
  /** The end of the last day, if `until` is not earlier (default: now, by the clock of the server). */
  now?: Date | undefined
  /** A running run is stuck without a write for this number of milliseconds (default: 600000). */
  stuckAfterMs?: number | undefined
}

/** Runs that started on a day, and their cost in US dollars, an exact decimal. */
export interface DayOfRuns {
  /** '2024-12-02' */
  day: string
  runs: number
  cost: string
}

/** getStats with more details. Times are milliseconds from the start of a run to its end. */
export interface ReportStats extends Omit<StoreStats, 'totalAuditLogs'> {
  /** Audit entries of the given user and time; null if another filter is given, which entries do not have. */
  totalAuditLogs: number | null
  /** Number of running runs that are stuck. */
  stuckExecutions: number
  /** Share of successful runs among ended runs, from 0 to 1; null without ended runs. */
  successRate: number | null
  /** The median; null without ended runs. */
  p50ExecutionTime: number | null
  p95ExecutionTime: number | null
  p99ExecutionTime: number | null
  /** The ended runs in the percentiles, without removed runs: their number, and the start of the first one. */
  percentilesOver: { runs: number; since: string | null }
  /** The days with runs, from firstDay to lastDay. */
  days: DayOfRuns[]
  /** The day of `since` (default: 29 days before lastDay). */
  firstDay: string
  lastDay: string
  /** Number of removed runs in a quarter of an hour that contains since or until; they count at its begin. */
  historyCut: number
  /** The same for removed audit entries. */
  auditHistoryCut: number
  /** Removed runs that are not included because the history does not have a tag of the filter. */
  historyUnknown: HistoryUnknown[]
  /** The steps of these runs that have no price, so that their cost is not in the total. */
  unpriced: Unpriced
}

const dayShape = { day: d.text(), runs: d.count(), cost: d.amount() }

const reportShape = {
  totalExecutions: d.count(),
  runningExecutions: d.count(),
  stuckExecutions: d.count(),
  successfulExecutions: d.count(),
  failedExecutions: d.count(),
  partialExecutions: d.count(),
  cancelledExecutions: d.count(),
  totalCost: d.number('r.total_cost_exact'),
  totalCostExact: d.amount(),
  totalTokens: d.total(),
  averageExecutionTime: d.number(),
  successRate: d.nullable(d.number()),
  totalAuditLogs: d.nullable(d.count()),
  p50ExecutionTime: percentile(1),
  p95ExecutionTime: percentile(2),
  p99ExecutionTime: percentile(3),
  percentileRuns: d.count(),
  percentileSince: d.nullable(d.time()),
  days: d.nullable(d.rows(dayShape)),
  firstDay: d.text(calendarText('day', 'r.first_day')),
  lastDay: d.text(calendarText('day', 'r.last_day')),
  historyCut: d.count(),
  auditHistoryCut: d.count(),
  historyUnknown: unknownRows,
  unpriced: unpricedRows,
}

/** Seconds to milliseconds with three places: times have microseconds, further digits are rounding errors. */
function percentile(place: number) {
  return d.nullable(d.number(`round((r.percentiles[${place}] * 1000)::numeric, 3)`))
}

/**
 * Statistics of all runs or of the filtered runs, read in one statement. Totals include runs that cleanup has removed.
 * @throws WfstoreError usage for an invalid filter or zone
 */
export async function reportStats(run: Run, options: ReportOptions = {}): Promise<ReportStats> {
  const { timeZone = 'UTC', now, stuckAfterMs, ...filter } = options
  const stuck = stuckLimit(stuckAfterMs)
  const where = usageWhere(filter)
  const { userId, since, until, ...ofRuns } = filter
  const counted = Object.values(ofRuns).every((value) => value === undefined)
  const zone = sql`${zoneOf(timeZone)}::text`
  const moment = now === undefined ? raw('now()') : sql`${timeOf('now', now)}::timestamptz`
  const [row] = await run(
    byLayout((layout) => statement(where, zone, moment, counted, stuck, layout)),
    reportShape,
  )
  const { percentileRuns, percentileSince, days, ...stats } = row as d.RowOf<typeof reportShape>
  return {
    ...stats,
    percentilesOver: { runs: percentileRuns, since: percentileSince },
    days: days ?? [],
    historyUnknown: historyUnknown(stats.historyUnknown),
    unpriced: unpricedOf(stats.unpriced),
  }
}

const DAYS = 30

const statement = (
  where: UsageWhere,
  zone: Sql,
  now: Sql,
  entries: boolean,
  stuck: number,
  layout: Layout,
) => sql`
with ${startsOf('day', zone)},
bounds as (
  select *, first_day::timestamp at time zone ${zone} as first_instant
  from (
    select ${where.since === undefined ? raw(`last_day - ${DAYS - 1}`) : dateOf('day', where.since, zone)} as first_day, last_day
    from (select ${dateOf('day', sql`least(${where.until ?? raw('null::timestamptz')} - interval '1 microsecond', ${now})`, zone)} as last_day) as l
  ) as f
),
counted as (${daysOf(
  sql`
  select ${recentDay('e.start_time', zone)} as day, ${byStatus((where) => `count(*) ${where}`)},
         count(*) as runs, sum(e.total_cost) as cost, sum(e.total_tokens) as tokens, count(e.end_time) as timed,
         extract(epoch from sum(${raw(runTime('e'))})) * 1000 as duration${perRun(layout)}
  from ${withoutStatistics('workflow_executions', where.on('start_time'), layout)} group by 1${perRun(layout)}
  union all
  select ${recentDay('e.quarter_start', zone)}, ${byStatus((where) => `sum(e.runs) ${where}`)},
         sum(e.runs), sum(e.total_cost), sum(e.total_tokens), sum(e.timed_runs), sum(e.duration_ms)${perRun(layout)}
  from ${withoutStatistics('usage_history', where.on('quarter_start'), layout)} group by 1${perRun(layout)}
  ${where.byModel ? moved(where, zone, layout) : empty}`,
  layout,
)}
), totals as (
  select coalesce(sum(runs), 0) as total_executions,
         ${raw(
           Object.values(STATUSES)
             .map((name) => `coalesce(sum(${name}), 0) as ${name}_executions`)
             .join(',\n         '),
         )},
         coalesce(sum(cost), 0) as total_cost_exact,
         coalesce(sum(tokens), 0) as total_tokens,
         coalesce(sum(duration) / nullif(sum(timed), 0), 0) as average_execution_time,
         round(coalesce(sum(successful), 0) / nullif(sum(runs) - coalesce(sum(running), 0), 0), 6) as success_rate
  from counted
), per_day as (
  select json_agg(${raw(d.jsonArrayOf(dayShape, 'p'))} order by p.day) as days
  from (select ${raw(calendarText('day', 'day'))} as day, sum(runs) as runs, sum(cost) as cost
        from counted where isfinite(day) group by counted.day) as p
), kept as (
  select count(e.end_time) as percentile_runs, min(e.start_time) filter (where e.end_time is not null) as percentile_since,
         percentile_cont(array[0.5, 0.95, 0.99])
           within group (order by date_part('epoch', ${raw(runTime('e'))})) as percentiles
  from workflow_executions e ${where.on('start_time')}
), stuck as (
  select ${countStuck(sql`(select * from workflow_executions e ${where.on('start_time')})`, stuck)} as stuck_executions
), entries as (
  select ${
    entries
      ? entriesSql(where.on('timestamp'), where.on('quarter_start'), layout)
      : raw('null::bigint')
  } as total_audit_logs,
         ${where.cut('usage_history', 'runs')} as history_cut,
         ${entries ? where.cut('audit_history', 'entries') : raw('0')} as audit_history_cut,
         ${where.unknown()}::text as history_unknown, ${unpricedSql(where, layout)}::text as unpriced
)
select ${raw(d.selectList(reportShape, 'r'))} from (select * from totals, per_day, kept, stuck, entries, bounds) as r`

/** A distributed store adds up the rows of each day on each shard. */
const daysOf = (rows: Sql, layout: Layout): Sql =>
  layout === 'single'
    ? rows
    : sql`select day, ${raw(SUMS.map((name) => `sum(${name}) as ${name}`).join(', '))} from (${rows}) as rows_of_runs group by day`

/** The cost of steps with another model than their run. */
const moved = (where: UsageWhere, zone: Sql, layout: Layout): Sql => {
  const { from, alias } = movedOf(where, layout)
  const none = raw('0, '.repeat(Object.keys(STATUSES).length + 1))
  return sql`union all
  select ${recentDay('e.start_time', zone)}, ${none}sum(${raw(alias)}.total_cost), sum(${raw(alias)}.total_tokens), 0, 0${perRun(layout)}
  from ${from} group by 1${perRun(layout)}`
}

const STATUSES = {
  running: 'running',
  success: 'successful',
  failed: 'failed',
  partial: 'partial',
  cancelled: 'cancelled',
}

const SUMS = [...Object.values(STATUSES), 'runs', 'cost', 'tokens', 'timed', 'duration']

/**
 * A column for each status. If status were in the GROUP BY, PostgreSQL would expect thousands of groups and sort all rows,
 * although it could hash them.
 */
const byStatus = (runs: (where: string) => string): Sql =>
  raw(
    Object.entries(STATUSES)
      .map(([status, name]) => `${runs(`filter (where e.status = '${status}')`)} as ${name}`)
      .join(', '),
  )

/** SQL of the day if it is one of the shown days, else NULL. */
const recentDay = (column: string, zone: Sql): Sql => {
  const instant = raw(column)
  return sql`case when ${instant} >= (select first_instant from bounds) then ${fastDateOf('day', instant, zone)} end`
}
