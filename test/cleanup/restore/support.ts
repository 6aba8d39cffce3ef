import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach } from 'vitest'
import type { TestDatabase } from '../../support/database.ts'
import { createMigrated } from '../../support/migrated.ts'
import { withoutTriggers } from '../../support/triggers.ts'

/** The database of a test file. */
export let database: TestDatabase

/** The old rows that each test begins with. */
export const ALL = { execution: 40, step: 80, audit: 40, metric: 5 }
export const NONE = { execution: 0, step: 0, audit: 0, metric: 0 }

/** The only archive in a folder. */
export const archiveIn = (folder: string) => join(folder, readdirSync(folder)[0] as string)

/** Prepares a database with these rows for each test of a file. */
export function useOldRows(label: string): void {
  beforeAll(async () => {
    database = await createMigrated(label)
  })
  afterAll(() => database.drop())
  beforeEach(async () => {
    await database.sql(
      `truncate workflow_executions, workflow_steps, audit_logs, observability_metrics, usage_history, audit_history, wfstore_cleanups;
     insert into workflow_executions (workflow_name, user_id, mode, model_id, start_time, end_time, status, total_cost, total_tokens, steps_total, steps_completed)
       select 'w' || n % 2, 'u' || n % 3, 'Sales', 'm', time, case when n % 5 > 0 then time + n * interval '1.5 s' end,
         (array['success', 'failed', 'partial'])[1 + n % 3], n * 0.01, n * 10, 2, 1
       from generate_series(1, 40) n cross join lateral (select timestamptz '2026-05-01 00:00Z' + n * interval '7 min' as time) t;
     update workflow_executions set created_at = start_time;
     insert into workflow_steps (execution_id, step_number, step_name, result)
       select execution_id, n, 'step', jsonb_build_object('n', n) from workflow_executions, generate_series(1, 2) n;
     insert into audit_logs (execution_id, user_id, action_type, action_details, timestamp, success)
       select execution_id, user_id, 'tool_call', 'd', start_time, status = 'success' from workflow_executions;
     insert into observability_metrics (user_id, metric_type, metric_value, timestamp)
       select 'u1', 't', n, '2026-05-01 00:00Z' from generate_series(1, 5) n`,
    )
    await withoutTriggers(database, [`update workflow_executions set updated_at = start_time`])
  })
}
