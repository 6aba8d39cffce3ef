import type pg from 'pg'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Run } from '../../../src/db/query/query.ts'
import { fillDemo } from '../../../src/demo/fill.ts'
import type { Period } from '../../../src/queries/metrics/periods.ts'
import { rollupMetrics } from '../../../src/queries/metrics/rollup.ts'
import { NOW } from '../../support/cli.ts'
import type { TestDatabase } from '../../support/database.ts'
import { createAdopted, createMigrated } from '../../support/migrated.ts'
import { foldAudit, foldRuns, runOn } from '../usage/support.ts'
import {
  type EntryFields,
  everyMetric,
  insertEntry,
  insertRun,
  otherwise,
  type RunFields,
} from './support.ts'

let database: TestDatabase
let client: pg.Client
let run: Run

beforeAll(async () => {
  database = await createMigrated('rollup')
  client = await database.connect()
  run = runOn(client)
})
beforeEach(() =>
  database.sql(
    'truncate workflow_executions, audit_logs, usage_history, audit_history, observability_metrics cascade',
  ),
)
afterAll(async () => {
  await client.end()
  await database.drop()
})

const rollup = (period: Period, options: { since?: string; timeZone?: string } = {}) =>
  rollupMetrics(run, { period, ...options })

const addRun = (start: string, fields: RunFields = {}) => insertRun(database, start, fields)
const addEntry = (at: string, fields: EntryFields = {}) => insertEntry(database, at, fields)
const valuesOf = async (type: string) =>
  (
    await database.sql(
      `select metric_value::text as value from observability_metrics where metric_type = $1 order by timestamp`,
      [type],
    )
  ).map(({ value }) => value)

describe('against other statements', () => {
  const books: [name: string, fill: () => Promise<TestDatabase>][] = [
    ['the adopted database', () => createAdopted('rollup_legacy')],
    [
      'the demo',
      async () => {
        const demo = await createMigrated('rollup_demo')
        const filler = await demo.connect()
        await fillDemo(filler, new Date(NOW))
        await filler.end()
        return demo
      },
    ],
  ]
  it.each(books)(
    'for %s every value of every period matches another statement',
    async (_, fill) => {
      const theirs = await fill()
      const own = await theirs.connect()
      try {
        const before = await everyMetric(theirs)
        for (const [period, zone] of [
          ['hour', 'UTC'],
          ['day', 'Europe/Berlin'],
          ['week', 'Asia/Kathmandu'],
          ['month', 'America/New_York'],
        ] as const) {
          await theirs.sql(
            'delete from observability_metrics where metric_id <> all ($1::uuid[])',
            [before.map(({ id }) => id)],
          )
          const result = await rollupMetrics(runOn(own), { period, timeZone: zone })
          const made = (await everyMetric(theirs)).filter(
            ({ id }) => !before.some((old) => old.id === id),
          )
          const wanted = await otherwise(theirs, period, zone)
          expect(new Set(made.map(({ type }) => type)).size).toBe(6)
          expect(made.map(({ id: _id, ...metric }) => metric)).toEqual(wanted)
          expect(result.inserted).toBe(wanted.length)
        }
        const kept = (await everyMetric(theirs)).filter(({ id }) =>
          before.some((old) => old.id === id),
        )
        expect(kept).toEqual(before)
      } finally {
        await own.end()
        await theirs.drop()
      }
    },
  )
})

it('an empty store has no metrics, and the result says so', async () => {
  const { seconds: _, ...result } = await rollup('day')
  expect(result).toEqual({
    ...{
      period: 'day',
      timeZone: 'UTC',
      since: null,
      buckets: 0,
      keptBecauseCleaned: 0,
      skipped: 0,
    },
    ...{ inserted: 0, updated: 0, unchanged: 0, deleted: 0 },
  })
})

