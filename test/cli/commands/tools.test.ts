import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { runCli } from '../../support/cli.ts'
import type { TestDatabase } from '../../support/database.ts'
import { expectGolden } from '../../support/golden.ts'
import { createAdopted } from '../../support/migrated.ts'

let legacy: TestDatabase
const run = (argv: string[], options = {}) =>
  runCli(['tools', ...argv, '--database-url', legacy.url], options)

beforeAll(async () => {
  legacy = await createAdopted('tools')
})
afterAll(() => legacy.drop())

describe('the output of tools for the adopted database', () => {
  const forms: [name: string, argv: string[], options: object][] = [
    ['list-80.txt', [], { terminal: 80 }],
    ['list-200.txt', [], { terminal: 200 }],
    ['list.tsv', [], {}],
    ['list.json', ['-o', 'json'], {}],
    ['list.jsonl', ['-o', 'jsonl', '--columns', 'toolName,calls'], {}],
    ['list.csv', ['-o', 'csv'], {}],
  ]
  it.each(forms)('%s', async (name, argv, options) => {
    const { code, stdout, stderr } = await run(argv, options)
    expect(code).toBe(0)
    expectGolden(`tools/${name}`, stderr === '' ? stdout : `${stdout}--- stderr\n${stderr}`)
  })
})

/** The words of the command line, and what they ask of a call. */
const filters: [argv: string, where: string][] = [
  ['', 'true'],
  ['--user user_4', `user_id = 'user_4'`],
  ['--model gpt-4o', `model_id = 'gpt-4o'`],
  [
    '--mode Sales',
    `execution_id in (select execution_id from workflow_executions where mode = 'Sales')`,
  ],
  [
    '--workflow 客户跟进',
    `execution_id in (select execution_id from workflow_executions where workflow_name = '客户跟进')`,
  ],
  ['--tool PINECONE_QUERY', `tool_name = 'PINECONE_QUERY'`],
  ['--execution 6f09b100-8195-4b93-9669-c28fe5479a0b', `execution_id::text like '6f09b100%'`],
  ['--since 60d', `timestamp >= timestamptz '2026-09-27 12:00Z'`],
  ['--until 2026-06-01', `timestamp < timestamptz '2026-06-01Z'`],
]
it.each(filters)('tools %s adds up the rows of an independent statement', async (argv, where) => {
  const wanted = await legacy.sql(
    `select tool_name as name, count(*)::int as calls, sum((not success)::int)::int as failures, sum(cost)::float8 as cost,
       sum(tokens_used)::int as tokens
     from audit_logs where action_type = 'tool_call' and ${where} group by 1 order by 1`,
  )
  expect(wanted.length).toBeGreaterThan(0)
  const { stdout } = await run([...argv.split(' ').filter(Boolean), '--json'])
  const rows: {
    toolName: string
    calls: number
    failures: number
    cost: number
    tokens: number
  }[] = JSON.parse(stdout)
  const called = rows
    .filter(({ calls }) => calls > 0)
    .map(({ toolName, calls, failures, cost, tokens }) => ({
      name: toolName,
      calls,
      failures,
      cost,
      tokens,
    }))
  expect(called.toSorted((a, b) => (a.name < b.name ? -1 : 1))).toEqual(wanted)
})

it('an empty result is an empty array or a line', async () => {
  const nobody = ['--user', 'nobody']
  expect(await run([...nobody, '--json'])).toEqual({ code: 0, stdout: '[]\n', stderr: '' })
  expect((await run(nobody, { terminal: 80 })).stderr).toBe('no tool calls\n')
})
