import { byLayout } from '../../db/distributed/by-layout.ts'
import type { Layout } from '../../db/distributed/layout.ts'
import * as d from '../../db/query/decode.ts'
import type { Run } from '../../db/query/query.ts'
import { send } from '../../db/query/send.ts'
import { empty, join, raw, type Sql, sql } from '../../db/query/sql.ts'
import { KEEPS_TOTALS_COLUMN } from '../../db/totals.ts'
import { notFinite } from '../../db/values/faults.ts'
import {
  areChecked,
  assertNoFaults,
  type FaultyRows,
  findFaults,
  isChecked,
} from '../../db/values/find.ts'
import { WfstoreError } from '../../error.ts'
import { checkNames, type Names } from '../../options.ts'
import { LONGEST_NAME } from '../../tables/column.ts'
import { type TimeLimit, timeBounds } from '../table/filter.ts'
import { oneOf } from '../table/validate.ts'
import { zoneOf } from '../usage/calendar.ts'
import { PERIODS, type Period } from './periods.ts'
import { AUDIT_TYPE, bucketsOf, measured, metricId, rolledUp } from './rollup-values.ts'

export interface RollupOptions {
  /** The length of the buckets: 'hour', 'day', 'week' or 'month'. */
  period: Period
  /**
   * The first bucket to compute is the bucket of this instant (default: the one before the newest existing bucket, or all
   * buckets if none exists).
   */
  since?: TimeLimit | undefined
  /** IANA name of the zone in which buckets begin (default: UTC). */
  timeZone?: string | undefined
}

const OPTIONS: Names<RollupOptions> = { period: true, since: true, timeZone: true }

export interface RollupResult {
  period: Period
  timeZone: string
  /** Start of the first computed bucket, RFC 3339; null if all buckets were computed. */
  since: string | null
  /** Number of buckets with computed values. */
  buckets: number
  /** Number of values that are new, that have changed, that have not changed, and that have no source any more. */
  inserted: number
  updated: number
  unchanged: number
  deleted: number
  /** Number of buckets that keep their tool_success_rate, because cleanup removed audit entries of them. */
  keptBecauseCleaned: number
  /** Number of values of users whose name no index can hold. They are not stored. */
  skipped: number
  seconds: number
}

const windowShape = {
  /** The key of the first bucket. */
  since: d.time(),
  sinceStart: d.time(),
  /** The time of the last new value of the newest bucket; null without buckets. */
  rolledAt: d.nullable(d.time()),
  /** True if existing buckets outside the window begin in another zone than the given one. */
  otherZone: d.boolean(),
}

/** The begin of the window. @param asked the given instant */
const windowStatement = (period: Period, timeZone: string, asked: string | null): Sql =>
  byLayout((layout) => windowIn(layout, period, timeZone, asked))

function windowIn(layout: Layout, period: Period, timeZone: string, asked: string | null): Sql {
  const { key, start } = bucketsOf(period, sql`${timeZone}::text`, empty)
  const instant = sql`${asked}::timestamptz`
  const order = raw('order by m.timestamp desc, m.metric_id desc')
  const newest = (condition: string) =>
    layout === 'distributed'
      ? sql`select m.timestamp as at from observability_metrics m
     where m.aggregation_period = ${period} ${raw(condition)} and ${raw(rolledUp(period))} ${order} limit 1`
      : // Sorted by the index first, so that few ids are computed.
        sql`select m.timestamp as at
     from (select * from observability_metrics m where m.aggregation_period = ${period} ${raw(condition)}
           ${order} offset 0) as m
     where ${raw(rolledUp(period))} limit 1`
  const before = sql`${start(key(sql`n.at`))} - interval '1 microsecond'`
  return sql`
with newest as materialized (${newest('')}), bounds as materialized (
  select case when ${instant} is not null then ${key(instant)}
              else coalesce((select ${key(before)} from newest n), '-infinity') end as since
), neighbour as (
  ${newest('and m.timestamp < (select since from bounds)')}
), rolled as (
  select coalesce(max(m.created_at), '-infinity') as at from observability_metrics m, newest n
  where m.timestamp = n.at and ${raw(rolledUp(period))} having count(*) > 0
)
select ${raw(d.selectList(windowShape, 'w'))} from (
select b.since, ${start(sql`b.since`)} as since_start,
       (select at from rolled) as rolled_at,
       exists (select 1 from (select at from neighbour
                            union all select at from newest where ${instant} is null) as n
               where ${start(key(sql`n.at`))} <> n.at) as other_zone
from bounds b) as w`
}

