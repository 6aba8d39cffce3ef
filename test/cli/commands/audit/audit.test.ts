import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { runCli } from '../../../support/cli.ts'
import type { TestDatabase } from '../../../support/database.ts'
import { expectGolden } from '../../../support/golden.ts'
import { createAdopted } from '../../../support/migrated.ts'

let legacy: TestDatabase
const run = (argv: string[], options = {}) =>
  runCli(['audit', ...argv, '--database-url', legacy.url], options)
const json = async (argv: string[]) => {
  const { code, stdout, stderr } = await run([...argv, '--json'])
  expect([code, stderr]).toEqual([0, ''])
  return JSON.parse(stdout)
}

/** A tool call with input and output, and its run. */
const CALL = 'fa261414-6cb0-4571-b7ea-6ce5fb89c8da'
const RUN = '91700e75-2fdd-4ba2-bc62-c96a60bca5a0'

beforeAll(async () => {
  legacy = await createAdopted('audit')
})
afterAll(() => legacy.drop())

describe('the output of audit for the adopted database', () => {
  const forms: [name: string, argv: string[], options: object][] = [
    ['list-80.txt', [], { terminal: 80 }],
    ['list-200.txt', ['--success', 'false'], { terminal: 200 }],
    ['list-40.txt', ['--success', 'false', '--limit', '4'], { terminal: 40 }],
    [
      'list-color.txt',
      ['--success', 'false', '--limit', '3', '--color', 'always'],
      { terminal: 100 },
    ],
    ['list.tsv', ['--limit', '20'], {}],
    ['list.json', ['--limit', '2', '-o', 'json'], {}],
    ['list-page.json', ['--limit', '1', '-o', 'json', '--page'], {}],
    ['list.jsonl', ['--limit', '3', '-o', 'jsonl'], {}],
    ['list.csv', ['--limit', '5', '-o', 'csv'], {}],
    [
      'list-columns.txt',
      ['--limit', '3', '--columns', 'action,tool_input,DETAILS'],
      { terminal: 80 },
    ],
    ['show-80.txt', ['show', CALL.slice(0, 8)], { terminal: 80 }],
    ['show.tsv', ['show', CALL], {}],
    ['show.json', ['show', CALL, '--json'], {}],
  ]
  it.each(forms)('%s', async (name, argv, options) => {
    const { code, stdout, stderr } = await run(argv, options)
    expect(code).toBe(0)
    expectGolden(`audit/${name}`, stderr === '' ? stdout : `${stdout}--- stderr\n${stderr}`)
  })
})

describe('the rows, compared with independent statements', () => {
  const ids = async (where: string) =>
    (
      await legacy.sql(
        `select log_id as id from audit_logs where ${where} order by timestamp desc, log_id desc`,
      )
    ).map(({ id }) => id)
  const ofRuns = (where: string) =>
    `execution_id in (select execution_id from workflow_executions where ${where})`
  const filters: [argv: string, where: string][] = [
    ['', 'true'],
    [`--execution ${RUN}`, `execution_id = '${RUN}'`],
    ['--user user_11', `user_id = 'user_11'`],
    ['--action tool_call', `action_type = 'tool_call'`],
    ['--tool PINECONE_QUERY', `tool_name = 'PINECONE_QUERY'`],
    ['--model gpt-4o', `model_id = 'gpt-4o'`],
    ['--success false', `success is false`],
    ['--success true --action workflow_end', `success is true and action_type = 'workflow_end'`],
    ['--workflow 客户跟进', ofRuns(`workflow_name = '客户跟进'`)],
    ['--mode Sales', ofRuns(`mode = 'Sales'`)],
    [
      '--since 2026-09-01 --until 2026-10-01 --tz Asia/Tokyo',
      `to_char(timestamp at time zone 'Asia/Tokyo', 'YYYY-MM') = '2026-09'`,
    ],
    ['--since 30d', `timestamp >= timestamptz '2026-10-27 12:00Z'`],
  ]
  it.each(filters)('audit %s', async (argv, where) => {
    const wanted = await ids(where)
    expect(wanted.length).toBeGreaterThan(0)
    const rows = await json([...argv.split(' ').filter(Boolean), '--limit', 'all'])
    expect(rows.map(({ logId }: { logId: string }) => logId)).toEqual(wanted)
  })

  it('the pages of the command line form the whole list', async () => {
    const joined: string[] = []
    let cursor: string | null = null
    do {
      const page: { rows: { logId: string }[]; nextCursor: string | null } = await json([
        ...['--user', 'user_11', '--page', '--limit', '37'],
        ...(cursor ? ['--cursor', cursor] : []),
      ])
      joined.push(...page.rows.map(({ logId }) => logId))
      cursor = page.nextCursor
    } while (cursor)
    expect(joined).toEqual(await ids(`user_id = 'user_11'`))
  })
})

it('show takes the first 8 characters; no match is exit 6, several matches are exit 2 with the candidates', async () => {
  const short = await run(['show', CALL.slice(0, 8).toUpperCase(), '--json'])
  expect(JSON.parse(short.stdout).logId).toBe(CALL)
  expect(await run(['show', '00000000-0000-4000-8000-000000000000'])).toEqual({
    code: 6,
    stdout: '',
    stderr:
      'error: audit entry 00000000-0000-4000-8000-000000000000 does not exist; it may have been deleted, or removed by a cleanup\n',
  })
  const two = ['01a2080b-dcf7-7d26-a791-000000000001', '01a2080b-dcf8-7d26-a791-000000000002']
  for (const id of two)
    await legacy.sql(
      `insert into audit_logs (log_id, user_id, action_type, action_details) values ($1, 'u', 'a', 'd')`,
      [id],
    )
  const { code, stderr } = await run(['show', '01a2080b'])
  await legacy.sql('delete from audit_logs where log_id = any($1)', [two])
  expect([code, stderr]).toEqual([
    2,
    `error: 01a2080b matches several audit entries; use more characters: ${two.join(', ')}\n`,
  ])
  expect((await run(['show', 'nonsense'])).stderr).toMatch(/"nonsense" is not an audit entry id/)
})

it('show indents the JSON of a tool, with every digit and without control characters', async () => {
  const id = '0193f1c2-7a5e-7c11-9d3e-2b6f0a4c8e57'
  await legacy.sql(
    `insert into audit_logs (log_id, user_id, action_type, action_details, tool_input, tool_output)
     values ($1, 'u', 'a', 'd', '{"a": [1.000000000000000000001, {"b": "\\u001b[31m\\n"}]}', 'null')`,
    [id],
  )
  const { stdout } = await run(['show', id, '--columns', 'toolInput,toolOutput'], { terminal: 80 })
  const piped = await run(['show', id, '--json', '--columns', 'toolInput'])
  await legacy.sql('delete from audit_logs where log_id = $1', [id])
  const drawn = [
    '{',
    '  "a": [',
    '    1.000000000000000000001,',
    '    {',
    '      "b": "\\u001b[31m\\n"',
    '    }',
    '  ]',
    '}',
  ]
  const text = stdout.replaceAll('\x1b[1m', '').replaceAll('\x1b[22m', '')
  expect(text).toBe(
    ['Input', ...drawn.map((line) => `  ${line}`), 'Output', '  null', ''].join('\n'),
  )
  expect(piped.stdout).toContain('1.000000000000000000001')
})
