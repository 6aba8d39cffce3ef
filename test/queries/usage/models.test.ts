import type pg from 'pg'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { Run } from '../../../src/db/query/query.ts'
import { groupFailures } from '../../../src/queries/errors/groups.ts'
import { EXECUTIONS } from '../../../src/queries/executions/executions.ts'
import { rollupMetrics } from '../../../src/queries/metrics/rollup.ts'
import { page } from '../../../src/queries/table/page.ts'
import { type CostOptions, costBy } from '../../../src/queries/usage/cost.ts'
import { reportStats } from '../../../src/queries/usage/report-stats.ts'
import { costSeries } from '../../../src/queries/usage/series.ts'
import { clean } from '../../cleanup/cleanup-support.ts'
import type { TestDatabase } from '../../support/database.ts'
import { createMigrated } from '../../support/migrated.ts'
import { runOn } from './support.ts'

let database: TestDatabase
let client: pg.Client
let run: Run
beforeAll(async () => {
  database = await createMigrated('models')
  client = await database.connect()
  run = runOn(client)
  // The total of c is more than its steps: another client wrote it.
  await database.sql(`
    insert into workflow_executions (execution_id, user_id, workflow_name, mode, model_id, status, start_time, end_time) values
      ('00000000-0000-7000-8000-00000000000a', 'u', 'w', 'm', 'large', 'success', '2025-01-01T10:00Z', '2025-01-01T10:01Z'),
      ('00000000-0000-7000-8000-00000000000b', 'v', 'w', 'm', 'small', 'failed', '2025-01-02T10:00Z', '2025-01-02T10:01Z'),
      ('00000000-0000-7000-8000-00000000000c', 'v', 'w', 'n', 'large', 'success', '2025-01-02T11:00Z', '2025-01-02T11:01Z');
    insert into workflow_steps (execution_id, step_number, step_name, model_id, cost, tokens_used) values
      ('00000000-0000-7000-8000-00000000000a', 1, 's', 'small', 0.1, 10),
      ('00000000-0000-7000-8000-00000000000a', 2, 's', 'small', 0.2, 20),
      ('00000000-0000-7000-8000-00000000000a', 3, 's', null, 5, 500),
      ('00000000-0000-7000-8000-00000000000a', 4, 's', 'large', 7, 700),
      ('00000000-0000-7000-8000-00000000000b', 1, 's', 'large', 3, 300),
      ('00000000-0000-7000-8000-00000000000b', 2, 's', 'tiny', 0.01, 1),
      ('00000000-0000-7000-8000-00000000000b', 3, 's', 'unused', 0, 0),
      ('00000000-0000-7000-8000-00000000000b', 4, 's', null, 0.5, 50);
    update workflow_executions set total_cost = 9, total_tokens = 900 where mode = 'n'`)
})
afterAll(async () => {
  await client.end()
  await database.drop()
})

const cost = async (options: CostOptions) => {
  const { rows, total } = await costBy(run, options)
  const short = (row: Partial<(typeof rows)[number]>) => {
    const { runs, cost, tokens, costPerRun, share, other, ...keys } = row
    return [...Object.values(keys), runs, Number(cost), tokens]
  }
  return [...rows.map(short), short(total)]
}

const views: Record<string, () => Promise<unknown>> = {
  'by model': () => cost({ by: 'model' }),
  'by user and model': () => cost({ by: ['user', 'model'] }),
  'by day and model': () => cost({ by: ['day', 'model'], timeZone: 'Europe/Berlin' }),
  'by user of a model': () => cost({ by: 'user', modelId: 'large' }),
  'of a model of steps': async () => (await costBy(run, { by: 'model', modelId: 'tiny' })).rows,
  'by user': () => cost({ by: 'user' }),
  series: async () =>
    (await costSeries(run, { part: 'month', by: 'model' })).points.map((point) => [
      point.key,
      point.runs,
      Number(point.cost),
    ]),
  'series of a model': async () =>
    (await costSeries(run, { part: 'day', by: 'status', modelId: 'small' })).points.map((point) => [
      point.date,
      point.key,
      point.runs,
      Number(point.cost),
    ]),
  'report of a model': async () => {
    const stats = await reportStats(run, { modelId: 'small', now: new Date('2025-01-05Z') })
    const { totalExecutions, failedExecutions, totalCostExact, totalTokens, days } = stats
    return { totalExecutions, failedExecutions, totalCostExact, totalTokens, days }
  },
  metrics: async () => {
    await database.sql('truncate observability_metrics')
    await rollupMetrics(run, { period: 'month' })
    return (
      await database.sql(
        `select user_id, metric_type, dimensions ->> 'model' as model, sum(metric_value)::float8 as value from observability_metrics
         where metric_type in ('cost', 'token_usage') group by 1, 2, 3 order by 1, 2, 3`,
      )
    ).map((row) => Object.values(row))
  },
}

