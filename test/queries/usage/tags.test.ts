import { afterAll, beforeAll, expect, it } from 'vitest'
import type { Run } from '../../../src/db/query/query.ts'
import { openStore, type Store } from '../../../src/index.ts'
import { costBy } from '../../../src/queries/usage/cost.ts'
import { reportStats } from '../../../src/queries/usage/report-stats.ts'
import type { TestDatabase } from '../../support/database.ts'
import { createMigrated } from '../../support/migrated.ts'
import { runOn } from './support.ts'

let database: TestDatabase
let store: Store
let run: Run
let end: () => Promise<void>

/** Runs of cost 1, 2, 4, 8 and 16 of the store, and of 32, 64 and 128 that cleanup has removed. */
beforeAll(async () => {
  database = await createMigrated('tags')
  const client = await database.connect()
  run = runOn(client)
  store = openStore({ databaseUrl: database.url })
  end = async () => {
    await store.close()
    await client.end()
    await database.drop()
  }
  const live: [cost: number, tags: Record<string, string>, session?: string][] = [
    [1, { team: 'sales', project: 'x' }, 'talk'],
    [2, { team: 'sales', project: 'y' }, 'talk'],
    [4, { team: 'ops', project: 'x' }],
    [8, { team: 'it' }],
    [16, {}],
  ]
  for (const [totalCost, tags, sessionId] of live) {
    await store.executions.create({
      ...{
        workflowName: 'w',
        userId: 'u',
        mode: 'm',
        modelId: 'x',
        status: 'success',
        totalCost,
        tags,
      },
      ...(sessionId === undefined ? {} : { sessionId }),
    })
  }
  // The first cleanup kept the tag team, the second none.
  await database.sql(`
    insert into usage_history (quarter_start, user_id, workflow_name, mode, model_id, status, runs, total_cost, total_tokens,
      steps_total, steps_completed, steps_failed, timed_runs, duration_ms, last_start_time, tags)
    select '2024-06-01T12:00:00Z', 'u', 'w', 'm', 'x', 'success', runs, cost, 0, 0, 0, 0, 0, 0, '2024-06-01T12:00:00Z', tags::jsonb
    from (values (1, 32, '{"team": "sales"}'), (1, 64, '{"team": null}'), (2, 128, '{}')) as h (runs, cost, tags)`)
})
afterAll(() => end())

const costs = async (options: Parameters<typeof costBy>[1]) => {
  const { rows, total, historyUnknown } = await costBy(run, options)
  const names = [options.by].flat() as (keyof (typeof rows)[number])[]
  const keys = rows.map((row) => [...names.map((name) => row[name]), Number(row.cost)])
  return { rows: keys, total: Number(total.cost), historyUnknown }
}

it('cost by a tag has the runs and the history; a run without the tag and an unknown one are null', async () => {
  expect(await costs({ by: 'tag:team' })).toEqual({
    rows: [
      [null, 16 + 64 + 128],
      ['sales', 1 + 2 + 32],
      ['it', 8],
      ['ops', 4],
    ],
    total: 255,
    historyUnknown: [{ dimension: 'tag:team', runs: 2 }],
  })
})

it('several tags and other dimensions combine, also with top; the total is the same', async () => {
  const report = await costBy(run, { by: ['tag:team', 'tag:project', 'user'], top: 1 })
  expect(
    report.rows.map((row) => [row['tag:team'], row['tag:project'], row.userId, row.other]),
  ).toEqual([
    [null, null, 'u', false],
    [null, null, null, true],
  ])
  expect(report.total.cost).toBe('255')
  expect(report.historyUnknown).toEqual([
    { dimension: 'tag:team', runs: 2 },
    { dimension: 'tag:project', runs: 4 },
  ])
})

it('a tag may have any name', async () => {
  const tag = `it's "a": tag`
  const by = `tag:${tag}` as const
  await store.executions.create({
    ...{ workflowName: 'w', userId: 'u', mode: 'm', modelId: 'x', totalCost: 0 },
    tags: { [tag]: 'x, y' },
  })
  const { rows } = await costBy(run, { by, tags: { [tag]: 'x, y' } })
  expect(rows).toMatchObject([{ [by]: 'x, y', runs: 1 }])
})

