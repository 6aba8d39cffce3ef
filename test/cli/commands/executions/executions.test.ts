import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { runCli } from '../../../support/cli.ts'
import type { TestDatabase } from '../../../support/database.ts'
import { expectGolden } from '../../../support/golden.ts'
import { createAdopted, createMigrated } from '../../../support/migrated.ts'

let legacy: TestDatabase
let empty: TestDatabase
const run = (argv: string[], options = {}) =>
  runCli([...argv, '--database-url', legacy.url], options)
const json = async (argv: string[]) => {
  const { code, stdout, stderr } = await run([...argv, '--json'])
  expect([code, stderr]).toEqual([0, ''])
  return JSON.parse(stdout)
}

beforeAll(async () => {
  legacy = await createAdopted('cli')
  empty = await createMigrated('cli_empty')
})
afterAll(async () => {
  await legacy.drop()
  await empty.drop()
})

/** A failed run whose error tries to paint the terminal. */
const HOSTILE = '6f09b100-8195-4b93-9669-c28fe5479a0b'

describe('the output for the adopted database', () => {
  const forms: [name: string, argv: string[], options: object][] = [
    ['list-80.txt', ['executions', 'list'], { terminal: 80 }],
    ['list-200.txt', ['executions', 'list'], { terminal: 200 }],
    [
      'list-color.txt',
      ['executions', 'list', '--limit', '5', '--color', 'always'],
      { terminal: 100 },
    ],
    ['list.tsv', ['executions', 'list', '--limit', '20'], {}],
    ['list.json', ['executions', 'list', '--limit', '3', '-o', 'json'], {}],
    ['list-page.json', ['executions', 'list', '--limit', '1', '-o', 'json', '--page'], {}],
    ['list.jsonl', ['executions', 'list', '--limit', '3', '-o', 'jsonl'], {}],
    ['list.csv', ['executions', 'list', '--limit', '20', '-o', 'csv'], {}],
    [
      'list-columns.txt',
      ['executions', 'list', '--limit', '5', '--columns', 'status,total_cost,ERROR'],
      { terminal: 80 },
    ],
    ['running-80.txt', ['executions', 'running'], { terminal: 80 }],
    ['show-80.txt', ['executions', 'show', HOSTILE], { terminal: 80 }],
    [
      'show-120.txt',
      ['executions', 'show', HOSTILE.slice(0, 8), '--tz', 'Asia/Kathmandu'],
      { terminal: 120 },
    ],
    ['show.tsv', ['executions', 'show', HOSTILE], {}],
    ['show.json', ['executions', 'show', HOSTILE, '--json'], {}],
    ['show.csv', ['executions', 'show', HOSTILE, '-o', 'csv'], {}],
  ]
  it.each(forms)('%s', async (name, argv, options) => {
    const { code, stdout, stderr } = await run(argv, options)
    expect(code).toBe(0)
    expectGolden(`executions/${name}`, stderr === '' ? stdout : `${stdout}--- stderr\n${stderr}`)
  })
})

describe('the rows, compared with independent statements', () => {
  const ids = async (where: string, order = 'desc') =>
    (
      await legacy.sql(
        `select execution_id as id from workflow_executions e where ${where} order by start_time ${order}, execution_id ${order}`,
      )
    ).map(({ id }) => id)
  const listed = async (argv: string[]) =>
    (await json([...argv, '--limit', 'all'])).map((row: { executionId: string }) => row.executionId)

  const filters: [argv: string, where: string][] = [
    ['', 'true'],
    ['--user user_11', `user_id = 'user_11'`],
    ['--status failed', `status = 'failed'`],
    ['--status failed,cancelled', `status = 'failed' or status = 'cancelled'`],
    ['--mode Sales --model gpt-4o', `mode = 'Sales' and model_id = 'gpt-4o'`],
    ['--workflow 客户跟进', `workflow_name = '客户跟进'`],
    [
      '--tool PINECONE_QUERY',
      `execution_id in (select execution_id from workflow_steps where tool_name = 'PINECONE_QUERY')`,
    ],
    [`--execution ${HOSTILE}`, `execution_id = '${HOSTILE}'`],
    [
      '--since 2026-09-01 --until 2026-10-01',
      `to_char(start_time at time zone 'UTC', 'YYYY-MM') = '2026-09'`,
    ],
    [
      '--since 2026-09-01 --until 2026-10-01 --tz Asia/Tokyo',
      `to_char(start_time at time zone 'Asia/Tokyo', 'YYYY-MM') = '2026-09'`,
    ],
    ['--since 30d', `start_time >= timestamptz '2026-10-27 12:00Z'`],
    ['--user nobody', 'false'],
  ]
  it.each(filters)('list %s', async (argv, where) => {
    const wanted = await ids(where)
    if (where !== 'false') expect(wanted.length).toBeGreaterThan(0)
    expect(await listed(['executions', 'list', ...argv.split(' ').filter(Boolean)])).toEqual(wanted)
  })

  it('running lists unfinished runs, the longest-running first', async () => {
    expect(await listed(['executions', 'running'])).toEqual(await ids(`status = 'running'`, 'asc'))
  })

  it('the cost and tokens of every run match the database, to the last digit', async () => {
    const { stdout } = await run([
      'executions',
      'list',
      '--limit',
      'all',
      '--columns',
      'executionId,totalCost,totalTokens',
      '--no-headers',
    ])
    const rows = await legacy.sql(
      `select execution_id || e'\\t' || total_cost || e'\\t' || total_tokens as line from workflow_executions order by start_time desc, execution_id desc`,
    )
    expect(stdout.trimEnd().split('\n')).toEqual(rows.map(({ line }) => line))
    expect(rows).toHaveLength(160)
  })

  it('a number of steps that the engine did not give is -, not 0', async () => {
    const database = await createMigrated('steps_unknown')
    await database.sql(
      `insert into workflow_executions (workflow_name, user_id, mode, model_id, status, steps_completed, steps_total, start_time)
       values ('w', 'u', 'm', 'x', 'success', 1, 0, now()), ('w', 'u', 'm', 'x', 'success', 1, 2, now() - interval '1 day')`,
    )
    const argv = ['executions', 'list', '--columns', 'steps', '--no-headers']
    expect((await runCli([...argv, '--database-url', database.url])).stdout).toBe('1/-\n1/2\n')
    await database.drop()
  })

  it('show lists the steps of every run in order, as in the table', {
    tags: 'slow',
  }, async () => {
    const rows = await legacy.sql(
      `select e.execution_id as id, json_agg(s.step_number || ' ' || s.status || ' ' || s.cost order by s.step_number)
         filter (where s.step_id is not null) as steps
       from workflow_executions e left join workflow_steps s using (execution_id) group by 1`,
    )
    for (const { id, steps } of rows) {
      const { stdout } = await run([
        'executions',
        'show',
        String(id),
        '--json',
        '--columns',
        'executionId,steps',
      ])
      const costs = [...stdout.matchAll(/"cost": ([\d.]+)/g)].map((match) => match[1])
      const shown = JSON.parse(stdout).steps as { stepNumber: number; status: string }[]
      expect(
        shown.map((step, index) => `${step.stepNumber} ${step.status} ${costs[index]}`),
      ).toEqual(steps ?? [])
    }
  })

  it('the pages of the command line form the whole list', async () => {
    const all = await listed(['executions', 'list'])
    const joined: string[] = []
    let cursor: string | null = null
    do {
      const page: { rows: { executionId: string }[]; nextCursor: string | null } = await json([
        ...['executions', 'list', '--page', '--limit', '37'],
        ...(cursor ? ['--cursor', cursor] : []),
      ])
      joined.push(...page.rows.map((row) => row.executionId))
      cursor = page.nextCursor
    } while (cursor)
    expect(joined).toEqual(all)
  })
})