const countsShape = {
  buckets: d.count(),
  values: d.count(),
  inserted: d.count(),
  updated: d.count(),
  deleted: d.count(),
  /** Number of rows that another session changed at the same time. */
  missed: d.count(),
  cleaned: d.count(),
  skipped: d.count(),
}

/**
 * Computes and writes in one statement. A row is changed only if it still has the value that was read, because another
 * rollup at the same time may have newer values.
 * @param since the first bucket
 * @param changed older buckets with runs that changed at this time or later are computed too
 */
const rollupStatement = (
  period: Period,
  timeZone: string,
  since: string,
  changed: string | null,
): Sql => byLayout((layout) => rollupIn(layout, period, timeZone, since, changed))

function rollupIn(
  layout: Layout,
  period: Period,
  timeZone: string,
  since: string,
  changed: string | null,
): Sql {
  const first = sql`${since}::timestamptz`
  const buckets = bucketsOf(period, sql`${timeZone}::text`, first)
  const { key, start, rows } = buckets
  const id = raw(metricId(`'${period}'`, 'timestamp', 'user_id', 'type', 'dimensions'))
  const patient = raw('(select patience from patience) is not null')
  return sql`
with patience as materialized (
  select set_config('lock_timeout', '10s', true) as patience, ${raw(KEEPS_TOTALS_COLUMN)}
), touched as materialized (${touchedBuckets(key, first, changed)}), ${measured(buckets, layout)}, computed as materialized (
  select ${id} as metric_id, timestamp, user_id, type, trim_scale(value) as value, dimensions
  from (select *, ${start(sql`key`)} as timestamp from measured where ${raw(fits('user_id', 'type'))}) as started
), stored as materialized (
  ${join(rows('observability_metrics m', 'm.timestamp', 'm.*'), ' union all ')}
), joined as materialized (
  -- A full join is never a nested loop, which the planner would choose if it expects few rows.
  select m.*, c.metric_id as computed_id, c.timestamp as computed_timestamp, c.user_id as computed_user, c.type, c.value, c.dimensions as computed_dimensions
  from computed c full join stored m on m.metric_id = c.metric_id
), compared as materialized (
  select computed_id as metric_id, computed_timestamp as timestamp, computed_user as user_id, type, value, computed_dimensions as dimensions,
         metric_id is null as is_new, metric_value as before
  from joined where computed_id is not null
), gone as materialized (
  select m.metric_id, m.metric_value as before
  from joined m where computed_id is null and ${raw(rolledUp(period))}
    and ${raw(fits('m.user_id', 'm.metric_type'))}
    and not (m.metric_type = ${raw(AUDIT_TYPE)} and m.key in (select key from cleaned))
), inserted as (
  insert into observability_metrics as m
    (metric_id, timestamp, user_id, metric_type, metric_value, aggregation_period, dimensions)
  select metric_id, timestamp, user_id, type, value, ${period}, dimensions from compared
  where is_new and ${patient} order by metric_id
  on conflict (metric_id) do update
    set timestamp = excluded.timestamp, metric_value = excluded.metric_value
    -- Another session has changed the timestamp of the row; a rollup at the same time would not do that.
    where m.timestamp <> excluded.timestamp
  returning 1
), updated as (
  update observability_metrics m set metric_value = c.value from compared c
  where m.metric_id = c.metric_id and c.before <> c.value and m.metric_value = c.before and ${patient} returning 1
), deleted as (
  delete from observability_metrics m using gone g
  where m.metric_id = g.metric_id and m.metric_value = g.before and ${patient} returning 1
), done as (
  select (select count(*) from inserted) as inserted, (select count(*) from updated) as updated,
         (select count(*) from deleted) as deleted
)
select count(distinct c.timestamp) as buckets, count(c.metric_id) as values, d.inserted, d.updated, d.deleted,
       count(*) filter (where c.is_new or c.before <> c.value) + (select count(*) from gone)
         - d.inserted - d.updated - d.deleted as missed,
       (select count(*) from cleaned) as cleaned,
       (select count(*) from measured where not ${raw(fits('user_id', 'type'))}) as skipped
from done d left join compared c on true group by d.inserted, d.updated, d.deleted`
}

/** SQL: an index can hold both. A run of the old application may have a longer user, and must not stop the rollup. */
const fits = (user: string, type: string): string =>
  `octet_length(${user}) + octet_length(${type}) <= ${2 * LONGEST_NAME}`

