import type pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { query, type Run } from '../../../src/db/query/query.ts'
import { type ToolFilter, toolUse } from '../../../src/queries/audit/tools.ts'
import type { TestDatabase } from '../../support/database.ts'
import { createAdopted, createMigrated } from '../../support/migrated.ts'

let legacy: TestDatabase
let client: pg.Client
const run: Run = (statement, shape) => query(client, statement, shape)

beforeAll(async () => {
  legacy = await createAdopted('tools')
  client = await legacy.connect()
})
afterAll(async () => {
  await client.end()
  await legacy.drop()
})

const RUNS = (where: string) =>
  `execution_id in (select execution_id from workflow_executions where ${where})`
/** Each filter, and the same by hand for calls and for steps. */
const filters: [filter: ToolFilter, calls: string, steps: string][] = [
  [{}, 'true', 'true'],
  [{ userId: 'user_4' }, `user_id = 'user_4'`, RUNS(`user_id = 'user_4'`)],
  [{ modelId: 'gpt-4o' }, `model_id = 'gpt-4o'`, RUNS(`model_id = 'gpt-4o'`)],
  [
    { workflowName: 'Weekly KPI digest' },
    RUNS(`workflow_name = 'Weekly KPI digest'`),
    RUNS(`workflow_name = 'Weekly KPI digest'`),
  ],
  [
    { mode: 'Sales', userId: 'user_9' },
    RUNS(`mode = 'Sales' and user_id = 'user_9'`),
    RUNS(`mode = 'Sales' and user_id = 'user_9'`),
  ],
  [{ toolName: 'PINECONE_QUERY' }, `tool_name = 'PINECONE_QUERY'`, `tool_name = 'PINECONE_QUERY'`],
  [
    { executionId: '6f09b100-8195-4b93-9669-c28fe5479a0b' },
    `execution_id::text like '6f09b100%'`,
    `execution_id::text like '6f09b100%'`,
  ],
  [
    { since: '2026-09-01T00:00:00Z', until: '2026-11-01T00:00:00Z', userId: 'user_4' },
    `user_id = 'user_4' and to_char(timestamp at time zone 'UTC', 'YYYY-MM') in ('2026-09', '2026-10')`,
    `${RUNS(`user_id = 'user_4'`)} and to_char(start_time at time zone 'UTC', 'YYYY-MM') in ('2026-09', '2026-10')`,
  ],
]

describe('the use of tools in the adopted database, added up one row at a time', () => {
  it.each(filters)('with %j', async (filter, calls, steps) => {
    const entries = await legacy.sql(
      `select tool_name, success, cost * 1000000 as micros, tokens_used, user_id from audit_logs
       where action_type = 'tool_call' and ${calls}`,
    )
    const durations = await legacy.sql(
      `select tool_name, duration_ms from workflow_steps where tool_name is not null and duration_ms is not null and ${steps}`,
    )
    const names = new Set([...entries, ...durations].map(({ tool_name }) => String(tool_name)))
    const wanted = [...names].map((toolName) => {
      const mine = entries.filter(({ tool_name }) => tool_name === toolName)
      const sum = (column: string) => mine.reduce((all, row) => all + Number(row[column]), 0)
      const took = durations
        .filter(({ tool_name }) => tool_name === toolName)
        .map(({ duration_ms }) => Number(duration_ms))
      const failures = mine.filter(({ success }) => success === false).length
      return {
        toolName,
        calls: mine.length,
        failures,
        successRate: mine.length === 0 ? null : (mine.length - failures) / mine.length,
        p95DurationMs: percentile95(took),
        steps: took.length,
        cost: sum('micros'),
        tokens: sum('tokens_used'),
        users: new Set(mine.map(({ user_id }) => user_id)).size,
      }
    })
    expect(wanted.length).toBeGreaterThan(0)
    const rows = await toolUse(run, filter)
    const byName = <T extends { toolName: string }>(all: T[]) =>
      all.toSorted((a, b) => (a.toolName < b.toolName ? -1 : 1))
    expect(
      byName(rows.map((row) => ({ ...row, cost: Math.round(Number(row.cost) * 1e6) }))),
    ).toEqual(byName(wanted))
    expect(rows.map(({ calls }) => calls)).toEqual(
      rows.map(({ calls }) => calls).toSorted((a, b) => b - a),
    )
  })
})

/** Between the two values nearest to the 95th of 100. */
function percentile95(values: number[]): number | null {
  if (values.length === 0) return null
  const sorted = values.toSorted((a, b) => a - b)
  const hundredths = (sorted.length - 1) * 95
  const below = sorted[Math.floor(hundredths / 100)] as number
  const above = sorted[Math.ceil(hundredths / 100)] as number
  return (below * 100 + (above - below) * (hundredths % 100)) / 100
}

it('an amount keeps every digit; a tool that occurs only in steps has no calls and no rate', async () => {
  const database = await createMigrated('tools_exact')
  const own = await database.connect()
  try {
    await own.query(`
      insert into audit_logs (user_id, action_type, action_details, tool_name, cost, tokens_used)
        select 'u', 'tool_call', 'd', 'A', 0.00000000000000000001, 9000000000 from generate_series(1, 3);
      insert into audit_logs (user_id, action_type, action_details, tool_name, cost) values
        ('u', 'step_end', 'not a call', 'A', 7), ('u', 'tool_call', 'of no tool', null, 7);
      with run as (insert into workflow_executions (workflow_name, user_id, mode, model_id)
        values ('w', 'u', 'm', 'x') returning execution_id)
      insert into workflow_steps (execution_id, step_number, step_name, tool_name, duration_ms)
        select execution_id, n, 's', 'B', case n when 1 then null else n * 100 end from run, generate_series(1, 3) as n`)
    const of: Run = (statement, shape) => query(own, statement, shape)
    expect(await toolUse(of)).toEqual([
      {
        toolName: 'A',
        calls: 3,
        failures: 0,
        successRate: 1,
        p95DurationMs: null,
        steps: 0,
        cost: '0.00000000000000000003',
        tokens: 27_000_000_000,
        users: 1,
      },
      {
        toolName: 'B',
        calls: 0,
        failures: 0,
        successRate: null,
        p95DurationMs: 295,
        steps: 2,
        cost: '0',
        tokens: 0,
        users: 0,
      },
    ])
  } finally {
    await own.end()
    await database.drop()
  }
})