it('an unknown id is exit 6, the start of several ids is exit 2 with the candidates', async () => {
  expect(await run(['executions', 'show', '00000000-0000-4000-8000-000000000000'])).toEqual({
    code: 6,
    stdout: '',
    stderr:
      'error: execution 00000000-0000-4000-8000-000000000000 does not exist; it may have been deleted, or removed by a cleanup\n',
  })
  const ids = ['01a2080b-dcf7-7d26-a791-000000000001', '01a2080b-dcf8-7d26-a791-000000000002']
  for (const id of ids) {
    await empty.sql(
      `insert into workflow_executions (execution_id, workflow_name, user_id, mode, model_id) values ($1, 'w', 'u', 'm', 'x')`,
      [id],
    )
  }
  const { code, stderr } = await runCli([
    'executions',
    'show',
    '01A2080B',
    '--database-url',
    empty.url,
  ])
  expect([code, stderr]).toEqual([
    2,
    `error: 01A2080B matches several executions; use more characters: ${ids.join(', ')}\n`,
  ])
  await empty.sql('delete from workflow_executions')
})

it('an empty list is an empty array, a header or nothing, and exit 0', async () => {
  const on = (argv: string[], options = {}) =>
    runCli(['executions', 'list', '--database-url', empty.url, ...argv], options)
  expect(await on(['--json'])).toEqual({ code: 0, stdout: '[]\n', stderr: '' })
  expect(await on(['-o', 'jsonl'])).toEqual({ code: 0, stdout: '', stderr: '' })
  expect((await on([])).stdout).toMatch(/^executionId\tstartTime\t[A-Za-z\t]+\n$/)
  expect(await on(['--no-headers'])).toEqual({ code: 0, stdout: '', stderr: '' })
  expect(await on([], { terminal: 80 })).toEqual({ code: 0, stdout: '', stderr: 'no runs\n' })
  expect((await on(['-o', 'csv'])).stdout).toMatch(/^executionId,startTime,[A-Za-z,]+\r\n$/)
})

it('the output is the same for every DateStyle and time zone of the session', async () => {
  const show = ['executions', 'show', HOSTILE, '--json']
  const wanted = await run(show)
  for (const setting of [
    `datestyle to 'German'`,
    `datestyle to 'SQL, DMY'`,
    `timezone to 'Asia/Kathmandu'`,
  ]) {
    await legacy.sql(`alter database ${legacy.name} set ${setting}`)
    expect(await run(show)).toEqual(wanted)
    expect((await run(['executions', 'list', '--since', '30d'])).code).toBe(0)
    await legacy.sql(`alter database ${legacy.name} reset ${setting.split(' ')[0]}`)
  }
})

it.each([
  ['list', ['executions', 'list', '--limit', 'all', '--columns', 'id']],
  ['show', ['executions', 'show', HOSTILE]],
])('a slow %s shows progress on a terminal, and clears it before its rows', async (_, argv) => {
  let waits = 0
  const slow = await run(argv, {
    terminal: 80,
    answer: '',
    sleep: async (ms: number, done: AbortSignal) => {
      expect(ms).toBe(1000)
      if (waits++ > 0)
        await new Promise((_, reject) => done.addEventListener('abort', () => reject(done.reason)))
    },
  })
  const { stdout, stderr } = await run(argv, { terminal: 80 })
  expect(slow).toEqual({
    code: 0,
    stdout,
    stderr: `\r\x1b[Kworking… (1s)\r\x1b[K${stderr.replace(/^(.+)$/gm, '\x1b[2m$1\x1b[22m')}`,
  })
})
