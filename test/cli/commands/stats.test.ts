import { afterAll, beforeAll, expect, it } from 'vitest'
import { foldAudit, foldRuns } from '../../queries/usage/support.ts'
import { runCli } from '../../support/cli.ts'
import type { TestDatabase } from '../../support/database.ts'
import { expectGolden } from '../../support/golden.ts'
import { createAdopted, createMigrated } from '../../support/migrated.ts'

let legacy: TestDatabase
const run = (argv: string[], options = {}) =>
  runCli([...argv, '--database-url', legacy.url], options)

beforeAll(async () => {
  legacy = await createAdopted('cli_stats')
  await foldRuns(legacy, `status <> 'running' and start_time < '2026-07-01Z'`)
  await foldAudit(legacy, `timestamp < '2026-07-01Z'`)
})
afterAll(() => legacy.drop())

const forms: [name: string, argv: string[], options: object][] = [
  ['all-80.txt', ['stats'], { terminal: 80 }],
  ['all-200.txt', ['stats'], { terminal: 200 }],
  ['year-80.txt', ['stats', '--since', '2026-01-01', '--tz', 'Asia/Kathmandu'], { terminal: 80 }],
  ['user-ascii-80.txt', ['stats', '--user', 'user_2'], { terminal: 80, env: { LANG: 'POSIX' } }],
  ['nobody-80.txt', ['stats', '--user', 'nobody'], { terminal: 80 }],
  ['mode.tsv', ['stats', '--mode', 'Sales'], {}],
  ['all.json', ['stats', '--json', '--since', '2026-11-01'], {}],
  ['user.csv', ['stats', '--user', 'user_2', '-o', 'csv'], {}],
  ['days.tsv', ['stats', '--columns', 'firstDay,lastDay,runsPerDay,days', '--since', '7d'], {}],
]
it.each(forms)('%s', async (name, argv, options) => {
  const { code, stdout, stderr } = await run(argv, options)
  expect(code).toBe(0)
  expectGolden(`stats/${name}`, stderr === '' ? stdout : `${stdout}--- stderr\n${stderr}`)
})

it('no line is wider than the terminal, for any range', async () => {
  for (const width of [72, 80, 132])
    for (const since of ['7d', '2026-05-01', '2019-01-01', '0001-01-01']) {
      const argv = ['stats', '--color', 'never', '--since', since]
      const { stdout } = await run(argv, { terminal: width })
      const widths = stdout.split('\n').map(({ length }) => length)
      expect(Math.max(...widths)).toBeLessThanOrEqual(width)
    }
})

it('the cost includes live and removed runs, with every digit', async () => {
  const [row] = await legacy.sql(
    `select ((select sum(total_cost) from workflow_executions) + (select sum(total_cost) from usage_history))::text as cost`,
  )
  expect((await run(['stats', '--json'])).stdout).toContain(`"totalCost": ${row?.cost},`)
})

it('an empty store has zeros and exit 0', async () => {
  const empty = await createMigrated('cli_stats_empty')
  const { code, stdout, stderr } = await runCli(['stats', '--json', '--database-url', empty.url])
  expect([code, stderr, JSON.parse(stdout)]).toMatchObject([
    0,
    '',
    { totalExecutions: 0, totalCost: 0 },
  ])
  await empty.drop()
})

it('--tool and --execution are refused, because only sums of removed runs are kept', async () => {
  const { code, stderr } = await run(['stats', '--tool', 'x'])
  expect([code, stderr]).toEqual([
    2,
    'error: --tool is not supported by reports: only totals are kept for removed runs; use `wfstore executions list --tool` for runs that are not removed\n',
  ])
})

it('without a schema the error has a hint, exit 4', async () => {
  await legacy.sql('create schema bare')
  const { code, stderr } = await run(['stats', '--schema', 'bare'])
  expect([code, stderr]).toEqual([
    4,
    'error: this database has no wfstore schema in the search path "bare", but has one in schema public; give it with --schema public\n',
  ])
})

it('durations of no finished run are null, not 0', async () => {
  const { stdout } = await run(['stats', '--user', 'nobody', '--json'])
  expect(JSON.parse(stdout)).toMatchObject({
    totalExecutions: 0,
    successRate: null,
    averageExecutionTime: null,
    p50ExecutionTime: null,
    p95ExecutionTime: null,
    p99ExecutionTime: null,
  })
})
