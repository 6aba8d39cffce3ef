import type { Layout } from '../../db/distributed/layout.ts'
import { join, raw, type Sql, sql } from '../../db/query/sql.ts'
import { ERROR_STATUSES, runTime } from '../../tables/executions.ts'
import { MOVED_COST, MOVED_PARTS } from '../../tables/models.ts'
import type { Period } from './periods.ts'

/** The type that comes from audit entries; the others come from runs. */
export const AUDIT_TYPE = `'tool_success_rate'`

/** Maximum number of hours of a bucket. */
const HOURS: Record<Period, number> = { hour: 1, day: 24, week: 168, month: 744 }

const ERRORS = ERROR_STATUSES.map((status) => `'${status}'`).join(', ')

/** SQL of the buckets of a period. `zone` and `since` are bound; `since` is the key of the first bucket of the window. */
export interface Buckets {
  /**
   * The key of all instants of one bucket. If midnight comes twice on a day, it is the second midnight. If a clock change of
   * half an hour shortens an hour, it can be before the bucket.
   */
  key: (instant: Sql) => Sql
  /** The begin of the bucket with this key. */
  start: (key: Sql) => Sql
  /**
   * `key` and these columns of the rows of a table, those in the window and those in an older bucket of `touched`. No bucket has rows of
   * both.
   */
  rows: (table: string, instant: string, columns: string) => [Sql, Sql]
}

export function bucketsOf(period: Period, zone: Sql, since: Sql): Buckets {
  const key = (instant: Sql) => sql`date_trunc('${raw(period)}', ${instant}, ${zone})`
  // With a clock change a day can be longer, and its key can come after its first hour. An hour is never longer.
  const slack = period === 'hour' ? 0 : 3
  const hours = (count: number) => raw(`interval '${count} hours'`)
  return {
    key,
    start: (at) =>
      period === 'hour'
        ? sql`case when ${key(at)} = ${at} then ${at} else ${at} + interval '30 minutes' end`
        : sql`case when ${key(sql`${at} - ${hours(1)}`)} = ${at} then ${at} - ${hours(1)} else ${at} end`,
    // The bounds are for the index; the key decides. They have two parts, so that the planner can estimate the window.
    rows: (from, time, list) => {
      const [table, instant, columns] = [raw(from), raw(time), raw(list)]
      return [
        sql`
    select ${key(instant)} as key, ${columns} from ${table}
    where ${instant} >= ${since} - ${hours(slack)} and ${key(instant)} >= ${since}`,
        sql`
    select touched.key, ${columns} from touched join ${table}
    on ${instant} >= touched.key - ${hours(slack)} and ${instant} < touched.key + ${hours(HOURS[period] + slack)}
      and ${key(instant)} = touched.key`,
      ]
    },
  }
}

/**
 * A query of several rows of `Buckets`. Citus adds up the rows of a shard there if a part has no other union: of the live and the removed
 * runs of a shard, at one moment.
 */
export function inParts(
  layout: Layout,
  rows: readonly [Sql, Sql][],
  query: (from: Sql) => Sql,
): Sql {
  const all = (places: readonly (0 | 1)[]) =>
    sql`(${join(
      places.flatMap((place) => rows.map((both) => both[place])),
      ' union all ',
    )})`
  if (layout === 'single') return query(all([0, 1]))
  return sql`${query(all([0]))} union all ${query(all([1]))}`
}

/**
 * SQL of the id of a value: a UUIDv8 made from its period, start, user, type and dimensions, so that each value has one row,
 * however often it is computed.
 */
export function metricId(
  period: string,
  start: string,
  user: string,
  type: string,
  dimensions: string,
): string {
  // The text of jsonb_build_array('wfstore', 'metric', period, …), put together: that takes half of the time.
  const parts = [`${period}::text`, `extract(epoch from ${start})::text`, user, type]
  const texts = parts.map((part) => `to_json(${part})::text`).join(" || ', ' || ")
  const of = `'["wfstore", "metric", ' || ${texts} || ', ' || coalesce(${dimensions}::text, 'null') || ']'`
  const bits = Object.entries({ 52: 0, 53: 0, 54: 0, 55: 1, 70: 0, 71: 1 })
  const hash = `substr(sha256(convert_to(${of}, 'UTF8')), 1, 16)`
  return `encode(${bits.reduce((id, [bit, value]) => `set_bit(${id}, ${bit}, ${value})`, hash)}, 'hex')::uuid`
}

/** SQL that is true for a row `m` of a rollup of this period, known by its id. */
export const rolledUp = (period: Period): string => `m.aggregation_period = '${period}'
    and m.metric_id = ${metricId('m.aggregation_period', 'm.timestamp', 'm.user_id', 'm.metric_type', 'm.dimensions')}`