/** The columns that a rollup reads and that must be finite, with the time of the row. */
const READ: Record<string, { time: string; columns: string[] }> = {
  workflow_executions: { time: 'start_time', columns: ['total_cost', 'start_time', 'end_time'] },
  usage_history: {
    time: 'quarter_start',
    columns: ['total_cost', 'duration_ms', 'quarter_start'],
  },
  audit_logs: { time: 'timestamp', columns: ['timestamp'] },
}

/** Reads the rows of the window only if the check of their table is missing or not validated. @throws WfstoreError conflict */
async function assertFinite(
  run: Run,
  period: Period,
  timeZone: string,
  since: string,
  changed: string | null,
): Promise<void> {
  if (await areChecked(run, Object.keys(READ))) return
  const first = sql`${since}::timestamptz`
  const { key, rows } = bucketsOf(period, sql`${timeZone}::text`, first)
  const found: FaultyRows[] = []
  for (const [table, { time, columns }] of Object.entries(READ)) {
    const from = sql`(with touched as materialized (${touchedBuckets(key, first, changed)})
      select * from (${join(rows(`${table} r`, `r.${time}`, 'r.*'), ' union all ')}) as of_window where not ${raw(isChecked(table))}) as ${raw(table)}`
    found.push(...(await findFaults(run, notFinite(table, columns), from)))
  }
  assertNoFaults('roll up the metrics', found)
}

/** The keys of the older buckets with runs that changed at this time or later. */
const touchedBuckets = (key: (instant: Sql) => Sql, first: Sql, changed: string | null): Sql => sql`
  select distinct ${key(sql`e.start_time`)} as key from workflow_executions e
  where e.updated_at >= ${changed}::timestamptz and ${key(sql`e.start_time`)} < ${first}`

const TRIES = 10
/** A transaction may commit this much later than its timestamps. */
const LATE_MS = 3_600_000

/**
 * Fills observability_metrics from runs and audit entries, by user; docs/REPORTS.md explains each type. Existing values
 * change only if they differ, so that a repeat does nothing. It computes the buckets of the window, and older buckets with
 * runs that have changed since the last rollup. It never changes rows that no rollup has made.
 * @throws WfstoreError usage; conflict if existing values were rolled up in another zone, or a run is not finite; locked
 */
export async function rollupMetrics(run: Run, options: RollupOptions): Promise<RollupResult> {
  checkNames('metrics.rollup', options, OPTIONS)
  const began = performance.now()
  const period = oneOf('period', options.period, PERIODS)
  const timeZone = options.timeZone ?? 'UTC'
  const zone = zoneOf(timeZone)
  const asked = timeBounds({ since: options.since }).since?.at ?? null
  const total = { inserted: 0, updated: 0, deleted: 0 }
  for (let tried = 1; tried <= TRIES; tried++) {
    const [window] = await run(windowStatement(period, zone, asked), windowShape)
    const { since, sinceStart, rolledAt, otherZone } = window as d.RowOf<typeof windowShape>
    if (otherZone) throw ofAnotherZone(period, timeZone)
    const changed = rolledAt === null ? null : earlier(rolledAt)
    await assertFinite(run, period, zone, since, changed)
    const [row] = await send(run, rollupStatement(period, zone, since, changed), countsShape).catch(
      (error) => {
        throw isLockTimeout(error) ? inUse(error) : error
      },
    )
    const done = row as d.RowOf<typeof countsShape>
    for (const what of ['inserted', 'updated', 'deleted'] as const) total[what] += done[what]
    if (done.missed > 0) continue
    return {
      period,
      timeZone,
      since: since === '-infinity' ? null : sinceStart,
      buckets: done.buckets,
      ...total,
      unchanged: Math.max(0, done.values - total.inserted - total.updated),
      keptBecauseCleaned: done.cleaned,
      skipped: done.skipped,
      seconds: Math.round(performance.now() - began) / 1000,
    }
  }
  throw inUse()
}

const isLockTimeout = (error: unknown): boolean =>
  error instanceof WfstoreError && error.sqlState === '55P03'

const inUse = (cause?: WfstoreError) =>
  new WfstoreError('locked', 'other sessions keep changing the metrics', {
    hint: 'run only one rollup of a period at a time',
    cause,
  })

const earlier = (time: string): string =>
  Number.isNaN(Date.parse(time)) ? time : new Date(Date.parse(time) - LATE_MS).toISOString()

const ofAnotherZone = (period: Period, timeZone: string) =>
  new WfstoreError(
    'conflict',
    `metrics by ${period} were rolled up in another time zone than ${timeZone}`,
    { hint: 'use that time zone, or a `since` before the first of these metrics' },
  )