it('units are tokens, dollars to the last digit, milliseconds and percent', async () => {
  await addRun('2026-01-05T10:59:59.999999Z', { end: '00:00:01.5' })
  await database.sql('update workflow_executions set total_cost = 0.000000000000000000123')
  await addRun('2026-01-05T10:00Z', { cost: 2, end: '00:00:02', status: 'failed' })
  await addRun('2026-01-05T10:30Z', { cost: 0, end: '00:00:02.0001', status: 'partial' })
  for (const success of [true, true, false])
    await addEntry('2026-01-05T10:00Z', { success, tool: success ? 'search' : 'mail' })
  await rollup('hour')
  const rows = await everyMetric(database)
  expect(rows.map(({ id: _, ...row }) => Object.values(row).join(' '))).toEqual([
    `2026-01-05T10:00:00Z hour u cost 2.000000000000000000123 {"mode": "Sales", "model": "gpt-4o"}`,
    `2026-01-05T10:00:00Z hour u error_rate 66.6667 {"mode": "Sales", "model": "gpt-4o"}`,
    `2026-01-05T10:00:00Z hour u execution_time 1833.367 {"mode": "Sales", "model": "gpt-4o"}`,
    `2026-01-05T10:00:00Z hour u token_usage 21 {"mode": "Sales", "model": "gpt-4o"}`,
    `2026-01-05T10:00:00Z hour u tool_success_rate 0 {"tool": "mail"}`,
    `2026-01-05T10:00:00Z hour u tool_success_rate 100 {"tool": "search"}`,
    `2026-01-05T10:00:00Z hour u workflow_success_rate 33.3333 {"mode": "Sales", "model": "gpt-4o"}`,
  ])
})

it('a run that has not ended counts only in tokens and cost', async () => {
  await addRun('2026-01-05T10:00Z', { status: 'running' })
  await database.sql('update workflow_executions set end_time = null')
  await rollup('hour')
  const types = (await everyMetric(database)).map(({ type }) => type)
  expect(types).toEqual(['cost', 'token_usage'])
})

it('the error rate counts failed and partial runs, each once; cancelled runs and audit entries are no errors', async () => {
  for (const status of ['success', 'failed', 'partial', 'cancelled', 'running'])
    await addRun('2026-01-05T10:00Z', { status })
  for (let n = 0; n < 3; n++) await addEntry('2026-01-05T10:00Z', { success: false })
  await rollup('hour')
  const rows = (await everyMetric(database)).filter(({ type }) => type === 'error_rate')
  expect(rows.map(({ value }) => value)).toEqual(['50'])
})

it('a call without a tool has no metric', async () => {
  await database.sql(
    `insert into audit_logs (user_id, action_type, action_details) values ('u', 'tool_call', 'called')`,
  )
  await rollup('hour')
  expect(await everyMetric(database)).toEqual([])
})

it('a second rollup writes no row', async () => {
  await fillDemo(client, new Date(NOW))
  const versions = () =>
    database.sql('select metric_id, xmin, xmax, ctid from observability_metrics order by metric_id')
  for (const period of ['hour', 'day', 'week', 'month'] as const) await rollup(period)
  const before = await versions()
  expect(before.length).toBeGreaterThan(3000)
  for (const period of ['hour', 'day', 'week', 'month'] as const) {
    for (const options of [{}, { since: '2020-01-01T00:00:00Z' }]) {
      expect(await rollup(period, options)).toMatchObject({ inserted: 0, updated: 0, deleted: 0 })
    }
  }
  expect(await versions()).toEqual(before)
})

it('continues from the bucket before the newest, and with the buckets of older runs that changed', async () => {
  for (const day of ['01', '02', '03', '04']) await addRun(`2026-01-${day}T12:00Z`)
  await rollup('day')
  // As if the last rollup was days ago and these rows had no later write.
  await database.sql(`
    set session_replication_role = replica;
    update workflow_executions set total_cost = total_cost + 4, updated_at = now() - interval '3 days';
    set session_replication_role = origin`)
  await database.sql(
    `update workflow_executions set error_message = 'seen' where start_time < '2026-01-02'`,
  )
  const result = await rollup('day')
  expect(result).toMatchObject({ since: '2026-01-03T00:00:00.000000Z', buckets: 3, updated: 3 })
  expect(await valuesOf('cost')).toEqual(['5', '1', '5', '5'])
  expect(await rollup('day', { since: '2026-01-02T23:00:00Z' })).toMatchObject({ updated: 1 })
  expect(await valuesOf('cost')).toEqual(['5', '5', '5', '5'])
})

it('a run that is recorded late, or ends after its bucket, is in the next rollup', async () => {
  await addRun('2026-01-01T12:00Z', { status: 'running' })
  await addRun('2026-03-01T12:00Z')
  await rollup('hour')
  await addRun('2026-01-20T12:00Z', { cost: 3 })
  await database.sql(
    `update workflow_executions set status = 'failed', total_cost = 8 where status = 'running'`,
  )
  expect(await rollup('hour')).toMatchObject({ inserted: 7, updated: 1, deleted: 0 })
  expect(await valuesOf('cost')).toEqual(['8', '3', '1'])
  expect(await valuesOf('workflow_success_rate')).toEqual(['0', '100', '100'])
})

