import { afterAll, beforeAll, expect, it } from 'vitest'
import { runCli } from '../support/cli.ts'
import type { TestDatabase } from '../support/database.ts'
import { createMigrated } from '../support/migrated.ts'

const ROWS = 45
let database: TestDatabase

beforeAll(async () => {
  database = await createMigrated('limits')
  // Letters alone, since the group of a message does not depend on its numbers.
  await database.sql(`insert into workflow_executions (workflow_name, user_id, mode, model_id, start_time, status, error_message)
    select 'w', 'u', 'm', 'x', timestamptz '2026-11-26T10:00Z' + n * interval '1 min', s, 'error ' || chr(65 + n / 26) || chr(65 + n % 26)
    from generate_series(1, ${ROWS}) as n, unnest('{running,failed}'::text[]) as s`)
  await database.sql(`insert into audit_logs (user_id, action_type, action_details, success, error_message, timestamp)
    select 'u', 'tool_call', 'd', false, 'error ' || chr(65 + n / 26) || chr(65 + n % 26), timestamptz '2026-11-26T10:00Z' + n * interval '1 min'
    from generate_series(1, ${ROWS}) as n`)
  await database.sql(`insert into observability_metrics (user_id, metric_type, metric_value, timestamp)
    select 'u', 'cost', n, timestamptz '2026-11-20Z' + n * interval '1 min' from generate_series(1, ${ROWS}) as n`)
  await database.sql(`insert into billing_records (user_id, model_id, billing_period, timestamp)
    select 'u', 'x', '2026-11', timestamptz '2026-11-20Z' + n * interval '1 min' from generate_series(1, ${ROWS}) as n`)
  await database.sql(`insert into cleanups (started_at, cutoff, outcome)
    select timestamptz '2026-11-20Z' + n * interval '1 min', timestamptz '2026-08-20Z', 'done'
    from generate_series(1, ${ROWS}) as n`)
})
afterAll(() => database.drop())

const lists: [words: string, rows: number][] = [
  ['executions list', 2 * ROWS],
  ['executions running', ROWS],
  ['audit', ROWS],
  ['errors', ROWS],
  ['errors --group', ROWS],
  ['metrics list', ROWS],
  ['billing records', ROWS],
  ['cleanup history', ROWS],
]

const rowsOf = async (words: string, options: object = {}) => {
  const { code, stdout, stderr } = await runCli(
    [...words.split(' '), '--database-url', database.url],
    options,
  )
  expect(code).toBe(0)
  const isHeaded = !/-o jsonl|--no-headers/.test(words)
  const lines = stdout.split('\n').filter((line) => line.trim() !== '').length
  return { rows: lines - (isHeaded ? 1 : 0), stderr }
}

it.each(lists)(
  '%s has all rows in a pipe and a file, and says nothing of a limit',
  async (words, rows) => {
    expect(await rowsOf(words)).toEqual({ rows, stderr: '' })
    expect(await rowsOf(`${words} --no-headers`)).toEqual({ rows, stderr: '' })
    expect(await rowsOf(`${words} -o jsonl`)).toEqual({ rows, stderr: '' })
    expect(await rowsOf(`${words} -o csv`)).toEqual({ rows, stderr: '' })
  },
)

it.each(lists)('%s has 20 rows on a terminal, and says that there are more', async (words) => {
  const { rows, stderr } = await rowsOf(`${words} -o jsonl`, { terminal: 80 })
  expect(rows).toBe(20)
  expect(stderr).toMatch(/more/)
})

it.each(lists)(
  '%s has the rows of --limit in a pipe too, and says that there are more',
  async (words) => {
    const { rows, stderr } = await rowsOf(`${words} --limit 7`)
    expect(rows).toBe(7)
    expect(stderr).toMatch(/more/)
  },
)

it('a list option that is repeated means the same as its values in one list', async () => {
  const said = async (words: string) =>
    runCli([...words.split(' '), '--database-url', database.url], {})
  const lists = [
    ['executions list --status running --status failed', 'executions list --status running,failed'],
    ['cost --by user --by month', 'cost --by user,month'],
  ] as const
  for (const [repeated, together] of lists) {
    const { code, stdout } = await said(repeated)
    expect(code).toBe(0)
    expect(stdout.length).toBeGreaterThan(0)
    expect(stdout).toBe((await said(together)).stdout)
  }
})
