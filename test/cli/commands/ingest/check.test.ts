import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { TRACE_FINDINGS } from '../../../../src/queries/traces/check.ts'
import { type CliOptions, runCli } from '../../../support/cli.ts'
import type { TestDatabase } from '../../../support/database.ts'
import { expectGolden } from '../../../support/golden.ts'
import { createMigrated } from '../../../support/migrated.ts'

const id = (digit: number) => `${digit}bf92f35-77b3-4da6-a3ce-929d0e0e4736`

let database: TestDatabase
const cli = (argv: string[], options: CliOptions = {}) =>
  runCli(['ingest', 'check', ...argv, '--database-url', database.url], options)
const found = async (argv: string[]) => {
  const { code, stdout, stderr } = await cli([...argv, '--json'])
  expect([code, stderr]).toEqual([0, ''])
  return (JSON.parse(stdout) as { executionId: string; finding: string }[]).map(
    ({ executionId, finding }) => `${executionId[0]} ${finding}`,
  )
}

beforeAll(async () => {
  database = await createMigrated('ingest_check')
  const traces: [digit: number, state: string, findings: object[], error?: string][] = [
    [
      1,
      'ended',
      [
        {
          code: 'calls_lost',
          spanId: '00f067aa0ba902b7',
          detail: 'invoke_agent reports 3,208 tokens, its calls 1,604',
        },
        { code: 'no_usage', spanId: '00f067aa0ba902b8' },
        { code: 'no_usage', spanId: '00f067aa0ba902b9' },
      ],
    ],
    [2, 'abandoned', [{ code: 'no_root' }]],
    [3, 'running', [{ code: 'no_root' }]],
    [4, 'received', [], 'value too long for type character varying(20)'],
    [5, 'ended', []],
    [
      6,
      'ended',
      [
        {
          code: 'counted_elsewhere',
          spanId: '00f067aa0ba902c6',
          detail: 'counts in trace 4bf92f35',
        },
      ],
    ],
    [7, 'recorded', []],
  ]
  for (const [digit, state, findings, error] of traces) {
    await database.sql(
      `insert into wfstore_traces (trace_id, first_arrival, last_arrival, state, findings, error)
       values ($1, $2, $2, $3, $4, $5)`,
      [id(digit), `2026-11-2${digit}T08:00:00Z`, state, JSON.stringify(findings), error ?? null],
    )
    if (state === 'received') continue
    await database.sql(
      `insert into workflow_executions (execution_id, workflow_name, user_id, mode, model_id, status, start_time, end_time)
       values ($1, $2, $3, 'Support', 'gpt-5', $4, '2026-11-20Z', $5)`,
      [
        id(digit),
        `flow ${digit}`,
        `user_${digit % 2}`,
        state === 'running' ? 'running' : 'success',
        state === 'running' ? null : '2026-11-20T00:01Z',
      ],
    )
  }
  await database.sql(
    `insert into workflow_steps (execution_id, step_number, step_name, status, model_id, cost_source, tokens_used, start_time, end_time)
     select $1::uuid, n, 'chat', 'success', 'my-model', 'unpriced', 10, timestamptz '2026-11-20Z', timestamptz '2026-11-20T00:01Z' from generate_series(1, 3) n
     union all select $2::uuid, 1, 'chat', 'success', 'other', 'unpriced', 10, timestamptz '2026-11-20Z', timestamptz '2026-11-20T00:01Z'`,
    [id(5), id(7)],
  )
})
afterAll(() => database.drop())

describe('ingest check', () => {
  it.each<[string, string[], CliOptions]>([
    ['check-80.txt', [], { terminal: 80 }],
    ['check-200.txt', [], { terminal: 200 }],
    ['check.tsv', [], {}],
    ['check.json', ['--json'], {}],
  ])('%s', async (name, argv, options) => {
    const { code, stdout, stderr } = await cli(argv, options)
    expect(code).toBe(0)
    expectGolden(`ingest/${name}`, `${stdout}--- stderr\n${stderr}`)
  })

  it('lists each finding of a trace once, and nothing of runs that are open or that an engine records', async () => {
    expect(await found([])).toEqual([
      '6 counted_elsewhere',
      '5 no_price',
      '4 error',
      '2 no_root',
      ...(await found(['--execution', id(1)])),
    ])
    expect((await found(['--execution', id(1)])).sort()).toEqual(['1 calls_lost', '1 no_usage'])
  })

  it.each<[string[], string[]]>([
    [
      ['--finding', 'no_root,no_price'],
      ['5 no_price', '2 no_root'],
    ],
    [['--finding', 'no_root', '--user', 'user_0'], ['2 no_root']],
    [
      ['--workflow', 'flow 5,flow 6'],
      ['6 counted_elsewhere', '5 no_price'],
    ],
    [['--mode', 'Sales'], []],
    [
      ['--since', '2026-11-25'],
      ['6 counted_elsewhere', '5 no_price'],
    ],
    [
      ['--until', '2026-11-25', '--finding', 'error,no_root'],
      ['4 error', '2 no_root'],
    ],
    [['--sort', 'firstArrival', '--limit', '1', '--finding', 'no_root,error'], ['2 no_root']],
  ])('%j', async (argv, expected) => {
    const { stdout } = await cli([...argv, '--json'])
    const rows = JSON.parse(stdout) as { executionId: string; finding: string }[]
    expect(rows.map(({ executionId, finding }) => `${executionId[0]} ${finding}`)).toEqual(expected)
  })

  it('pages continue after each finding, also within a trace', async () => {
    const seen: string[] = []
    let cursor: string[] = []
    do {
      const { stdout } = await cli(['--limit', '1', '--page', '--json', ...cursor])
      const { rows, nextCursor } = JSON.parse(stdout)
      seen.push(
        ...rows.map(
          (row: { executionId: string; finding: string }) => `${row.executionId[0]} ${row.finding}`,
        ),
      )
      cursor = nextCursor === null ? [] : ['--cursor', nextCursor]
    } while (cursor.length > 0)
    expect(seen).toEqual(await found([]))
  })

  it('says how many there are if a terminal shows fewer', async () => {
    const { stderr } = await cli(['--limit', '2'], { terminal: 80 })
    expect(stderr).toContain('showing 2 of 6; use --limit all or --page\n')
  })

  it('exits with 1 for a finding only with --exit-code', async () => {
    expect(await cli(['--exit-code', '--finding', 'no_root'])).toMatchObject({
      code: 1,
      stderr: 'error: traces have findings\n',
    })
    expect(await cli(['--exit-code', '--finding', 'sampled'], { terminal: 80 })).toEqual({
      ...{ code: 0, stdout: '', stderr: 'no findings\n' },
    })
  })

  it.each([
    [['--finding', 'lost'], `It must be one or more of ${TRACE_FINDINGS.join(', ')}`],
    [['--since', 'soon'], '--since "soon" is not a valid time'],
    [['--sort', 'detail:down'], '--sort'],
    [['--columns', 'x'], 'unknown column "x"'],
  ])('refuses %j', async (argv, message) => {
    const { code, stderr } = await cli(argv)
    expect([code, stderr]).toEqual([2, expect.stringContaining(message)])
  })

  it('takes no option of ingest', async () => {
    const argv = ['ingest', '--trust-cost', 'check', '--database-url', database.url]
    expect(await runCli(argv)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('ingest check does not support the options of ingest'),
    })
  })
})
