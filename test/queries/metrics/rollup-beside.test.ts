import type pg from 'pg'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { fillDemo } from '../../../src/demo/fill.ts'
import type { Period } from '../../../src/queries/metrics/periods.ts'
import { rollupMetrics } from '../../../src/queries/metrics/rollup.ts'
import { NOW } from '../../support/cli.ts'
import type { TestDatabase } from '../../support/database.ts'
import { untilBlocked } from '../../support/migrate.ts'
import { createMigrated } from '../../support/migrated.ts'
import { runOn } from '../usage/support.ts'
import { everyMetric, insertRun, otherwise, type RunFields } from './support.ts'

let database: TestDatabase
let client: pg.Client

beforeAll(async () => {
  database = await createMigrated('rollup_beside')
  client = await database.connect()
})
beforeEach(() =>
  database.sql('truncate workflow_executions, audit_logs, observability_metrics cascade'),
)
afterAll(async () => {
  await client.end()
  await database.drop()
})

const rollup = (period: Period, options: { since?: string; timeZone?: string } = {}) =>
  rollupMetrics(runOn(client), { period, ...options })
const untilWaiting = (pid: number) => untilBlocked(database, pid)
const addRun = (start: string, fields: RunFields = {}) => insertRun(database, start, fields)

describe('two rollups at once', () => {
  it('create each value once', async () => {
    await fillDemo(client, new Date(NOW))
    const clients = await Promise.all([1, 2, 3, 4].map(() => database.connect()))
    const results = await Promise.all(
      clients.map((one) => rollupMetrics(runOn(one), { period: 'hour' })),
    )
    await Promise.all(clients.map((one) => one.end()))
    const made = (await everyMetric(database)).map(({ id: _, ...metric }) => metric)
    expect(made).toEqual(await otherwise(database, 'hour', 'UTC'))
    const inserted = results.reduce((sum, result) => sum + result.inserted, 0)
    expect(inserted).toBe(made.length)
  })

  it.each(['inserted', 'updated', 'deleted'])(
    'end with the current values: a rollup that waits for values that were %s reads them again',
    async (what) => {
      await addRun('2026-01-01T12:00Z')
      if (what !== 'inserted') await rollup('hour')
      if (what === 'updated') await database.sql('update workflow_executions set total_cost = 2')
      if (what === 'deleted') await database.sql('delete from workflow_executions')
      const first = await database.connect()
      const second = await database.connect()
      await first.query('begin')
      expect(await rollupMetrics(runOn(first), { period: 'hour' })).toMatchObject({
        [what]: what === 'updated' ? 1 : 5,
      })
      await addRun('2026-01-01T12:30Z', { cost: 40 })
      const [{ pid } = { pid: 0 }] = (await second.query('select pg_backend_pid() as pid')).rows
      const waiting = rollupMetrics(runOn(second), { period: 'hour' })
      await untilWaiting(pid)
      await first.query('commit')
      await waiting
      await first.end()
      await second.end()
      const made = (await everyMetric(database)).map(({ id: _, ...metric }) => metric)
      expect(made).toEqual(await otherwise(database, 'hour', 'UTC'))
      expect(made).toHaveLength(5)
    },
  )

  it('a value from newer rows is not overwritten by one from older rows', async () => {
    await addRun('2026-01-01T12:00Z')
    await rollup('hour')
    const newer = await database.connect()
    const older = await database.connect()
    await newer.query('begin')
    await newer.query('update observability_metrics set user_id = user_id')
    await database.sql('update workflow_executions set total_cost = 2')
    const [{ pid } = { pid: 0 }] = (await older.query('select pg_backend_pid() as pid')).rows
    const waiting = rollupMetrics(runOn(older), { period: 'hour' })
    await untilWaiting(pid)
    await database.sql('update workflow_executions set total_cost = 3')
    await rollupMetrics(runOn(newer), { period: 'hour' })
    await newer.query('commit')
    await waiting
    await newer.end()
    await older.end()
    const made = (await everyMetric(database)).map(({ id: _, ...metric }) => metric)
    expect(made).toEqual(await otherwise(database, 'hour', 'UTC'))
  })
})

