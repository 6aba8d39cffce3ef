// @module-tag slow
import type pg from 'pg'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { query, type Run } from '../../../src/db/query/query.ts'
import { bound } from '../../../src/db/query/sql.ts'
import { costBy, type Dimension } from '../../../src/queries/usage/cost.ts'
import { reportStats } from '../../../src/queries/usage/report-stats.ts'
import type { TestDatabase } from '../../support/database.ts'
import { createMigrated } from '../../support/migrated.ts'

let database: TestDatabase
let client: pg.Client
/** The plans of the statements that were run, as JSON. */
let plans: string[]

const explaining: Run = async (statement, shape) => {
  const { text, values } = bound(statement)
  const { rows } = await client.query(`explain (analyze, format json) ${text}`, [...values])
  plans.push(JSON.stringify(rows[0]['QUERY PLAN']))
  return query(client, statement, shape)
}
const planOf = async (report: () => Promise<unknown>): Promise<string> => {
  plans = []
  await report()
  return plans.join('\n')
}

beforeAll(async () => {
  database = await createMigrated('cost_plans')
  client = await database.connect()
  await client.query(`
    insert into workflow_executions (workflow_name, user_id, mode, model_id, status, start_time, end_time, total_cost)
      select 'w' || i % 9, 'user_' || i % 500, 'm' || i % 4, 'x', 'success', start, start + interval '1 minute', 0.01
      from (select i, '2026-01-01Z'::timestamptz + i * interval '7 minutes' as start from generate_series(1, 40000) as i) as n;
    insert into usage_history (quarter_start, user_id, workflow_name, mode, model_id, status, runs, total_cost,
        total_tokens, steps_total, steps_completed, steps_failed, timed_runs, duration_ms, last_start_time)
      select date_bin('15 minutes', start_time - interval '1 year', 'epoch'), user_id, workflow_name, mode, model_id, status,
        1, 0.01, 0, 0, 0, 0, 1, 60000, start_time - interval '1 year' from workflow_executions;
    insert into audit_logs (timestamp, user_id, action_type, action_details)
      select start_time, user_id, 'a', 'd' from workflow_executions;
    analyze workflow_executions, usage_history, audit_logs`)
})
afterAll(async () => {
  await client.end()
  await database.drop()
})

const LARGE =
  /"Node Type":"Seq Scan"[^{}]*"Relation Name":"(workflow_executions|usage_history|audit_logs)"/

it('a report of one user reads only the rows of that user', async () => {
  for (const report of [
    () => costBy(explaining, { by: ['mode', 'month'], userId: 'user_7' }),
    () => reportStats(explaining, { userId: 'user_7' }),
  ]) {
    const plan = await planOf(report)
    expect(plan).toContain('"workflow_executions_user_start_idx"')
    expect(plan).toContain('"usage_history_user_idx"')
    expect(plan).not.toMatch(LARGE)
    expect(plan).not.toMatch(/"Relation Name":[^{}]*"Rows Removed by Filter":[1-9]/)
  }
})

it.each<[string, Dimension[], string | undefined]>([
  ['mode', ['mode'], undefined],
  ['day', ['day'], undefined],
  ['day and mode of Kathmandu', ['day', 'mode'], 'Asia/Kathmandu'],
  ['month', ['month'], undefined],
  ['month of Berlin', ['month'], 'Europe/Berlin'],
])(
  'a report of a period by %s adds up in parallel workers, in one pass over each table',
  async (_, by, timeZone) => {
    // As if the table were large: whether workers may do it is the question, not whether they pay.
    await client.query('set parallel_setup_cost = 0; set min_parallel_table_scan_size = 0')
    const plan = await planOf(() =>
      costBy(explaining, {
        by,
        timeZone,
        since: '2025-02-01T00:00:00Z',
        until: '2026-06-01T00:00:00Z',
      }),
    )
    expect(plan.match(/"Partial Mode":"Partial"/g)).toHaveLength(2)
    expect(plan).toMatch(/"Node Type":"Gather/)
    const scans = [
      ...plan.matchAll(
        /"Node Type":"([^"]+)"[^{}]*?(?:"Index Name":"(\w+)"[^{}]*?)?"Relation Name":"(\w+)"/g,
      ),
    ].map(([, node, index, table]) => `${node} ${index ?? table}`)
    // Steps without a price are found by their own small indexes.
    expect(scans.sort()).toEqual([
      'Index Scan usage_history_unpriced_idx',
      'Index Scan workflow_executions_pkey',
      'Index Scan workflow_steps_unpriced_idx',
      'Seq Scan usage_history',
      'Seq Scan workflow_executions',
    ])
    await client.query('reset all')
  },
)

it('statistics of a period add up in parallel workers', async () => {
  await client.query('set parallel_setup_cost = 0; set min_parallel_table_scan_size = 0')
  const plan = await planOf(() => reportStats(explaining, { since: '2025-02-01T00:00:00Z' }))
  expect(plan.match(/"Partial Mode":"Partial"/g)?.length).toBeGreaterThanOrEqual(2)
  // Without a second key of unknown size, no worker sorts its runs.
  expect(plan).toMatch(/"Strategy":"Hashed","Partial Mode":"Partial"/)
  await client.query('reset all')
})
