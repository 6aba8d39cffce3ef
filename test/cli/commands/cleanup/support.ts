import { type CliOptions, runCli } from '../../../support/cli.ts'
import type { TestDatabase } from '../../../support/database.ts'
import { migrate } from '../../../support/migrate.ts'
import { createTemplate, type Template } from '../../../support/template.ts'

/** Of the rows below, these are older. */
export const BEFORE = '2024-06-01'

/**
 * Twelve runs that ended before the cutoff, each with two steps and three entries; two that are running, one that ended
 * later, each with an old entry; entries and metrics of no run; and a run that is young.
 */
const ROWS = `
  insert into workflow_executions (execution_id, workflow_name, user_id, mode, model_id, status, start_time, end_time, total_cost)
    select lpad(i::text, 32, '0')::uuid, 'workflow ' || i % 2, 'user_1', 'Sales', 'gpt-4o',
      case when i <= 12 then 'success' when i <= 14 then 'running' else 'failed' end,
      case when i = 15 then '2024-05-31Z'::timestamptz when i = 16 then '2024-09-01Z' else '2024-01-01Z'::timestamptz + i * interval '1 day' end,
      case when i <= 12 then '2024-01-01Z'::timestamptz + i * interval '1 day 1 hour' when i = 15 then '2024-06-02Z' when i = 16 then '2024-09-02Z' end, 0.25
    from generate_series(1, 16) as i;
  insert into workflow_steps (execution_id, step_id, step_number, step_name, status)
    select execution_id, gen_random_uuid(), s, 'think', 'success' from workflow_executions, generate_series(1, 2) as s;
  insert into audit_logs (execution_id, timestamp, user_id, action_type, action_details, success)
    select execution_id, start_time, user_id, 'tool_call', 'called', true
    from workflow_executions, generate_series(1, 3) as s where status = 'success' or s = 1;
  insert into audit_logs (timestamp, user_id, action_type, action_details, success)
    select '2024-02-01Z', 'user_1', 'login', 'came', true from generate_series(1, 5);
  insert into observability_metrics (timestamp, user_id, metric_type, metric_value)
    select '2024-02-01Z', 'user_1', 'cost', 1 from generate_series(1, 4)`

export const oldStore = (label: string): Promise<Template> =>
  createTemplate(label, async (database) => {
    await migrate(database)
    await database.sql(ROWS)
  })

export const cleanupOn =
  (database: TestDatabase) =>
  (line: string, options: CliOptions = {}) =>
    runCli(['cleanup', ...line.split(' ').filter(Boolean), '--database-url', database.url], options)

/** Rows of each table. */
export async function rowsOf(database: TestDatabase): Promise<Record<string, unknown>> {
  const [row] = await database.sql(
    `select (select count(*)::int from workflow_executions) as runs, (select count(*)::int from workflow_steps) as steps,
       (select count(*)::int from audit_logs) as entries, (select count(*)::int from observability_metrics) as metrics`,
  )
  return row ?? {}
}

export const ALL = { runs: 16, steps: 32, entries: 45, metrics: 4 }
export const CLEANED = { runs: 4, steps: 8, entries: 4, metrics: 0 }

/** Durations, rates, ids and times vary from run to run. */
export const steady = (text: string): string =>
  text
    .replace(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, 'ID')
    .replace(/in [\d.]+m?s \([\d,]+ rows\/s\)/g, 'in SPAN (RATE rows/s)')
    .replace(/("seconds": ?)[\d.]+/g, '$10.5')
    .replace(/("rowsPerSecond": ?)\d+/g, '$1200')
