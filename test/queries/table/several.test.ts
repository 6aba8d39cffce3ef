import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { query } from '../../../src/db/query/query.ts'
import { slowWorkflows } from '../../../src/queries/executions/slow-workflows.ts'
import { costSeries } from '../../../src/queries/usage/series.ts'
import { runCli } from '../../support/cli.ts'
import { createTestStore, type TestStore } from './rows-support.ts'

/** A run, a step, a failed call, a bill and a metric of each word; `c,d` is a name with a comma. */
const WORDS = ['a', 'b', 'c,d', 'e']
const idOf = (place: number) => `${String(place).repeat(8)}-0000-7000-8000-000000000000`
const ids = WORDS.map((_, place) => idOf(place + 1))

let test: TestStore

beforeAll(async () => {
  test = await createTestStore('several')
  const words = `unnest($1::uuid[], $2::text[]) as w (id, word)`
  for (const statement of [
    `insert into workflow_executions (execution_id, workflow_name, user_id, mode, model_id, status, start_time, end_time, total_cost)
     select id, word, word, word, word, 'failed', now() - interval '1 hour', now() - interval '30 minutes', 1 from ${words}`,
    `insert into workflow_steps (execution_id, step_number, step_name, tool_name, status, start_time)
     select id, 1, word, word, 'failed', now() - interval '1 hour' from ${words}`,
    `insert into audit_logs (execution_id, user_id, action_type, action_details, tool_name, model_id, success, error_message, timestamp)
     select id, word, 'tool_call', word, word, word, false, word, now() - interval '1 hour' from ${words}`,
    `insert into billing_records (execution_id, user_id, model_id, billing_period, cost) select id, word, word, '2026-11', 1 from ${words}`,
    `insert into observability_metrics (user_id, metric_type, metric_value, aggregation_period, timestamp)
     select word, word, 1, 'hour', now() - interval '1 hour' from ${words}`,
  ])
    await test.database.sql(statement, [ids, WORDS])
})
afterAll(() => test.close())

type Filter = Record<string, unknown>
const count = (rows: readonly unknown[]) => rows.length
const sum = (rows: readonly { runs: number }[]) => rows.reduce((all, { runs }) => all + runs, 0)
const run: Parameters<typeof slowWorkflows>[0] = (statement, shape) =>
  query(test.client, statement, shape)

/** The number of runs, entries, bills or metrics that a question finds, and its filters. */
const questions: [name: string, fields: string[], ask: (filter: Filter) => Promise<number>][] = [
  [
    'executions.list',
    ['userId', 'mode', 'modelId', 'workflowName', 'toolName', 'executionId'],
    async (filter) => count((await test.store.executions.list(filter)).rows),
  ],
  [
    'audit.list',
    ['userId', 'mode', 'modelId', 'workflowName', 'toolName', 'executionId'],
    async (filter) => count((await test.store.audit.list(filter)).rows),
  ],
  [
    'errors.list',
    ['userId', 'mode', 'modelId', 'workflowName', 'toolName', 'executionId'],
    async (filter) => count((await test.store.errors.list(filter)).rows),
  ],
  [
    'tools',
    ['userId', 'mode', 'modelId', 'workflowName', 'toolName', 'executionId'],
    async (filter) => count(await test.store.tools(filter)),
  ],
  [
    'cost',
    ['userId', 'mode', 'modelId', 'workflowName'],
    async (filter) => (await test.store.cost({ ...filter, by: 'status' })).total.runs,
  ],
  [
    'cost over time',
    ['userId', 'mode', 'modelId', 'workflowName'],
    async (filter) =>
      sum(
        (await costSeries(run, { ...filter, part: 'day', by: 'model' })).points.filter(
          ({ isTotal }) => !isTotal,
        ),
      ),
  ],
  [
    'stats',
    ['userId', 'mode', 'modelId', 'workflowName'],
    async (filter) => (await test.store.stats(filter)).totalExecutions,
  ],
  [
    'slow workflows',
    ['userId', 'mode', 'modelId'],
    async (filter) => sum((await slowWorkflows(run, filter)).workflows),
  ],
  [
    'getStats',
    ['userId'],
    async ({ userId }) => (await test.store.getStats(userId as string[])).totalExecutions,
  ],
  [
    'billing.list',
    ['userId', 'modelId', 'executionId'],
    async (filter) => count((await test.store.billing.list(filter)).rows),
  ],
  [
    'billing.summary',
    ['userId'],
    async (filter) =>
      (await test.store.billing.summary({ ...filter, period: '2026-11' })).total.records,
  ],
  [
    'billing.pay',
    ['userId'],
    async (filter) =>
      (await test.store.billing.pay({ ...filter, period: '2026-11', paymentId: 'p', dryRun: true }))
        .plan.records,
  ],
  [
    'metrics.list',
    ['userId', 'metricType'],
    async (filter) => count((await test.store.metrics.list(filter)).rows),
  ],
  [
    'metrics.current',
    ['userId', 'metricType'],
    async (filter) => count(await test.store.metrics.current(filter)),
  ],
]

