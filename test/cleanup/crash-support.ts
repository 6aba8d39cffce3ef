import { expect } from 'vitest'
import { KEEPS_TOTALS } from '../../src/db/totals.ts'
import type { TestDatabase } from '../support/database.ts'
import { cleanupsIn, everythingIn, sumOf } from './cleanup-support.ts'

export const CUTOFF = '2025-01-01T00:00:00Z'
/** So that every table takes several batches, which share quarters of an hour. */
export const BATCH_SIZE = 4

type Sql = Pick<TestDatabase, 'sql'>

/** Six old runs, one that runs and one that is new, with steps, entries, bills; metrics; the history of an earlier cleanup. */
export async function seed({ sql }: Sql): Promise<void> {
  await sql(`
    insert into workflow_executions (execution_id, workflow_name, user_id, mode, model_id, status, start_time, end_time, total_cost, total_tokens)
    select ('00000000-0000-7000-8000-00000000000' || n)::uuid, 'w' || n % 2, 'u' || n % 3, 'm', 'x', case n when 6 then 'running' else 'success' end,
      start, case when n <> 6 then start + interval '1.000001 s' end, n * 0.1000000000001, n
    from (select n, timestamptz '2024-01-01Z' + (n / 3) * interval '1 hour' as start from generate_series(0, 7) n) s;
    update workflow_executions set start_time = '2025-02-01Z', end_time = '2025-02-02Z' where execution_id::text like '%7';
    update workflow_executions set tags = ('{"team":"' || user_id || '"}')::jsonb where user_id <> 'u1';
    insert into wfstore_settings (time_zone, cost_tags) values ('UTC', '{team}') on conflict (only_row) do update set cost_tags = excluded.cost_tags;
    insert into workflow_steps (execution_id, step_id, step_number, step_name, model_id, cost, tokens_used, cost_source)
    select execution_id, ('11111111-0000-7000-8000-00000000000' || n)::uuid, n, 's', case when n = 2 then 'y' end, n * 0.01, n,
      case when n = 1 then 'unpriced' end
    from workflow_executions, generate_series(1, 2) n;
    insert into audit_logs (log_id, execution_id, timestamp, user_id, action_type, action_details)
    select ('22222222-0000-7000-8000-0000000000' || n || right(execution_id::text, 1))::uuid, execution_id, start_time, user_id, 'a', 'd'
    from workflow_executions, generate_series(1, 1) n;
    insert into observability_metrics (metric_id, timestamp, user_id, metric_type, metric_value)
    select ('33333333-0000-7000-8000-00000000000' || n)::uuid, timestamptz '2024-12-31 23:59Z' + n * interval '15 s', 'u', 't', n
    from generate_series(0, 8) n;
    insert into billing_records (billing_id, execution_id, user_id, model_id, timestamp, cost, billing_period)
    select execution_id, execution_id, user_id, model_id, start_time, total_cost, '2024-01' from workflow_executions;
    insert into usage_history (quarter_start, user_id, workflow_name, mode, model_id, status, runs, total_cost, total_tokens, steps_total,
      steps_completed, steps_failed, timed_runs, duration_ms, last_start_time)
    values ('2024-01-01Z', 'u0', 'w0', 'm', 'x', 'success', 9, 0.9, 9, 0, 0, 0, 9, 9, '2024-01-01Z')`)
  // The work of a killed cleanup is reverted to this.
  await sql('create schema seed')
  for (const table of TABLES) await sql(`create table seed.${table} as table ${table}`)
}

/** Those that a cleanup changes, and what refers to another after it. */
const TABLES = [
  ...['workflow_executions', 'workflow_steps', 'audit_logs', 'observability_metrics'],
  ...['usage_history', 'audit_history'],
]

export async function reseed({ sql }: Sql): Promise<void> {
  const back = TABLES.map(
    (table) =>
      `delete from ${table}; insert into ${table} ${table.endsWith('history') ? 'overriding system value' : ''} table seed.${table};`,
  )
  await sql(`begin; ${KEEPS_TOTALS}; ${back.join(' ')} delete from wfstore_cleanups; commit`)
}

/** Of live rows and histories. A crash moves them as little as a cleanup does. */
export const totalsIn = ({ sql }: Sql) =>
  sql(`select (select array_agg(v::text order by v::text) from user_workflow_summary v) as users,
    (select count(*) from audit_logs) + (select coalesce(sum(entries), 0) from audit_history) as entries`)

/** What an undisturbed cleanup leaves, and has removed. */
export interface Wanted {
  everything: Awaited<ReturnType<typeof everythingIn>>
  removed: ReturnType<typeof sumOf>
  totals: unknown
}

export const stateOf = async (database: TestDatabase): Promise<Wanted> => ({
  everything: await everythingIn(database),
  removed: sumOf(await cleanupsIn(database)),
  totals: await totalsIn(database),
})

/** After a cleanup that ended anyhow, and then a good one. */
export async function expectWanted(
  database: TestDatabase,
  wanted: Wanted,
  note: string,
): Promise<void> {
  expect(await stateOf(database), note).toEqual(wanted)
}