/**
 * SQL for a WITH, after `touched`. `cleaned` are the buckets with removed audit entries. `measured` has key, user_id, type,
 * value and dimensions. It includes removed runs. The tool of removed audit entries is not known, so `cleaned` buckets have
 * no rates of tools.
 */
export const measured = ({ rows }: Buckets, layout: Layout): Sql => {
  const home = (alias: string) => (layout === 'distributed' ? `${alias}.execution_id, ` : '')
  const moved = layout === 'single' ? 'e' : 'm'
  const runs = [
    rows(
      'workflow_executions e',
      'e.start_time',
      `${home('e')}e.user_id, e.model_id, e.mode, 1 as counted, e.total_cost as cost, e.total_tokens as tokens,
           (e.status <> 'running')::int as ended, (e.status = 'success')::int as succeeded,
           (e.status in (${ERRORS}))::int as errors,
           (e.end_time is not null)::int as timed, extract(epoch from ${runTime('e')}) * 1000 as duration`,
    ),
    rows(
      'usage_history h',
      'h.quarter_start',
      `${home('h')}h.user_id, h.model_id, h.mode, h.runs, h.total_cost, h.total_tokens,
           case when h.status <> 'running' then h.runs else 0 end, case when h.status = 'success' then h.runs else 0 end,
           case when h.status in (${ERRORS}) then h.runs else 0 end,
           h.timed_runs, h.duration_ms`,
    ),
    rows(
      layout === 'single' ? `${MOVED_COST} e` : `(${MOVED_PARTS})`,
      'e.start_time',
      `${home('e')}e.user_id, ${moved}.model_id, e.mode, 0, ${moved}.total_cost, ${moved}.total_tokens, 0, 0, 0, 0, null::numeric`,
    ),
  ]
  const removed = rows(
    'audit_history h',
    'h.quarter_start',
    layout === 'single'
      ? 'h.user_id'
      : `h.execution_id, h.user_id, null as tool, null::boolean as success, 1 as removed`,
  )
  const logged = rows(
    'audit_logs a',
    'a.timestamp',
    `${home('a')}a.user_id, case when a.action_type = 'tool_call' then a.tool_name end as tool, a.success${layout === 'single' ? '' : ', 0 as removed'}`,
  )
  return sql`
runs as materialized (${inParts(
    layout,
    runs,
    (from) => sql`
  select key, user_id, model_id, mode, sum(cost) as cost, sum(tokens) as tokens, sum(ended) as ended,
         sum(succeeded) as succeeded, sum(errors) as errors, sum(timed) as timed, sum(duration) as duration
  from ${from} as live_and_removed
  group by key, user_id, model_id, mode having sum(counted) <> 0 or sum(cost) <> 0 or sum(tokens) <> 0`,
  )}
), ${layout === 'single' ? entriesOf(removed, logged) : entriesAtOnce(removed, logged)}
), measured as (
  select key, user_id, type, value, jsonb_build_object('model', model_id, 'mode', mode) as dimensions
  from runs cross join lateral (values
    ('token_usage', tokens),
    ('cost', cost),
    ('execution_time', round(duration / nullif(timed, 0), 3)),
    ('workflow_success_rate', round(100.0 * succeeded / nullif(ended, 0), 4)),
    ('error_rate', round(100.0 * errors / nullif(ended, 0), 4))) as v (type, value)
  where value is not null
  union all
  select key, user_id, 'tool_success_rate', round(100.0 * succeeded / entries, 4), jsonb_build_object('tool', tool)
  from entries
)`
}

const COUNTED = 'count(*) as entries, count(*) filter (where success) as succeeded'

const entriesOf = (removed: [Sql, Sql], logged: [Sql, Sql]): Sql => sql`
cleaned as materialized (${inParts('single', [removed], (from) => sql`select distinct key from ${from} as removed`)}
), entries as materialized (${inParts(
  'single',
  [logged],
  (from) => sql`
  select key, user_id, tool, ${raw(COUNTED)}
  from ${from} as logged
  where tool is not null and key not in (select key from cleaned)
  group by key, user_id, tool`,
)}`

/** The same, but each shard reads the entries and the history in one snapshot: a bucket never loses a part of its entries unseen. */
const entriesAtOnce = (removed: [Sql, Sql], logged: [Sql, Sql]): Sql => sql`
kept_and_removed as materialized (${inParts(
  'distributed',
  [logged, removed],
  (from) => sql`
  select key, user_id, tool, ${raw(COUNTED)}, max(removed) as removed from ${from} as kept_and_removed
  where tool is not null or removed = 1 group by key, user_id, tool`,
)}
), cleaned as materialized (select distinct key from kept_and_removed where removed = 1
), entries as materialized (
  select * from kept_and_removed where tool is not null and key not in (select key from cleaned)`