describe.each(questions)('%s', (_, fields, ask) => {
  it.each(fields)('%s takes one value, or several of which a row must have any', async (field) => {
    const values = field === 'executionId' ? ids : WORDS
    const one = await ask({ [field]: values[0] })
    expect(one).toBe(1)
    expect(await ask({ [field]: [values[0]] })).toBe(one)
    expect(await ask({ [field]: values.slice(0, 3) })).toBe(3 * one)
    expect(await ask({ [field]: [values[1], values[1]] })).toBe(one)
    expect(await ask({})).toBeGreaterThanOrEqual(WORDS.length)
  })

  it.each(fields)('%s refuses an empty list, which is not all rows', async (field) => {
    await expect(ask({ [field]: [] })).rejects.toMatchObject({
      code: 'usage',
      message: `${field} is an empty list`,
    })
  })
})

const flags = {
  '--user': WORDS,
  '--mode': WORDS,
  '--model': WORDS,
  '--workflow': WORDS,
  '--tool': WORDS,
  '--execution': ids,
}
type Flag = keyof typeof flags
const runs: Flag[] = ['--user', '--mode', '--model', '--workflow']
const lists: [command: string, flags: Flag[], counted: (rows: Filter[]) => number][] = [
  ['executions list', [...runs, '--tool', '--execution'], count],
  ['audit', [...runs, '--tool', '--execution'], count],
  ['errors', [...runs, '--tool', '--execution'], count],
  ['tools', [...runs, '--tool', '--execution'], count],
  ['cost --by status,model', runs, count],
  ['cost-by-mode', runs, count],
  ['billing records --period 2026-11', ['--user', '--model'], count],
  ['billing --period 2026-11', ['--user'], count],
]

describe.each(lists)('%s', (command, its, counted) => {
  const found = async (...values: string[]) => {
    const argv = [...command.split(' '), ...values, '--json', '--database-url', test.database.url]
    const { code, stdout, stderr } = await runCli(argv)
    expect([code, stderr.startsWith('error')]).toEqual([0, false])
    return counted(JSON.parse(stdout))
  }
  it.each(its)(
    '%s is split at commas each time, and a text given twice is one value',
    async (flag) => {
      const [a, b, comma] = flags[flag] as [string, string, string]
      expect(await found(flag, a)).toBe(1)
      expect(await found(flag, `${a},${b}`)).toBe(2)
      expect(await found(flag, a, flag, b)).toBe(2)
      expect(await found(flag, comma, flag, comma)).toBe(1)
      expect(await found(`${flag}=${a}`, flag, comma, flag, b, flag, comma)).toBe(3)
      expect(await found(flag, `${a},${b}`, flag, comma, flag, comma)).toBe(3)
      expect(await found(flag, `${a},${b}`, flag, flags[flag][3] as string)).toBe(3)
      if (flag !== '--execution') expect(await found(flag, comma)).toBe(0)
    },
  )
})

it('a list with an empty value is refused, because an empty variable must not widen a filter', async () => {
  for (const value of ['', 'a,', ',', 'a,,b', ' '])
    expect(await runCli(['executions', 'list', '--user', value])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('It must not be empty'),
    })
})
