import type pg from 'pg'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { slowWorkflows } from '../../../src/queries/executions/slow-workflows.ts'
import { costBy, fieldOf } from '../../../src/queries/usage/cost.ts'
import { costSeries } from '../../../src/queries/usage/series.ts'
import type { TestDatabase } from '../../support/database.ts'
import { createAdopted } from '../../support/migrated.ts'
import { foldRuns, insertRuns, micros, runOn, seed, trillionths } from './support.ts'

let database: TestDatabase
let client: pg.Client
const run = () => runOn(client)

beforeAll(async () => {
  database = await createAdopted('cost_series')
  client = await database.connect()
})
afterAll(async () => {
  await client.end()
  await database.drop()
})

const added = (amounts: string[]) => amounts.map(trillionths).reduce((a, b) => a + b, 0n)

it.each(['day', 'week', 'month'] as const)(
  'by %s each date matches costBy, with removed runs, and its parts add up to it',
  async (part) => {
    await foldRuns(database, `status <> 'running' and start_time < '2026-07-01Z'`)
    const timeZone = 'Europe/Berlin'
    for (const by of ['model', 'status'] as const) {
      const { keys, points } = await costSeries(run(), { part, by, timeZone, top: 2 })
      const totals = points.filter(({ isTotal }) => isTotal)
      const { rows } = await costBy(run(), { by: part, timeZone })
      expect(totals.map(({ date, runs, cost }) => [date, runs, cost])).toEqual(
        rows.map((row) => [row[part], row.runs, row.cost]),
      )
      for (const { date, cost } of totals) {
        const parts = points.filter((point) => point.date === date && !point.isTotal)
        expect(added(parts.map((point) => point.cost))).toBe(trillionths(cost))
      }
      // The same two at every date: those that cost the most over all.
      const { rows: most } = await costBy(run(), { by, top: 2 })
      expect(keys).toEqual(most.slice(0, 2).map(({ modelId, status }) => modelId ?? status))
      const rest = points.filter(({ other }) => other)
      expect(added(rest.map(({ cost }) => cost))).toBe(trillionths(most[2]?.cost as string))
    }
  },
)

it.each(['user', 'mode', 'workflow', 'tag:team'] as const)(
  'by %s its points add up to what costBy has',
  async (by) => {
    await database.sql(
      `update workflow_executions set tags = '{"team": "sales"}' where total_tokens % 3 = 0`,
    )
    const { keys, points } = await costSeries(run(), { part: 'month', by, top: 3 })
    const { rows } = await costBy(run(), { by, top: 3 })
    const named = rows.filter(({ other }) => !other)
    expect(keys).toEqual(named.map((row) => String(row[fieldOf(by) as 'mode'] ?? '')))
    for (const [place, { cost }] of named.entries()) {
      const own = points.filter((point) => !point.isTotal && point.key === keys[place])
      expect(added(own.map((point) => point.cost))).toBe(trillionths(cost))
    }
  },
)

it('workflows are sorted by p95, slowest first, of live runs that have ended', async () => {
  const start = micros('2026-11-01T00:00:00Z')
  const runs = (workflow: string, count: number) =>
    Array.from({ length: count }, () => seed({ workflow, start }))
  await insertRuns(database, [...runs('slow', 3), ...runs('fast', 5), ...runs('running', 1)])
  await database.sql(
    `update workflow_executions set end_time = (start_time at time zone 'UTC' + interval '1 s' * case workflow_name when 'slow' then 10 else 2 end) at time zone 'UTC'
     where workflow_name <> 'running'`,
  )
  const times = (ms: number) => ({
    p50ExecutionTime: ms,
    p95ExecutionTime: ms,
    longestExecutionTime: ms,
  })
  const slow = { workflowName: 'slow', runs: 3, ...times(10_000) }
  expect((await slowWorkflows(run())).workflows).toEqual([
    slow,
    { workflowName: 'fast', runs: 5, ...times(2000) },
  ])
  expect(await slowWorkflows(run(), { limit: 1 })).toEqual({ workflows: [slow], total: 2 })
  expect(await slowWorkflows(run(), { since: '2026-11-02T00:00:00Z' })).toEqual({
    workflows: [],
    total: 0,
  })
})
