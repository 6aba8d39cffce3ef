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
  await database.sql(`insert into wfstore_cleanups (started_at, cutoff, outcome)
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

/** Groups are counted when they are made, so they have no pages. */
const whole = (words: string) => words === 'errors --group'

it.each(lists)('%s shows 20 rows on a terminal, and says of how many', async (words, rows) => {
  const shown = await rowsOf(`${words} -o jsonl`, { terminal: 80 })
  const how = whole(words) ? 'use --limit all' : 'use --limit all or --page'
  expect(shown).toEqual({ rows: 20, stderr: `showing 20 of ${rows}; ${how}\n` })
})

it.each(lists)('%s has the rows of --limit in a pipe too, and says so', async (words, rows) => {
  for (const format of ['table', 'jsonl']) {
    const { stderr, ...shown } = await rowsOf(`${words} --limit 7 -o ${format}`)
    expect(shown).toEqual({ rows: 7 })
    expect(stderr).toContain(`showing 7 of ${rows}; use --limit all`)
  }
  expect((await rowsOf(`${words} --limit 7 --json`)).stderr).toContain(`showing 7 of ${rows}`)
  expect((await rowsOf(`${words} --limit ${rows}`)).stderr).toBe('')
})

const paged = lists.filter(([words]) => !whole(words))

it.each(paged)('%s --page shows 20 rows and the cursor of the next page', async (words, rows) => {
  for (const options of [{}, { terminal: 80 }]) {
    const { stderr, rows: first } = await rowsOf(`${words} -o jsonl --page`, options)
    expect(first).toBe(20)
    const pattern = new RegExp(`^showing 20 of ${rows}; continue with --cursor ([\\w-]{43})\n$`)
    const [, cursor] = pattern.exec(stderr) ?? []
    const next = await rowsOf(`${words} -o jsonl --page --cursor ${cursor}`, options)
    expect(next.rows).toBe(20)
    expect(next.stderr).toMatch(
      new RegExp(`^showing the next 20 of ${rows}; continue with --cursor [\\w-]{43}\n$`),
    )
    const rest = await rowsOf(`${words} -o jsonl --limit all --cursor ${cursor}`, options)
    expect(rest).toEqual({ rows: rows - 20, stderr: '' })
  }
  const { stderr, stdout } = await runCli(
    [...words.split(' '), '--json', '--page', '--database-url', database.url],
    {},
  )
  const page = JSON.parse(stdout)
  expect([page.rows.length, page.nextCursor.length, stderr]).toEqual([20, 43, ''])
})

it('24h means the same time on all pages, however late they are read', async () => {
  const read = async (now: string, cursor = '') => {
    const { stdout, stderr } = await runCli(
      `executions list --since 24h --until 0s --limit 10 --page --json ${cursor} --database-url ${database.url}`
        .split(' ')
        .filter((word) => word !== ''),
      { now },
    )
    expect(stderr).toBe('')
    return JSON.parse(stdout)
  }
  const ids: string[] = []
  let cursor = ''
  for (const now of ['2026-11-27T10:00:40.9Z', '2026-12-24T00:00:00Z', '2027-01-01T00:00:00Z']) {
    const { rows, nextCursor } = await read(now, cursor)
    ids.push(...rows.map(({ executionId }: { executionId: string }) => executionId))
    cursor = `--cursor ${nextCursor}`
  }
  expect(new Set(ids).size).toBe(30)
  const other = await runCli(
    `executions list --since 48h --until 0s ${cursor} --database-url ${database.url}`.split(' '),
  )
  expect([other.code, other.stderr]).toEqual([2, expect.stringContaining('another query')])
})

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
