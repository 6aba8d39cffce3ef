import type pg from 'pg'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { costBy, type Dimension, fieldOf } from '../../../src/queries/usage/cost.ts'
import { costChanges } from '../../../src/queries/usage/cost-change.ts'
import { fillReport } from '../../cli/commands/report/support.ts'
import type { TestDatabase } from '../../support/database.ts'
import { createMigrated } from '../../support/migrated.ts'
import { foldRuns, runOn, trillionths } from './support.ts'

const TIMES = {
  beforeSince: '2026-09-01T00:00:00Z',
  since: '2026-10-11T00:00:00Z',
  until: '2026-11-20T00:00:00Z',
}
const { beforeSince, since, until } = TIMES

let database: TestDatabase
let client: pg.Client

beforeAll(async () => {
  database = await createMigrated('cost_change')
  await fillReport(database)
  await database.sql(
    [0, 1, 2]
      .map(
        (n) =>
          `update workflow_executions set tags = '{"team": "team ${n}"}' where total_tokens % 2 = 0 and total_tokens % 3 = ${n}`,
      )
      .join('; '),
  )
  // Removed runs are in both times.
  await foldRuns(
    database,
    `start_time < '2026-09-20Z' or start_time between '2026-10-20Z' and '2026-10-25Z'`,
  )
  client = await database.connect()
})
afterAll(async () => {
  await client.end()
  await database.drop()
})

it.each<Dimension[][]>([
  [['model']],
  [['user']],
  [['mode', 'status']],
  [['workflow', 'tag:team']],
  [['session']],
])('by %j it has what costBy has of each of the two times', async (by) => {
  const run = runOn(client)
  const changes = await costChanges(run, { by, ...TIMES, top: 100_000 })
  const [now, before] = [
    await costBy(run, { by, since, until }),
    await costBy(run, { by, since: beforeSince, until: since }),
  ]
  const keyOf = (row: object) =>
    JSON.stringify(by.map((each) => (row as Record<string, unknown>)[fieldOf(each)] ?? null))
  const present = changes.rows.filter(
    ({ runs, cost, tokens }) => runs > 0 || Number(cost) !== 0 || Number(tokens) > 0,
  )
  expect(
    present.map(({ keys, runs, cost, tokens }) => [JSON.stringify(keys), runs, cost, tokens]),
  ).toEqual(now.rows.map((row) => [keyOf(row), row.runs, row.cost, row.tokens]))
  const past = changes.rows.filter(
    ({ runsBefore, costBefore }) => runsBefore > 0 || Number(costBefore) !== 0,
  )
  expect(
    past
      .map(({ keys, runsBefore, costBefore }) => [JSON.stringify(keys), runsBefore, costBefore])
      .sort(),
  ).toEqual(
    before.rows
      .filter(({ runs, cost }) => runs > 0 || Number(cost) !== 0)
      .map((row) => [keyOf(row), row.runs, row.cost])
      .sort(),
  )
  expect(changes.total).toMatchObject({
    runs: now.total.runs,
    cost: now.total.cost,
    runsBefore: before.total.runs,
    costBefore: before.total.cost,
  })
  for (const { cost, costBefore, difference } of [...changes.rows, changes.total])
    expect(trillionths(difference)).toBe(trillionths(cost) - trillionths(costBefore))
})

it('the rows of the highest cost and the rest add up to the total', async () => {
  const { rows, total, groups } = await costChanges(runOn(client), {
    by: ['user', 'model'],
    ...TIMES,
    top: 7,
  })
  expect(rows).toHaveLength(8)
  expect(rows.map(({ other }) => other)).toEqual([...Array(7).fill(false), true])
  expect(rows.at(-1)?.keys).toEqual([null, null])
  expect(groups).toBeGreaterThan(100)
  for (const field of ['cost', 'costBefore', 'difference'] as const)
    expect(rows.reduce((sum, row) => sum + trillionths(row[field]), 0n)).toBe(
      trillionths(total[field]),
    )
})

it('filters both times, and says what is unknown of removed runs', async () => {
  const run = runOn(client)
  const filter = { modelId: ['model-1', 'model-2'], tags: { team: 'team 1' } }
  const changes = await costChanges(run, { by: 'user', ...filter, ...TIMES, top: 1 })
  const before = await costBy(run, { by: 'user', ...filter, since: beforeSince, until: since })
  expect(changes.total.costBefore).toBe(before.total.cost)
  expect(changes.historyUnknown).toEqual([{ dimension: 'tag:team', runs: expect.any(Number) }])
})

it('refuses a part of the calendar: a date has no date before', async () => {
  await expect(
    costChanges(runOn(client), { by: ['model', 'day'], ...TIMES, top: 5 }),
  ).rejects.toMatchObject({
    code: 'usage',
    message: 'day cannot be compared with the time before',
  })
})

it('has a total of 0 without runs', async () => {
  const empty = {
    beforeSince: '2020-01-01T00:00:00Z',
    since: '2020-02-01T00:00:00Z',
    until: '2020-03-01T00:00:00Z',
  }
  const { rows, total } = await costChanges(runOn(client), { by: 'user', ...empty, top: 5 })
  expect(rows).toEqual([])
  expect(total).toMatchObject({ runs: 0, cost: '0', costBefore: '0', difference: '0', share: null })
})
