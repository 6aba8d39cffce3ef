import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { foldRuns } from '../../queries/usage/support.ts'
import { NOW, runCli } from '../../support/cli.ts'
import type { TestDatabase } from '../../support/database.ts'
import { expectGolden } from '../../support/golden.ts'
import { createAdopted, createMigrated } from '../../support/migrated.ts'

let legacy: TestDatabase
let empty: TestDatabase
const run = (argv: string[], options = {}) =>
  runCli([...argv, '--database-url', legacy.url], options)

beforeAll(async () => {
  legacy = await createAdopted('cli_cost')
  // Some of it only a sum, as after a cleanup.
  await foldRuns(legacy, `status <> 'running' and start_time < '2026-07-01Z'`)
  empty = await createMigrated('cli_cost_empty')
})
afterAll(async () => {
  await legacy.drop()
  await empty.drop()
})

describe('the output for the adopted database', () => {
  const forms: [name: string, argv: string[], options: object][] = [
    ['user-80.txt', ['cost', '--by', 'user'], { terminal: 80 }],
    ['user-200.txt', ['cost', '--by', 'user'], { terminal: 200 }],
    ['user-top-80.txt', ['cost', '--by', 'workflow,model', '--top', '4'], { terminal: 80 }],
    ['month-color.txt', ['cost', '--by', 'month', '--color', 'always'], { terminal: 80 }],
    [
      'mode-ascii-80.txt',
      ['cost-by-mode'],
      { terminal: 80, env: { LC_ALL: 'C', LANG: 'de_DE.UTF-8' } },
    ],
    ['mode-40.txt', ['cost-by-mode'], { terminal: 40 }],
    ['mode-columns.txt', ['cost-by-mode', '--columns', 'bar,mode,cost'], { terminal: 80 }],
    ['week.tsv', ['cost', '--by', 'week', '--tz', 'Asia/Kathmandu', '--top', '3'], {}],
    ['mode-total.tsv', ['cost-by-mode', '--total'], {}],
    ['mode.json', ['cost-by-mode', '--json'], {}],
    ['mode-total.json', ['cost-by-mode', '--top', '1', '--total', '-o', 'json'], {}],
    ['mode.jsonl', ['cost-by-mode', '-o', 'jsonl'], {}],
    ['day.csv', ['cost', '--by', 'day,status', '--since', '2026-10-15', '-o', 'csv'], {}],
    ['mode-total.csv', ['cost-by-mode', '--top', '1', '--total', '-o', 'csv'], {}],
  ]
  it.each(forms)('%s', async (name, argv, options) => {
    const { code, stdout, stderr } = await run(argv, options)
    expect(code).toBe(0)
    expectGolden(`cost/${name}`, stderr === '' ? stdout : `${stdout}--- stderr\n${stderr}`)
  })
})

it('the sums match the tables of the old application, to the last digit', async () => {
  const fresh = await createAdopted('cli_cost_fresh')
  const shown = await runCli(
    [
      'cost',
      '--by',
      'user,month',
      '--total',
      '--columns',
      'user,month,runs,cost,tokens',
      '--no-headers',
      '--database-url',
      fresh.url,
    ],
    {},
  )
  const rows = await fresh.sql(
    `select distinct user_id, to_char(start_time at time zone 'UTC', 'YYYY-MM') as month,
       count(*) over mine || e'\\t' || sum(total_cost) over mine || e'\\t' || sum(total_tokens) over mine as sums
     from workflow_executions
     window mine as (partition by user_id, date_trunc('month', start_time at time zone 'UTC'))`,
  )
  const lines = rows.map(({ user_id, month, sums }) => `${user_id}\t${month}\t${sums}`)
  const printed = shown.stdout.trimEnd().split('\n')
  expect(printed.slice(0, -1).sort()).toEqual(lines.sort())
  const [all] = await fresh.sql(
    `select count(*) || e'\\t' || sum(total_cost) || e'\\t' || sum(total_tokens) as sums from workflow_executions`,
  )
  expect(printed.at(-1)).toBe(`total\t\t${all?.sums}`)
  // The database of the other tests has lost the rows of these months, and no sum.
  const after = await run([
    'cost',
    '--by',
    'user,month',
    '--total',
    '--columns',
    'user,month,runs,cost,tokens',
    '--no-headers',
  ])
  expect(after.stdout).toBe(shown.stdout)
  await fresh.drop()
})

it('cost-by-mode is cost --by mode', async () => {
  for (const rest of [['--json'], ['--total', '-o', 'csv'], ['--user', 'user_2']])
    expect(await run(['cost-by-mode', ...rest])).toEqual(
      await run(['cost', '--by', 'mode', ...rest]),
    )
})

it('a pipe gets only rows, so their sum is right; --total marks the row of the total', async () => {
  const rows = async (argv: string[]) =>
    JSON.parse((await run(['cost-by-mode', '--json', ...argv])).stdout)
  const plain = await rows([])
  const [sum] = await legacy.sql(
    `select (select sum(total_cost) from workflow_executions) + (select sum(total_cost) from usage_history) as cost`,
  )
  const added = plain.reduce((all: number, { cost }: { cost: number }) => all + cost, 0)
  expect(added).toBeCloseTo(Number(sum?.cost), 9)
  const withTotal = await rows(['--total'])
  expect(withTotal.filter(({ total }: { total: boolean }) => total)).toEqual([withTotal.at(-1)])
  expect(withTotal).toHaveLength(plain.length + 1)
})

