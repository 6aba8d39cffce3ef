import * as d from '../../db/query/decode.ts'
import type { Run } from '../../db/query/query.ts'
import { join, raw, sql } from '../../db/query/sql.ts'
import { name } from '../../tables/column.ts'
import {
  and,
  conditionsOf,
  equals,
  type OneOrMore,
  type TimeLimit,
  timeBounds,
} from '../table/filter.ts'
import { oneOf, timeOf } from '../table/validate.ts'
import { type Metric, metricShape } from './metrics.ts'
import { PERIODS, type Period } from './periods.ts'

const HOUR_MS = 3_600_000

/** The length of two buckets, the current one and the one before. Older values are not current. */
const CURRENT_MS: Record<Period, number> = {
  hour: 2 * HOUR_MS,
  day: 48 * HOUR_MS,
  week: 336 * HOUR_MS,
  month: 1488 * HOUR_MS,
}

export interface CurrentOptions {
  /** 'hour', 'day', 'week' or 'month' (default: the shortest with current values). */
  period?: Period | undefined
  userId?: OneOrMore | undefined
  metricType?: OneOrMore | undefined
  /** Buckets that began at this instant or later (default: 2 hours, 48 hours, 14 days or 62 days before `now`). */
  since?: TimeLimit | undefined
  /** The instant at which values are current (default: now, by the clock of the server). */
  now?: Date | undefined
}

const CRITERIA = {
  userId: equals('m.user_id', name),
  metricType: equals('m.metric_type', name),
}

/**
 * The current metrics: the newest value of each type, user and dimensions in one period, unless it is old. See
 * docs/REPORTS.md for units.
 * @throws WfstoreError usage
 */
export function currentMetrics(run: Run, options: CurrentOptions = {}): Promise<Metric[]> {
  const { period, since, now, ...filter } = options
  const periods = period === undefined ? PERIODS : [oneOf('period', period, PERIODS)]
  const from = timeBounds({ since }).since
  const narrowed = and(
    conditionsOf<Pick<CurrentOptions, 'userId' | 'metricType'>>(CRITERIA, filter),
  )
  const spans = periods.map((one, place) => {
    const moment = now === undefined ? raw('now()') : sql`${timeOf('now', now)}::timestamptz`
    const at = from
      ? sql`${from.at}::timestamptz`
      : sql`${moment} - ${CURRENT_MS[one]}::double precision * interval '1 millisecond'`
    return sql`(select ${one}::text as period, ${place}::integer as place, ${at} as since from observability_metrics m
      where m.timestamp >= ${at} and m.aggregation_period = ${one} ${narrowed} limit 1)`
  })
  return run(
    sql`
with chosen as materialized (
  select s.period, s.since from (${join(spans, ' union all ')}) as s order by s.place limit 1
), current as (
  select distinct on (m.metric_type, m.user_id, m.dimensions) m.*
  from chosen c join observability_metrics m on m.timestamp >= c.since and m.aggregation_period = c.period ${narrowed}
  order by m.metric_type, m.user_id, m.dimensions, m.timestamp desc, m.metric_id desc
)
select ${raw(d.selectList(metricShape, 'm'))} from current m
order by m.metric_type collate "C", m.user_id collate "C", m.dimensions, m.metric_id`,
    metricShape,
  )
}