it('values without rows are removed; metrics that no rollup created stay', async () => {
  await addRun('2026-01-01T12:00Z')
  await addRun('2026-01-01T12:00Z', { user: 'v' })
  await database.sql(
    `insert into observability_metrics (timestamp, user_id, metric_type, metric_value, aggregation_period, dimensions)
     values ('2026-01-01T12:00Z', 'u', 'cost', 99, 'hour', '{"mode": "Sales", "model": "gpt-4o"}'),
            ('2026-01-01T12:00Z', 'x', 'cost', 98, 'hour', null), ('9999-12-31Z', 'x', 'cost', 97, 'hour', '[1]')`,
  )
  await rollup('hour')
  await database.sql(`delete from workflow_executions where user_id = 'v'`)
  expect(await rollup('hour')).toMatchObject({ deleted: 5, unchanged: 5, inserted: 0 })
  expect((await valuesOf('cost')).toSorted()).toEqual(['1', '97', '98', '99'])
})

it('a value that was changed or moved by hand is corrected', async () => {
  await addRun('2026-01-01T12:00Z')
  await rollup('hour')
  const before = await everyMetric(database)
  await database.sql(`
    update observability_metrics set metric_value = 5 where metric_type = 'cost';
    update observability_metrics set timestamp = '2020-01-01Z' where metric_type = 'token_usage'`)
  await rollup('hour')
  expect(await everyMetric(database)).toEqual(before)
})

describe('after a cleanup', () => {
  const before = `< '2026-01-02T12:00Z'`
  beforeEach(async () => {
    for (const day of ['01', '02', '03']) {
      for (const hour of ['09', '15']) {
        await addRun(`2026-01-${day}T${hour}:07Z`, { cost: 0.1, end: `00:00:${hour}` })
        await addRun(`2026-01-${day}T${hour}:08Z`, { status: 'failed', user: 'v' })
        await addEntry(`2026-01-${day}T${hour}:07Z`, { success: hour === '09' })
      }
    }
  })

  it('values stay the same, and no new values of entries are computed from the remaining rows', async () => {
    await rollup('day')
    const whole = await everyMetric(database)
    await foldRuns(database, `start_time ${before}`)
    await foldAudit(database, `timestamp ${before}`)
    await addEntry('2026-01-02T16:00Z', { success: false })
    const again = await rollup('day', { since: '2025-01-01T00:00:00Z' })
    expect(again).toMatchObject({ inserted: 0, updated: 0, deleted: 0, keptBecauseCleaned: 2 })
    expect(await everyMetric(database)).toEqual(whole)
  })

  it('values of runs are exact even without an earlier rollup, and rates of entries are left out', async () => {
    await rollup('day')
    const whole = await everyMetric(database)
    await database.sql('truncate observability_metrics')
    await foldRuns(database, `start_time ${before}`)
    await foldAudit(database, `timestamp ${before}`)
    expect(await rollup('day')).toMatchObject({ keptBecauseCleaned: 2 })
    expect(await everyMetric(database)).toEqual(
      whole.filter(({ type, time }) => type !== 'tool_success_rate' || time >= '2026-01-03'),
    )
  })

  it('a late run of a cleaned-up bucket is added to the removed runs', async () => {
    await rollup('day')
    await foldRuns(database, `start_time ${before}`)
    await addRun('2026-01-01T20:00Z', { cost: 5, user: 'v' })
    await rollup('day')
    const rows = await database.sql(
      `select metric_value::text as value from observability_metrics
       where metric_type = 'cost' and user_id = 'v' and timestamp = '2026-01-01Z'`,
    )
    expect(rows).toEqual([{ value: '7' }])
  })
})

it.each([
  ['period', { period: 'minute' }],
  ['timeZone', { period: 'day', timeZone: '+05:30' }],
  ['since', { period: 'day', since: 'yesterday' }],
])('an invalid %s is refused before anything is sent', async (name, options) => {
  const unasked: Run = () => Promise.reject(new Error('the database was asked'))
  await expect(
    rollupMetrics(unasked, options as Parameters<typeof rollupMetrics>[1]),
  ).rejects.toMatchObject({ code: 'usage', message: expect.stringContaining(name) })
})
