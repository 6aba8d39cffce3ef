import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { runCli } from '../../support/cli.ts'
import type { TestDatabase } from '../../support/database.ts'
import { expectGolden } from '../../support/golden.ts'
import { createAdopted, createMigrated } from '../../support/migrated.ts'

let legacy: TestDatabase
const run = (argv: string[], options = {}) =>
  runCli(['errors', ...argv, '--database-url', legacy.url], options)

beforeAll(async () => {
  legacy = await createAdopted('errors')
})
afterAll(() => legacy.drop())

describe('the output of errors for the adopted database', () => {
  const forms: [name: string, argv: string[], options: object][] = [
    ['list-80.txt', [], { terminal: 80 }],
    ['list-200.txt', [], { terminal: 200 }],
    ['list.tsv', ['--limit', '20'], {}],
    ['list.json', ['--limit', '3', '-o', 'json'], {}],
    ['list-page.json', ['--limit', '1', '-o', 'json', '--page'], {}],
    ['list.jsonl', ['--limit', '3', '-o', 'jsonl'], {}],
    ['list.csv', ['--limit', '5', '-o', 'csv'], {}],
    ['group-80.txt', ['--group', '--since', '60d'], { terminal: 80 }],
    ['group-200.txt', ['--group', '--since', '60d'], { terminal: 200 }],
    ['group.tsv', ['--group', '--since', '60d'], {}],
    ['group.json', ['--group', '--since', '60d', '--json'], {}],
  ]
  it.each(forms)('%s', async (name, argv, options) => {
    const { code, stdout, stderr } = await run(argv, options)
    expect(code).toBe(0)
    expectGolden(`errors/${name}`, stderr === '' ? stdout : `${stdout}--- stderr\n${stderr}`)
  })
})

/** The words of the command line, and a condition that shares nothing with ours. */
const filters: [argv: string, where: string][] = [
  ['', 'true'],
  ['--user user_9', `user_id = 'user_9'`],
  ['--model gpt-4o', `model_id = 'gpt-4o'`],
  ['--mode Sales', `mode = 'Sales'`],
  ['--workflow 客户跟进', `workflow_name = '客户跟进'`],
  [
    '--tool PINECONE_QUERY',
    `'PINECONE_QUERY failed' in (select tool_name || ' ' || status from workflow_steps s where s.execution_id = e.execution_id)`,
  ],
  ['--execution 81847785-b355-4f6f-8b88-bab5a5149f2c', `execution_id::text like '81847785%'`],
  ['--since 60d', `start_time >= timestamptz '2026-09-27 12:00Z'`],
  ['--until 2026-06-01', `start_time < timestamptz '2026-06-01Z'`],
]

it.each(filters)('errors %s lists the runs of an independent statement', async (argv, where) => {
  const wanted = await legacy.sql(
    `select execution_id as id from workflow_executions e
     where status not in ('running', 'success', 'cancelled') and (${where}) order by start_time desc, 1 desc`,
  )
  expect(wanted.length).toBeGreaterThan(0)
  const { stdout } = await run([...argv.split(' ').filter(Boolean), '--json', '--limit', 'all'])
  expect(JSON.parse(stdout).map((row: { executionId: string }) => row.executionId)).toEqual(
    wanted.map(({ id }) => id),
  )
})

it('the pages of the command line form the whole list', async () => {
  const all = JSON.parse((await run(['--json', '--limit', 'all'])).stdout)
  const joined: unknown[] = []
  let cursor: string | null = null
  do {
    const { stdout } = await run([
      '--json',
      '--page',
      '--limit',
      '5',
      ...(cursor ? ['--cursor', cursor] : []),
    ])
    const page = JSON.parse(stdout)
    joined.push(...page.rows)
    cursor = page.nextCursor
  } while (cursor)
  expect(joined).toEqual(all)
  expect(joined).toHaveLength(23)
})

it('--group counts the runs of the list, in the window and in the one before', async () => {
  const count = async (argv: string[]) =>
    JSON.parse((await run([...argv, '--json', '--limit', 'all'])).stdout).length
  const { stdout } = await run(['--group', '--since', '60d', '--json', '--limit', 'all'])
  const groups: { runs: number; before: number }[] = JSON.parse(stdout)
  expect(groups.reduce((sum, group) => sum + group.runs, 0)).toBe(await count(['--since', '60d']))
  expect(groups.reduce((sum, group) => sum + group.before, 0)).toBe(
    await count(['--since', '120d', '--until', '60d']),
  )
})

it('--group without --since is the last 24 hours, and prints a note without errors', async () => {
  const on = (now: string) => run(['--group', '--json'], { now })
  expect((await on('2026-11-14T03:00:00Z')).stdout).toContain('"runs": 1')
  expect((await on('2026-11-14T04:00:00Z')).stdout).toContain('"trend": "gone"')
  expect(await on('2027-01-01T00:00:00Z')).toEqual({ code: 0, stdout: '[]\n', stderr: '' })
  expect(await run(['--group'], { terminal: 80 })).toEqual({
    code: 0,
    stdout: '',
    stderr: 'no errors\n',
  })
})

it('--group on a terminal names the times that RUNS and BEFORE count', async () => {
  const { stderr } = await run(['--group'], {
    terminal: 80,
    now: '2026-11-14T03:00:00Z',
    timeZone: 'UTC',
  })
  expect(stderr).toContain(
    'RUNS: 2026-11-13 03:00 to 2026-11-14 03:00; BEFORE: the 1d 00h before that\n',
  )
  expect((await run(['--group'], { now: '2026-11-14T03:00:00Z' })).stderr).toBe('')
})

it('--group prints how many groups a limit leaves out, and has no pages', async () => {
  const { stdout, stderr } = await run([
    '--group',
    '--since',
    '60d',
    '--limit',
    '2',
    '--columns',
    'runs',
  ])
  expect([stdout, stderr]).toEqual(['runs\n2\n2\n', 'showing 2 of 4; use --limit all\n'])
  for (const paging of [
    ['--page', '--json'],
    ['--cursor', 'x'],
  ])
    expect((await run(['--group', ...paging])).code).toBe(2)
})

it('--group says how many failed runs cleanup has removed, and never that there were none', async () => {
  const store = await createMigrated('errors_removed')
  await store.sql(
    `insert into usage_history (quarter_start, user_id, workflow_name, mode, model_id, status, runs, total_cost, total_tokens,
       steps_total, steps_completed, steps_failed, timed_runs, duration_ms, last_start_time)
     select '2026-11-26T11:00:00Z', 'u', 'w', 'm', 'x', status, 2, 0, 0, 0, 0, 0, 0, 0, '2026-11-26T11:00:00Z'
     from unnest('{failed, partial, cancelled, success}'::text[]) as status`,
  )
  const { stderr } = await runCli(['errors', '--group', '--database-url', store.url], {
    terminal: 80,
    now: '2026-11-26T12:00:00Z',
  })
  expect(stderr).toBe(
    'no errors in runs that are kept\n4 failed or partial runs of this time were removed by cleanup and are in no group\n',
  )
  await store.drop()
})