it.each([
  ['one value', { team: 'sales' }, 1 + 2 + 32, [['tag:team', 2]]],
  ['any of several values', { team: ['sales', 'it'] }, 1 + 2 + 8 + 32, [['tag:team', 2]]],
  [
    'all of several names',
    { team: 'sales', project: 'x' },
    1,
    [
      ['tag:team', 2],
      ['tag:project', 3],
    ],
  ],
  ['no run', { team: 'none' }, 0, [['tag:team', 2]]],
])('a filter by tags: %s', async (_, tags, cost, unknown) => {
  const report = await costBy(run, { by: 'mode', tags })
  expect([
    Number(report.total.cost),
    report.historyUnknown.map(({ dimension, runs }) => [dimension, runs]),
  ]).toEqual([cost, unknown])
  const stats = await reportStats(run, { tags })
  expect([Number(stats.totalCostExact), stats.historyUnknown, stats.totalAuditLogs]).toEqual([
    cost,
    report.historyUnknown,
    null,
  ])
})

it('runs that other filters exclude are not unknown', async () => {
  expect(await costs({ by: 'tag:team', userId: 'other' })).toEqual({
    rows: [],
    total: 0,
    historyUnknown: [],
  })
  expect((await costs({ by: 'tag:team', since: '2025-01-01T00:00:00Z' })).historyUnknown).toEqual(
    [],
  )
})

it('cost by session: the history has none', async () => {
  expect(await costs({ by: 'session' })).toMatchObject({
    total: 255,
    historyUnknown: [{ dimension: 'session', runs: 4 }],
  })
  const { rows } = await costBy(run, { by: 'session' })
  expect(rows.map(({ sessionId, cost }) => [sessionId, Number(cost)])).toEqual([
    [null, 252],
    ['talk', 3],
  ])
})

it('lists of runs, bills and entries take the filters; pages of a filter continue in any order of its names', async () => {
  const filter = { tags: { team: ['sales', 'ops'], project: 'x' } }
  const first = await store.executions.list({ ...filter, limit: 1 })
  const second = await store.executions.list({
    tags: { project: ['x'], team: ['ops', 'sales'] },
    cursor: first.nextCursor,
  })
  expect([...first.rows, ...second.rows].map(({ totalCost }) => Number(totalCost))).toEqual([4, 1])
  await expect(
    store.executions.list({ tags: { project: 'y' }, cursor: first.nextCursor }),
  ).rejects.toThrow('belongs to another query')

  expect((await store.executions.list({ sessionId: 'talk' })).rows).toHaveLength(2)
  const [{ executionId = '' } = {}] = first.rows
  await store.audit.create({
    executionId,
    userId: 'u',
    actionType: 'note',
    actionDetails: 'x',
    modelId: 'x',
    success: true,
  })
  await store.billing.create({
    ...{
      executionId,
      userId: 'u',
      modelId: 'x',
      cost: '4',
      tokensTotal: 0,
      billingPeriod: '2026-01',
      tags: { team: 'ops' },
    },
  })
  for (const [team, count] of [
    ['ops', 1],
    ['sales', 0],
  ] as const) {
    expect((await store.audit.list({ tags: { team } })).rows).toHaveLength(count)
    expect((await store.billing.list({ tags: { team } })).rows).toHaveLength(count)
  }
})

it.each([
  ['no object', 'team', 'tags is not an object'],
  ['no name', {}, 'tags is empty'],
  ['no value', { team: [] }, 'tags.team is empty'],
  ['a number', { team: 1 }, 'tags.team is 1, not a text'],
])('%s is wrong usage', async (_, tags, message) => {
  await expect(store.executions.list({ tags: tags as never })).rejects.toThrow(message)
  await expect(store.cost({ by: 'user', tags: tags as never })).rejects.toThrow(message)
})

it('a tag without a name is wrong usage', async () => {
  await expect(store.cost({ by: 'tag:' })).rejects.toThrow('tag: names no tag')
})
