import type { Period } from '../../../src/queries/metrics/periods.ts'
import type { TestDatabase } from '../../support/database.ts'

export interface SeenMetric {
  time: string
  period: string
  user: string
  type: string
  value: string
  dimensions: string
}

const ORDER = `order by time collate "C", period, "user" collate "C", type, dimensions collate "C", value`
const AT = (time: string) => `rtrim(to_json(${time} at time zone 'UTC') #>> '{}') || 'Z'`

/** Every row of observability_metrics, in the order of what it says. */
export const everyMetric = async (database: TestDatabase) =>
  (await database.sql(`
    select * from (
      select ${AT('timestamp')} as time, aggregation_period as period, user_id as "user", metric_type as type,
        trim_scale(metric_value)::text as value, dimensions::text as dimensions, metric_id as id
      from observability_metrics) m ${ORDER}, id`)) as unknown as (SeenMetric & { id: string })[]

/**
 * What a rollup should have made of live rows, in a statement that shares nothing with it: each run and entry is put
 * into one of a series of buckets, and each type is an aggregate of its own.
 */
export const otherwise = async (database: TestDatabase, period: Period, zone: string) =>
  (await database.sql(
    `
    with bounds as (
      select min(at) as first, max(at) as last
      from (select start_time as at from workflow_executions union all select timestamp from audit_logs) t
    ), buckets as (
      select local at time zone $1 as start, lead(local) over (order by local) at time zone $1 as stop
      from bounds, generate_series(date_trunc('${period}', first at time zone $1), (last at time zone $1) + interval '2 months',
                                   interval '1 ${period}') as local
    ), run as (
      select b.start, e.*, extract(epoch from end_time) - extract(epoch from start_time) as took,
        format('{"mode": %s, "model": %s}', to_json(mode), to_json(model_id))::jsonb::text as of
      from buckets b join workflow_executions e on start_time >= b.start and start_time < b.stop
    ), entry as (
      select b.start, a.* from buckets b join audit_logs a on timestamp >= b.start and timestamp < b.stop
    ), wanted as (
      select start, user_id, 'token_usage' as type, sum(total_tokens)::numeric as value, of from run group by start, user_id, of
      union all select start, user_id, 'cost', sum(total_cost), of from run group by start, user_id, of
      union all select start, user_id, 'execution_time', round(1000 * sum(took) / count(took), 3), of from run
        where end_time is not null group by start, user_id, of
      union all select start, user_id, 'workflow_success_rate', round(avg(case status when 'success' then 100 else 0 end), 4), of
        from run where status in ('success', 'failed', 'partial', 'cancelled') group by start, user_id, of
      union all select start, user_id, 'error_rate', round(avg(case when status in ('failed', 'partial') then 100 else 0 end), 4), of
        from run where status in ('success', 'failed', 'partial', 'cancelled') group by start, user_id, of
      union all select start, user_id, 'tool_success_rate', round(avg(case when success then 100 else 0 end), 4),
        jsonb_build_object('tool', tool_name)::text from entry where action_type = 'tool_call' and tool_name is not null
        group by start, user_id, tool_name
    )
    select * from (select ${AT('start')} as time, '${period}' as period, user_id as "user", type, trim_scale(value)::text as value, of as dimensions
    from wanted) m ${ORDER}`,
    [zone],
  )) as unknown as SeenMetric[]

export interface RunFields {
  cost?: number
  /** How long it took. */
  end?: string
  user?: string
  status?: string
}

/** A run, by default of 7 tokens, one minute and one dollar. */
export const insertRun = (
  database: TestDatabase,
  start: string,
  { cost = 1, end = '00:01', user = 'u', status = 'success' }: RunFields,
) =>
  database.sql(
    `insert into workflow_executions (workflow_name, user_id, mode, model_id, start_time, end_time, status, total_cost, total_tokens)
     values ('w', $2, 'Sales', 'gpt-4o', $1, $1::timestamptz + $3::interval, $4, $5, 7)`,
    [start, user, end, status, cost],
  )

export interface EntryFields {
  success?: boolean
  tool?: string
}

/** A call of a tool. */
export const insertEntry = (
  database: TestDatabase,
  at: string,
  { success = true, tool = 'search' }: EntryFields,
) =>
  database.sql(
    `insert into audit_logs (timestamp, user_id, action_type, action_details, tool_name, model_id, success)
     values ($1, 'u', 'tool_call', 'called', $2, 'gpt-4o', $3)`,
    [at, tool, success],
  )
