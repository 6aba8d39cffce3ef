import { afterAll, beforeAll, expect, it } from 'vitest'
import { runCli } from '../../support/cli.ts'
import type { TestDatabase } from '../../support/database.ts'
import { createMigrated } from '../../support/migrated.ts'

let database: TestDatabase

beforeAll(async () => {
  database = await createMigrated('cli_sort')
  await database.sql(`insert into workflow_executions (workflow_name, user_id, mode, model_id, status, start_time, end_time, total_cost, total_tokens, error_message)
    select 'w' || n % 2, 'u' || n % 7, 'm', 'x', 'failed', timestamptz '2026-11-26T10:00Z' + n * interval '1 s', timestamptz '2026-11-26T11:00Z',
           1000000000 + n * 0.0000000001, n % 5, 'error ' || chr(65 + n % 20)
    from generate_series(1, 1200) as n`)
  await database.sql(`insert into audit_logs (user_id, action_type, action_details, tool_name, timestamp, cost)
    select 'u', 'tool_call', 'd', 't' || n % 3, timestamptz '2026-11-26T10:00Z', n from generate_series(1, 9) as n`)
  await database.sql(`insert into billing_records (user_id, model_id, billing_period, timestamp, cost)
    select 'u' || n % 3, 'x', '2026-1' || n % 2, timestamptz '2026-11-20Z', n::numeric / 3 from generate_series(1, 9) as n`)
  await database.sql(`insert into observability_metrics (user_id, metric_type, metric_value, timestamp)
    select 'u' || n, 'cost', n % 4, timestamptz '2026-11-26T11:00Z' from generate_series(1, 9) as n`)
  await database.sql(`insert into wfstore_cleanups (started_at, cutoff, outcome)
    select timestamptz '2026-11-20Z' + n * interval '1 min', timestamptz '2026-08-20Z', 'done' from generate_series(1, 5) as n`)
})
afterAll(() => database.drop())

const said = async (words: string, options: object = {}) =>
  runCli([...words.split(' '), '--database-url', database.url], options)

async function rowsOf(words: string): Promise<Record<string, unknown>[]> {
  const { code, stdout } = await said(`${words} -o jsonl`)
  expect([words, code]).toEqual([words, 0])
  // Numbers as they are written: a double has not their digits.
  return stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line.replace(/":(-?\d+\.?\d*)(?=[,}])/g, '":"$1"')))
}

/** Commands that list rows, each with a column of numbers. */
const LISTS: [words: string, column: string][] = [
  ['executions list', 'totalCost'],
  ['executions list --limit 20', 'totalCost'],
  ['errors', 'stepsFailed'],
  ['audit', 'cost'],
  ['billing records --period 2026-11', 'cost'],
  ['metrics list', 'metricValue'],
  ['metrics current', 'metricValue'],
  ['cost --by user', 'cost'],
  ['cost-by-mode', 'runs'],
  ['tools', 'cost'],
  ['errors --group', 'runs'],
  ['errors --group --limit 3', 'runs'],
  ['billing --period 2026-11', 'cost'],
  ['billing --period 2026-11 --reconcile', 'billedCost'],
  ['billing periods', 'cost'],
  ['cleanup history', 'executionsRemoved'],
]

it.each(LISTS)(
  '%s --sort %s gives the smallest first, with :desc the largest',
  async (words, column) => {
    const values = async (sort: string) =>
      (await rowsOf(`${words} --sort ${sort}`)).map((row) => String(row[column]))
    // Of one length, texts are in the order of the numbers.
    const padded = (texts: string[]) => {
      const places = texts.map((text) => text.split('.')[1]?.length ?? 0)
      const most = Math.max(...places)
      return texts.map((text, index) => {
        const digits = text.replace('.', '') + '0'.repeat(most - (places[index] ?? 0))
        return digits.padStart(40, '0')
      })
    }
    const rising = padded(await values(column))
    expect(rising.length).toBeGreaterThan(0)
    expect(rising).toEqual([...rising].sort())
    const falling = padded(await values(`${column}:desc`))
    expect(falling).toEqual([...falling].sort().reverse())
    expect((falling[0] as string) >= (rising.at(-1) as string)).toBe(true)
  },
)

it.each(LISTS)(
  '%s: an unknown column of --sort is exit 2 and names the columns',
  async (words, column) => {
    const { code, stdout, stderr } = await said(`${words} --sort nothing`)
    expect([code, stdout]).toEqual([2, ''])
    expect(stderr).toMatch(/^error: --sort: unknown column "nothing"; use one of .*\n$/)
    expect(stderr).toContain(column)
  },
)

it('several columns, a header and another spelling are accepted; another direction or order is not', async () => {
  const both = await rowsOf('executions list --sort user,totalTokens:desc --limit 700')
  const repeated = await rowsOf('executions list --sort USER --sort total_tokens:desc --limit 700')
  expect(both).toHaveLength(700)
  expect(both).toEqual(repeated)
  const keys = both.map(({ userId, totalTokens }) => `${userId} ${9 - Number(totalTokens)}`)
  expect(keys).toEqual([...keys].sort())
  for (const sort of ['-totalCost', '+totalCost', 'totalCost:up', 'totalCost:desc:asc', ',', ''])
    expect(await said(`executions list --sort=${sort}`)).toMatchObject({ code: 2, stdout: '' })
  for (const column of ['metadata', 'steps'])
    expect(await said(`executions list --sort ${column}`)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining(`column "${column}" has no order to sort by`),
    })
  const mixed = [
    'executions list --sort cost --page',
    'executions list --sort cost --cursor x',
    'audit --follow --sort cost',
    'billing --sort cost -o focus',
  ]
  for (const words of mixed) expect(await said(words)).toMatchObject({ code: 2, stdout: '' })
})

it('the order of the list itself still has pages', async () => {
  const { code, stderr } = await said('executions list --sort startTime:desc --page -o csv')
  expect([code, stderr]).toEqual([0, expect.stringMatching(/--cursor [\w-]{43}\n$/)])
})

it('the row of all others and the total stay last', async () => {
  const rows = await rowsOf('cost --by user --top 3 --total --sort cost')
  expect(rows.map(({ other, total }) => [other, total])).toEqual([
    [false, false],
    [false, false],
    [false, false],
    [true, false],
    [false, true],
  ])
})

it('running runs cannot be sorted by their duration, which they do not have yet', async () => {
  expect(await said('executions running --sort duration')).toMatchObject({
    code: 2,
    stderr: expect.stringMatching(
      /^error: --sort: column "duration" has no order to sort by; use one of executionId, startTime, /,
    ),
  })
})
