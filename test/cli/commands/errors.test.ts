import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { runCli } from '../../support/cli.ts'
import type { TestDatabase } from '../../support/database.ts'
import { expectGolden } from '../../support/golden.ts'
import { createAdopted } from '../../support/migrated.ts'

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

/** The words of the command line, and the fields that JSON has where they hold. */
const filters: [argv: string, entries: string, runs: string][] = [
  ['', 'true', 'true'],
  ['--user user_4', `user_id = 'user_4'`, `user_id = 'user_4'`],
  ['--model gpt-4o', `model_id = 'gpt-4o'`, `model_id = 'gpt-4o'`],
  ['--mode Sales', ofRuns(`mode = 'Sales'`), `mode = 'Sales'`],
  ['--workflow 客户跟进', ofRuns(`workflow_name = '客户跟进'`), `workflow_name = '客户跟进'`],
  [
    '--tool PINECONE_QUERY',
    `tool_name = 'PINECONE_QUERY'`,
    `execution_id in (select execution_id from workflow_steps where tool_name = 'PINECONE_QUERY')`,
  ],
  [
    '--execution 6f09b100-8195-4b93-9669-c28fe5479a0b',
    `execution_id::text like '6f09b100%'`,
    `execution_id::text like '6f09b100%'`,
  ],
  [
    '--since 60d',
    `timestamp >= timestamptz '2026-09-27 12:00Z'`,
    `start_time >= timestamptz '2026-09-27 12:00Z'`,
  ],
  [
    '--until 2026-06-01',
    `timestamp < timestamptz '2026-06-01Z'`,
    `start_time < timestamptz '2026-06-01Z'`,
  ],
]
function ofRuns(where: string): string {
  return `execution_id in (select execution_id from workflow_executions where ${where})`
}

it.each(filters)(
  'errors %s lists the rows of an independent statement',
  async (argv, entries, runs) => {
    const wanted = await legacy.sql(
      `select id from (
       select log_id as id, timestamp as time from audit_logs where success is false and (${entries})
       union all
       select execution_id, start_time from workflow_executions where status in ('failed', 'partial') and (${runs})
     ) f order by time desc, id desc`,
    )
    expect(wanted.length).toBeGreaterThan(0)
    const { stdout } = await run([...argv.split(' ').filter(Boolean), '--json', '--limit', 'all'])
    expect(JSON.parse(stdout).map(({ id }: { id: string }) => id)).toEqual(
      wanted.map(({ id }) => id),
    )
  },
)

it('the pages of the command line form the whole list', async () => {
  const all = JSON.parse((await run(['--json', '--limit', 'all'])).stdout)
  const joined: unknown[] = []
  let cursor: string | null = null
  do {
    const { stdout } = await run([
      '--json',
      '--page',
      '--limit',
      '17',
      ...(cursor ? ['--cursor', cursor] : []),
    ])
    const page = JSON.parse(stdout)
    joined.push(...page.rows)
    cursor = page.nextCursor
  } while (cursor)
  expect(joined).toEqual(all)
  expect(joined).toHaveLength(110)
})

it('--group counts the rows of the list, in the window and in the one before', async () => {
  const count = async (argv: string[]) =>
    JSON.parse((await run([...argv, '--json', '--limit', 'all'])).stdout).length
  const { stdout } = await run(['--group', '--since', '60d', '--json', '--limit', 'all'])
  const groups: { count: number; before: number }[] = JSON.parse(stdout)
  expect(groups.reduce((sum, group) => sum + group.count, 0)).toBe(await count(['--since', '60d']))
  expect(groups.reduce((sum, group) => sum + group.before, 0)).toBe(
    await count(['--since', '120d', '--until', '60d']),
  )
})

it('--group without --since is the last 24 hours, and prints a note without failures', async () => {
  const on = (now: string) => run(['--group', '--json'], { now })
  expect((await on('2026-11-18T11:00:00Z')).stdout).toContain('"count": 1')
  expect((await on('2026-11-18T12:00:00Z')).stdout).toContain('"trend": "gone"')
  expect(await on('2027-01-01T00:00:00Z')).toEqual({ code: 0, stdout: '[]\n', stderr: '' })
  expect(await run(['--group'], { terminal: 80 })).toEqual({
    code: 0,
    stdout: '',
    stderr: 'no failures\n',
  })
})

it('--group prints how many groups a limit leaves out, and has no pages', async () => {
  const { stdout, stderr } = await run([
    '--group',
    '--since',
    '60d',
    '--limit',
    '2',
    '--columns',
    'count',
  ])
  expect([stdout, stderr]).toEqual(['6\n6\n', '3 more groups; use --limit all\n'])
  for (const paging of [
    ['--page', '--json'],
    ['--cursor', 'x'],
  ])
    expect((await run(['--group', ...paging])).code).toBe(2)
})
