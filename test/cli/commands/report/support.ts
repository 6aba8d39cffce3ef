import type { TestDatabase } from '../../../support/database.ts'

/** Names as an enemy would choose them, or an accident. */
export const HOSTILE = {
  user: `</script><script>window.hacked = 1</script><img src=x onerror="window.hacked = 2">`,
  model: `"><svg onload='window.hacked = 3'>\u202egpj.evil &amp;`,
  workflow: `</title></style><style>body { display: none }</style>${'long '.repeat(2000)}`,
  mode: '\u0007<b>&',
  formula: '=HYPERLINK("https://evil.example/")',
  error: `<a href="https://evil.example/?q=">click</a> failed`,
}

/**
 * Runs of 2,000 users, 9 models and 400 days before 2026-11-26, some of which cost nothing, or less than that, and
 * some with hostile names. Their bills, one of them corrected.
 */
export async function fillReport(database: TestDatabase): Promise<void> {
  await database.sql(`
    insert into workflow_executions
      (execution_id, user_id, workflow_name, mode, model_id, status, start_time, end_time, total_cost, total_tokens, error_message)
    select ('00000000-0000-7000-8000-' || lpad(i::text, 12, '0'))::uuid, 'user_' || i % 2000, 'workflow ' || i % 14,
      'mode ' || i % 3, 'model-' || i % 9, (array['success', 'success', 'success', 'failed', 'partial', 'cancelled'])[i % 6 + 1],
      at, at + make_interval(secs => i % 97), case when i % 11 = 0 then 0 else (i % 100) * 0.000123456789 + 0.01 end,
      i % 5000, case when i % 6 in (3, 4) then 'limit of ' || i || ' reached' end
    from generate_series(1, 4000) as i,
         lateral (select timestamptz '2026-11-26T11:00:00Z' - make_interval(hours => i * 12 / 5) as at) as t`)
  const { user, model, workflow, mode, formula, error } = HOSTILE
  await database.sql(
    `insert into workflow_executions
      (execution_id, user_id, workflow_name, mode, model_id, status, start_time, end_time, total_cost, total_tokens, error_message)
     values ('00000000-0000-7000-9000-000000000001', $1, $2, $3, $4, 'failed', '2026-11-20T10:00:00Z', '2026-11-20T12:00:00Z',
             123456.789012345678, 7, $5),
            ('00000000-0000-7000-9000-000000000002', 'user_1', 'workflow 1', 'mode 1', 'model-1', 'success',
             '2026-11-22T10:00:00Z', '2026-11-22T10:00:01Z', -1500.25, 0, null),
            ('00000000-0000-7000-9000-000000000003', 'user_1', $6, 'mode 1', $6, 'success',
             '2026-11-23T10:00:00Z', '2026-11-23T10:00:01Z', 7.25, 0, null)`,
    [user, workflow, mode, model, error, formula],
  )
  await database.sql(`
    insert into billing_records (billing_id, execution_id, user_id, model_id, timestamp, billing_period, cost, tokens_total, paid)
    select execution_id, execution_id, user_id, model_id, end_time, to_char(end_time at time zone 'UTC', 'YYYY-MM'), total_cost,
           total_tokens, user_id = 'user_1'
    from workflow_executions where end_time >= '2026-10-01Z'`)
}
