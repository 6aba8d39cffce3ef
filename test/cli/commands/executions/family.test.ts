import { afterAll, beforeAll, expect, it } from 'vitest'
import { branches } from '../../../../src/cli/commands/executions/tree-columns.ts'
import { runCli } from '../../../support/cli.ts'
import type { TestDatabase } from '../../../support/database.ts'
import { createMigrated } from '../../../support/migrated.ts'

let database: TestDatabase
const id = (number: number) => `0000000${number}-0000-7000-8000-000000000000`
const wfstore = (argv: string[], options = {}) =>
  runCli(['executions', ...argv, '--database-url', database.url], options)
const listed = async (...argv: string[]) => {
  const { code, stdout, stderr } = await wfstore(['list', '--json', ...argv])
  expect([code, stderr]).toEqual([0, ''])
  return JSON.parse(stdout)
    .map((row: { executionId: string }) => Number(row.executionId[7]))
    .sort()
}

beforeAll(async () => {
  database = await createMigrated('family')
  await database.sql(
    `insert into workflow_executions (execution_id, parent_execution_id, session_id, tags, workflow_name, user_id, mode, model_id, status, start_time, end_time, total_cost)
     select ('0000000' || n || '-0000-7000-8000-000000000000')::uuid, ('0000000' || parent || '-0000-7000-8000-000000000000')::uuid,
       session, tags::jsonb, name, 'u', 'm', 'x', 'success', at, at + interval '1 second', n * 0.01
     from (values (1, null, 'talk', '{"team": "sales"}', 'plan'), (2, 1, 'talk', '{"team": "sales", "project": "x"}', 'research'),
       (3, 2, null, '{"team": "ops, it"}', 'search'), (4, 1, null, '{}', 'write')) as r (n, parent, session, tags, name),
       lateral (select '2026-01-01T00:00:00Z'::timestamptz + n * interval '1 minute' as at) as t`,
  )
})
afterAll(() => database.drop())

it('lists the runs of a session and the runs that a run started; the beginning of its id is enough', async () => {
  expect(await listed('--session', 'talk')).toEqual([1, 2])
  expect(await listed('--parent', '00000001')).toEqual([2, 4])
  expect(await listed('--parent', id(2), '--session', 'talk')).toEqual([])
  expect((await wfstore(['list', '--parent', '00000009'])).code).toBe(6)
})

it.each([
  [['team=sales'], [1, 2]],
  [['team=sales,none'], [1, 2]],
  [
    ['team=sales', 'team=other'],
    [1, 2],
  ],
  [['team=sales', 'project=x'], [2]],
  [['team=ops, it'], []],
  [['team=ops, it', 'team=ops, it'], [3]],
])('--tag %s', async (tags, runs) => {
  expect(await listed(...tags.flatMap((tag) => ['--tag', tag]))).toEqual(runs)
})

it.each([
  ['team', '--tag "team" has no value', 'use --tag NAME=VALUE, such as --tag team=sales'],
  ['team=', '--tag "team=" has no value', ''],
  ['=sales', '--tag "=sales" has no name', ''],
  ['team=a,project=x', '--tag team has the value "project=x"', 'use --tag again'],
])('--tag %s is wrong usage', async (tag, message, hint) => {
  for (const command of [
    ['executions', 'list'],
    ['cost', '--by', 'user'],
    ['stats'],
    ['errors'],
    ['audit'],
    ['tools'],
    ['export'],
    ['billing', 'records'],
  ]) {
    const { code, stderr } = await runCli([
      ...command,
      '--tag',
      tag,
      '--database-url',
      database.url,
    ])
    expect([command, code, stderr]).toEqual([command, 2, expect.stringContaining(message)])
    expect(stderr).toContain(hint)
  }
})

it('the cost with children is a column of its own, and the output says what it is', async () => {
  const { stdout, stderr } = await wfstore([
    'list',
    '--with-children',
    '--columns',
    'totalCost,costWithChildren',
    '-o',
    'csv',
    '--sort',
    'startTime',
  ])
  expect(stdout.replaceAll('\r', '')).toBe(
    'totalCost,costWithChildren\n0.01,0.10\n0.02,0.05\n0.03,0.03\n0.04,0.04\n',
  )
  expect(stderr).toContain('cost with children: the run and its sub-runs, each once')
  const show = await wfstore(['show', id(1), '--with-children', '--json'])
  expect(show.stdout).toContain('"costWithChildren": 0.10')
  expect((await wfstore(['list', '--columns', 'costWithChildren'])).code).toBe(2)
})

it('show has the runs above and below, in JSON and on a terminal', async () => {
  const { stdout } = await wfstore(['show', id(2), '--json'])
  expect(JSON.parse(stdout)).toMatchObject({
    tags: { team: 'sales', project: 'x' },
    sessionId: 'talk',
    parentExecutionId: id(1),
    ancestors: [{ executionId: id(1), workflowName: 'plan' }],
    children: [
      { executionId: id(3), depth: 1, status: 'success', durationMs: 1000, totalCost: 0.03 },
    ],
    childCount: 1,
  })
  const plain = { terminal: 100, env: { NO_COLOR: '1', LANG: 'C.UTF-8' } }
  const child = (await wfstore(['show', id(2)], plain)).stdout
  expect(child).toMatch(/^Part of +00000001 plan$/m)
  const lines = (await wfstore(['show', id(1)], plain)).stdout.split('\n')
  const from = lines.indexOf('Sub-runs')
  expect(lines.slice(from + 2, from + 5).map((line) => line.slice(0, 24).trimEnd())).toEqual([
    expect.stringMatching(/^├─ research +0000/),
    expect.stringMatching(/^│ {2}└─ search +0000/),
    expect.stringMatching(/^└─ write +0000/),
  ])
})

it('the branches of a tree', () => {
  const depths = [1, 2, 3, 2, 1, 2]
  const children = depths.map((depth, at) => ({ depth, workflowName: String(at) }) as never)
  expect(branches(children, true).map(({ branch }) => branch)).toEqual([
    '|- 0',
    '|  |- 1',
    '|  |  `- 2',
    '|  `- 3',
    '`- 4',
    '   `- 5',
  ])
})