it('an empty result has no rows: a note, a header, an empty array', async () => {
  const on = (argv: string[], options = {}) =>
    runCli(['cost', '--by', 'user', '--database-url', empty.url, ...argv], options)
  expect(await on([], { terminal: 80 })).toEqual({ code: 0, stdout: '', stderr: 'no runs\n' })
  const header = ['userId', 'runs', 'cost', 'tokens', 'costPerRun', 'share']
  expect(await on([])).toEqual({ code: 0, stdout: `${header.join('\t')}\n`, stderr: '' })
  expect(await on(['--no-headers'])).toEqual({ code: 0, stdout: '', stderr: '' })
  expect(await on(['--json'])).toEqual({ code: 0, stdout: '[]\n', stderr: '' })
  expect((await on(['-o', 'csv'])).stdout).toBe(`${header.join(',')}\r\n`)
})

it('steps without a price are noted on stderr by cost and stats, and in the page of the report', async () => {
  const priced = await createMigrated('cli_cost_unpriced')
  await priced.sql(`
    with run as (insert into workflow_executions (user_id, workflow_name, mode, model_id, start_time) values ('u', 'w', 'm', 'x', timestamptz '${NOW}' - interval '1 day') returning execution_id)
    insert into workflow_steps (execution_id, step_number, step_name, model_id, cost_source)
    select execution_id, n, 's', nullif('m' || n % 2, 'm0'), 'unpriced' from run, generate_series(1, 3) n`)
  const note = '3 steps of 2 models have no price, so their cost is not included; run'
  const url = ['--database-url', priced.url]
  for (const command of ['cost-by-mode', 'stats']) {
    const { stderr, code } = await runCli([command, ...url])
    expect([code, stderr]).toEqual([0, `${note} \`wfstore prices check\`\n`])
  }
  const one = await runCli(['cost', '--by', 'model', '--model', 'x', '--total', '--json', ...url])
  expect(one.stderr).toContain('1 step of 1 model has no price, so its cost is not included')
  expect(JSON.parse(one.stdout).at(-1).unpriced).toEqual({ steps: 1, models: 1 })
  expect((await runCli(['report', ...url])).stdout).toContain(`${note} wfstore prices check.`)
  await priced.drop()
})

it('a bound that cuts a quarter hour of removed runs is noted on stderr, and in the row of the total', async () => {
  const [row] = await legacy.sql(
    `select quarter_start + interval '1 minute' as at, runs from usage_history order by quarter_start desc limit 1`,
  )
  const since = new Date(String(row?.at)).toISOString()
  const argv = ['cost-by-mode', '--since', since, '--json', '--total']
  const { code, stdout, stderr } = await run(argv)
  expect([code, JSON.parse(stdout).at(-1).historyCut]).toEqual([0, Number(row?.runs)])
  expect(stderr).toBe(
    `1 removed run is counted at the start of a quarter hour that --since or --until falls within; ` +
      'use times at :00, :15, :30 or :45 for exact totals\n',
  )
})

it.each<[string, string[], string]>([
  ['no dimension', ['cost'], "required option '--by <keys>' not specified"],
  [
    'an unknown one',
    ['cost', '--by', 'user,tool'],
    'It must be one or more of user, mode, model, workflow, status, session, day, week, month, tag:<name>',
  ],
  ['one twice', ['cost', '--by', 'user,user'], 'It must not repeat a key'],
  [
    'a filter that removed runs do not have',
    ['cost-by-mode', '--tool', 'x'],
    '--tool is not supported by reports: only totals are kept for removed runs; use `wfstore executions list --tool` for runs that are not removed',
  ],
  [
    'an execution',
    ['cost-by-mode', '--execution', '0193f1c2-7a5e-7c11-9d3e-2b6f0a4c8e57'],
    '--execution is not supported by reports',
  ],
  ['an invalid top', ['cost-by-mode', '--top', '0'], 'It must be a whole number of at least 1'],
  ['an unknown column', ['cost-by-mode', '--columns', 'user'], 'unknown column "user"'],
])('%s is wrong usage', async (_, argv, message) => {
  const { code, stdout, stderr } = await run(argv)
  expect([code, stdout]).toEqual([2, ''])
  expect(stderr).toContain(message)
})

describe('on a terminal, a report that takes over a second', () => {
  const CLEAR = '\r\x1b[K'
  /** A clock that stops after a number of seconds. */
  const passing = (seconds: number) => {
    let waits = 0
    return (ms: number, signal: AbortSignal) => {
      expect(ms).toBe(1000)
      if (++waits <= seconds) return Promise.resolve()
      return new Promise<void>((_, reject) =>
        signal.addEventListener('abort', () => reject(signal.reason)),
      )
    }
  }
  it('shows a note that counts the seconds and is then cleared', async () => {
    const { code, stdout, stderr } = await run(['cost-by-mode'], { answer: '', sleep: passing(2) })
    expect([code, stdout.split('\n')[1]?.startsWith('Sales\t')]).toEqual([0, true])
    expect(stderr).toBe(`${CLEAR}working… (1s)${CLEAR}working… (2s)${CLEAR}`)
  })
  it('has no note if it is faster', async () => {
    expect((await run(['stats'], { answer: '', sleep: passing(0) })).stderr).toBe('')
  })
  it('has no note in a pipe', async () => {
    expect((await run(['cost-by-mode'], { sleep: passing(2) })).stderr).toBe('')
  })
  it('ends with its error if it fails', async () => {
    const argv = ['stats', '--database-url', 'postgresql://127.0.0.1:1/none']
    const { code, stderr } = await runCli(argv, { answer: '', sleep: passing(1) })
    expect([code, stderr.startsWith(`${CLEAR}working… (1s)${CLEAR}`)]).toEqual([3, true])
    expect(stderr).toContain('cannot reach PostgreSQL')
  })
})