describe('zones', () => {
  it('buckets of another time zone are refused next to existing ones, and nothing is written', async () => {
    for (const day of ['01', '02', '03', '04']) await addRun(`2026-01-${day}T12:00Z`)
    await rollup('day', { timeZone: 'Europe/Berlin' })
    const before = await everyMetric(database)
    for (const since of [undefined, '2026-01-03T00:00:00Z']) {
      await expect(rollup('day', since === undefined ? {} : { since })).rejects.toMatchObject({
        code: 'conflict',
        message: 'metrics by day were rolled up in another time zone than UTC',
      })
    }
    expect(await everyMetric(database)).toEqual(before)
  })

  it('a rollup from the first bucket creates all of them again in another time zone', async () => {
    for (const day of ['01', '02', '03', '04']) await addRun(`2026-01-${day}T23:30Z`)
    await rollup('day', { timeZone: 'Europe/Berlin' })
    await rollup('day', { since: '2026-01-01T00:00:00Z' })
    const made = (await everyMetric(database)).map(({ id: _, ...metric }) => metric)
    expect(made).toEqual(await otherwise(database, 'day', 'UTC'))
  })

  it.each([
    // Midnight comes twice, is skipped, and is that of a month.
    ['day', 'America/Havana', '2024-11-03T04:20Z', '2024-11-04T04:59Z', '2024-11-03T04:00:00Z'],
    ['day', 'America/Havana', '2024-03-10T05:00Z', '2024-03-11T03:59Z', '2024-03-10T05:00:00Z'],
    ['week', 'Asia/Beirut', '2024-10-27T22:00Z', '2024-11-03T21:59Z', '2024-10-27T22:00:00Z'],
    ['month', 'Asia/Kathmandu', '2024-01-31T18:15Z', '2024-02-29T18:14Z', '2024-01-31T18:15:00Z'],
    [
      'hour',
      'Australia/Lord_Howe',
      '2024-04-06T15:00Z',
      '2024-04-06T15:29Z',
      '2024-04-06T15:00:00Z',
    ],
  ] as const)(
    'a %s in %s includes its first and its last minute',
    async (period, timeZone, first, last, start) => {
      const minute = (at: string, by: number) =>
        new Date(Date.parse(at) + by * 60_000).toISOString()
      await addRun(first)
      await addRun(last)
      for (const beyond of [minute(last, 1), minute(start, -1)]) await addRun(beyond)
      const { since } = await rollup(period, { timeZone, since: new Date(first).toISOString() })
      const seen = await database.sql(
        `select metric_value::int as tokens, timestamp = $1 as first from observability_metrics where metric_type = 'token_usage' order by timestamp`,
        [start],
      )
      expect(seen).toEqual([
        { tokens: 14, first: true },
        { tokens: 7, first: false },
      ])
      expect(Date.parse(since ?? '')).toBe(Date.parse(start))
      // The bucket stays the same.
      await database.sql('update workflow_executions set total_tokens = 8')
      expect(await rollup(period, { timeZone, since: new Date(last).toISOString() })).toMatchObject(
        {
          ...{ since: since ?? '', updated: 2, inserted: 5 },
        },
      )
    },
  )

  it('time zones that differ by whole hours have the same hours', async () => {
    await addRun('2026-01-01T12:30Z')
    await rollup('hour', { timeZone: 'Europe/Berlin' })
    expect(await rollup('hour')).toMatchObject({ inserted: 0, unchanged: 5, deleted: 0 })
  })

  it('the time zone and the DateStyle of the session change no bucket and no id', async () => {
    await addRun('2026-01-31T23:30Z')
    for (const period of ['hour', 'day', 'week', 'month'] as const) await rollup(period)
    const before = await everyMetric(database)
    await client.query(`set timezone to 'Asia/Kathmandu'; set datestyle to 'German'`)
    for (const period of ['hour', 'day', 'week', 'month'] as const) {
      expect(await rollup(period)).toMatchObject({ inserted: 0, updated: 0, deleted: 0 })
    }
    await client.query('reset timezone; reset datestyle')
    expect(await everyMetric(database)).toEqual(before)
  })
})
