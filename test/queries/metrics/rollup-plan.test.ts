import type pg from 'pg'
import { expect, it } from 'vitest'
import { query, type Run } from '../../../src/db/query/query.ts'
import { bound } from '../../../src/db/query/sql.ts'
import { rollupMetrics } from '../../../src/queries/metrics/rollup.ts'
import { createMigrated } from '../../support/migrated.ts'

interface Node {
  'Join Type'?: string
  'Actual Loops': number
  'Actual Rows': number
  'Rows Removed by Filter'?: number
  'Rows Removed by Join Filter'?: number
  Plans?: Node[]
}
const below = (node: Node): Node[] => [node, ...(node.Plans ?? []).flatMap(below)]

/** The most rows that one node of the plan of the last rollup reads. */
async function mostRead(client: pg.Client): Promise<number> {
  const statements: ReturnType<typeof bound>[] = []
  const run: Run = (statement, shape) => {
    statements.push(bound(statement))
    return query(client, statement, shape)
  }
  await rollupMetrics(run, { period: 'hour' })
  const { text, values } = statements.at(-1) as ReturnType<typeof bound>
  await client.query('begin')
  const { rows } = await client.query(`explain (analyze, timing off, format json) ${text}`, values)
  await client.query('rollback')
  const nodes = below(rows[0]['QUERY PLAN'][0].Plan)
  // A full join cannot be a nested loop, also if the planner expects few rows.
  expect(nodes.filter((node) => node['Join Type'] === 'Full')).toHaveLength(1)
  return Math.max(
    ...nodes.map(
      (node) =>
        node['Actual Loops'] *
        (node['Actual Rows'] +
          (node['Rows Removed by Filter'] ?? 0) +
          (node['Rows Removed by Join Filter'] ?? 0)),
    ),
  )
}

/** Runs of `users` users in each of `hours` hours from `first`, and in the histories as many that a cleanup has removed. */
const fill = (client: pg.Client, first: string, users: number, hours: number) =>
  client.query(`
    insert into workflow_executions (workflow_name, user_id, mode, model_id, status, start_time, end_time, updated_at)
      select 'w', 'u' || u, 'm', 'x', 'success', t, t, case when t < '2026-01-01Z' then t else now() end from (
        select u, timestamptz '${first}' + h * interval '1 hour' as t
        from generate_series(1, ${users}) u, generate_series(1, ${hours}) h) as runs;
    insert into usage_history (quarter_start, user_id, workflow_name, mode, model_id, status, runs, total_cost, total_tokens,
        steps_total, steps_completed, steps_failed, timed_runs, duration_ms, last_start_time)
      select start_time, user_id, 'w', 'm', 'x', 'success', 1, 0, 0, 0, 0, 0, 1, 0, start_time from workflow_executions
      where start_time >= '${first}';
    insert into audit_logs (timestamp, user_id, action_type, action_details, tool_name, success)
      select start_time, user_id, 'tool_call', 'd', 't', true from workflow_executions where start_time >= '${first}'`)

it.each([
  ['of many users in three hours', 600, 3],
  ['of few users in many hours', 5, 360],
])(
  'a rollup %s never reads all rows for each row, also if the statistics of the planner are old',
  async (_, users, hours) => {
    const database = await createMigrated('rollup_plan')
    const client = await database.connect()
    try {
      const tables = await client.query(
        `select relname from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace`,
      )
      for (const { relname } of tables.rows)
        await client.query(`alter table ${relname} set (autovacuum_enabled = off)`)
      await fill(client, '2025-01-01Z', 2, 400)
      await mostRead(client)
      // Of the next rows the statistics say that there are none.
      await client.query('analyze')
      await fill(client, '2026-01-01Z', users, hours)
      for (let run = 1; run <= 3; run++) {
        expect(await mostRead(client)).toBeLessThan(20 * 6 * users * hours)
        if (run === 2) await client.query('analyze')
      }
    } finally {
      await client.end()
      await database.drop()
    }
  },
)