const wanted = {
  'by model': [
    ['large', 2, 24, 2400],
    ['small', 1, 0.8, 80],
    ['tiny', 0, 0.01, 1],
    [3, 24.81, 2481],
  ],
  'by user and model': [
    ['u', 'large', 1, 12, 1200],
    ['v', 'large', 1, 12, 1200],
    ['v', 'small', 1, 0.5, 50],
    ['u', 'small', 0, 0.3, 30],
    ['v', 'tiny', 0, 0.01, 1],
    [3, 24.81, 2481],
  ],
  'by day and model': [
    ['2025-01-01', 'large', 1, 12, 1200],
    ['2025-01-01', 'small', 0, 0.3, 30],
    ['2025-01-02', 'large', 1, 12, 1200],
    ['2025-01-02', 'small', 1, 0.5, 50],
    ['2025-01-02', 'tiny', 0, 0.01, 1],
    [3, 24.81, 2481],
  ],
  'by user of a model': [
    ['u', 1, 12, 1200],
    ['v', 1, 12, 1200],
    [2, 24, 2400],
  ],
  'of a model of steps': [
    { modelId: 'tiny', runs: 0, cost: '0.01', tokens: 1, costPerRun: null, share: 1, other: false },
  ],
  'by user': [
    ['v', 2, 12.51, 1251],
    ['u', 1, 12.3, 1230],
    [3, 24.81, 2481],
  ],
  series: [
    ['large', 2, 24],
    ['small', 1, 0.8],
    ['tiny', 0, 0.01],
    [null, 3, 24.81],
  ],
  'series of a model': [
    ['2025-01-01', 'success', 0, 0.3],
    ['2025-01-01', null, 0, 0.3],
    ['2025-01-02', 'failed', 1, 0.5],
    ['2025-01-02', null, 1, 0.5],
  ],
  'report of a model': {
    totalExecutions: 1,
    failedExecutions: 1,
    totalCostExact: '0.80',
    totalTokens: 80,
    days: [
      { day: '2025-01-01', runs: 0, cost: '0.3' },
      { day: '2025-01-02', runs: 1, cost: '0.50' },
    ],
  },
  metrics: [
    ['u', 'cost', 'large', 12],
    ['u', 'cost', 'small', 0.3],
    ['u', 'token_usage', 'large', 1200],
    ['u', 'token_usage', 'small', 30],
    ['v', 'cost', 'large', 12],
    ['v', 'cost', 'small', 0.5],
    ['v', 'cost', 'tiny', 0.01],
    ['v', 'token_usage', 'large', 1200],
    ['v', 'token_usage', 'small', 50],
    ['v', 'token_usage', 'tiny', 1],
  ],
}

const seen = async () => {
  const found: Record<string, unknown> = {}
  for (const [name, view] of Object.entries(views)) found[name] = await view()
  return found
}

it('a list by model has the runs whose own model or whose step has it', async () => {
  const ids = async (modelId: string | string[]) =>
    (await page(run, EXECUTIONS, { modelId, limit: 10 })).rows.map((one) => one.executionId.at(-1))
  expect(await ids('small')).toEqual(['b', 'a'])
  expect(await ids('tiny')).toEqual(['b'])
  expect(await ids(['tiny', 'nothing'])).toEqual(['b'])
  expect(await ids('nothing')).toEqual([])
})

it('each cost counts once, at the model of its step, and each run at its own model', async () => {
  expect(await seen()).toEqual(wanted)
})

it('no model changes its cost when its runs are removed', async () => {
  await clean(database, { before: '2025-01-02T00:00Z' })
  expect(await seen()).toEqual(wanted)
  await clean(database, { before: '2026-01-01T00:00Z' })
  expect(await seen()).toEqual(wanted)
})

it('how many removed runs used a model in a step is not known', async () => {
  const options = { since: '2025-01-01T00:00Z', until: '2025-02-01T00:00Z' }
  expect(await groupFailures(run, options)).toMatchObject({ removedRuns: 1 })
  expect(await groupFailures(run, { ...options, modelId: 'tiny' })).toMatchObject({
    removedRuns: null,
  })
})

it('steps without a price are counted at their model, also of removed runs', async () => {
  await database.sql(`
    truncate workflow_executions, usage_history cascade;
    insert into workflow_executions (execution_id, user_id, workflow_name, mode, model_id, status, start_time, end_time) values
      ('00000000-0000-7000-8000-00000000000a', 'u', 'w', 'm', 'large', 'success', '2025-01-01T10:00Z', '2025-01-01T10:01Z'),
      ('00000000-0000-7000-8000-00000000000b', 'v', 'w', 'm', 'small', 'success', '2025-01-02T10:00Z', '2025-01-02T10:01Z');
    insert into workflow_steps (execution_id, step_number, step_name, model_id, tokens_used, cost_source) values
      ('00000000-0000-7000-8000-00000000000a', 1, 's', null, 5, 'unpriced'),
      ('00000000-0000-7000-8000-00000000000a', 2, 's', 'new', 5, 'unpriced'),
      ('00000000-0000-7000-8000-00000000000a', 3, 's', 'new', 0, 'unpriced'),
      ('00000000-0000-7000-8000-00000000000a', 4, 's', 'new', 7, 'given'),
      ('00000000-0000-7000-8000-00000000000b', 1, 's', 'newer', 0, 'unpriced')`)
  const counts = async (filter: Omit<CostOptions, 'by'>) => {
    const { unpriced, rows } = await costBy(run, { by: 'model', ...filter })
    expect((await reportStats(run, filter)).unpriced).toEqual(unpriced)
    return [unpriced, rows.map(({ modelId }) => modelId)]
  }
  const filters = [
    {},
    { userId: 'u' },
    { modelId: 'new' },
    { modelId: ['small', 'newer'] },
    { since: '2025-01-02T00:00Z' },
    { status: 'failed' as const },
  ]
  const all = async () => {
    const seen: unknown[] = []
    for (const filter of filters) seen.push(await counts(filter))
    return seen
  }
  const found = [
    [{ steps: 4, models: 3 }, ['large', 'small', 'new']],
    [{ steps: 3, models: 2 }, ['large', 'new']],
    [{ steps: 2, models: 1 }, ['new']],
    [{ steps: 1, models: 1 }, ['small']],
    [{ steps: 1, models: 1 }, ['small']],
    [{ steps: 0, models: 0 }, []],
  ]
  expect(await all()).toEqual(found)
  await clean(database, { before: '2025-01-02T00:00Z' })
  expect(await all()).toEqual(found)
  await clean(database, { before: '2026-01-01T00:00Z' })
  expect(await all()).toEqual(found)
})
