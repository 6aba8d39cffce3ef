import type pg from 'pg'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { Run } from '../../../src/db/query/query.ts'
import { type ReportOptions, reportStats } from '../../../src/queries/usage/report-stats.ts'
import { costSeries } from '../../../src/queries/usage/series.ts'
import { getStats } from '../../../src/queries/usage/stats.ts'
import type { TestDatabase } from '../../support/database.ts'
import { createAdopted, createMigrated } from '../../support/migrated.ts'
import { foldAudit, foldRuns, runOn } from './support.ts'

let legacy: TestDatabase
let client: pg.Client
let run: Run
const now = new Date('2026-11-26T12:00:00Z')

beforeAll(async () => {
  legacy = await createAdopted('report_stats')
  client = await legacy.connect()
  run = runOn(client)
})
afterAll(async () => {
  await client.end()
  await legacy.drop()
})

it('a run with an infinite start is counted and has no day', async () => {
  const database = await createMigrated('report_infinite')
  await database.sql('alter table workflow_executions drop constraint workflow_executions_finite')
  await database.sql(
    `insert into workflow_executions (workflow_name, user_id, mode, model_id, start_time, total_cost)
     values ('w', 'u', 'm', 'x', 'infinity', 1), ('w', 'u', 'm', 'x', '2026-11-26T08:00Z', 2)`,
  )
  const own = await database.connect()
  expect(await reportStats(runOn(own), { now })).toMatchObject({
    totalExecutions: 2,
    totalCostExact: '3',
    days: [{ day: '2026-11-26', runs: 1, cost: '2' }],
  })
  for (const part of ['day', 'month'] as const) {
    const { points } = await costSeries(runOn(own), { part, by: 'model' })
    const totals = points.filter(({ isTotal }) => isTotal)
    expect(totals.map(({ date, cost }) => [date, cost])).toEqual([
      [part === 'day' ? '2026-11-26' : '2026-11', '2'],
      [null, '1'],
    ])
  }
  await own.end()
  await database.drop()
})

const asked: [string, ReportOptions][] = [
  ['all users', {}],
  ['one user', { userId: 'user_2' }],
  ['an unknown user', { userId: 'nobody' }],
  ['a month', { since: '2026-09-01T00:00:00Z', until: '2026-10-01T00:00:00Z' }],
  [
    'a mode of a month in Kathmandu',
    {
      ...{ mode: 'Sales', since: '2026-08-31T18:15:00Z', timeZone: 'Asia/Kathmandu' },
    },
  ],
  ['two statuses', { status: ['failed', 'partial'] }],
]

/** Sums over the runs one by one, in JavaScript. */
async function added(options: ReportOptions) {
  const { userId, mode, status, since, until, timeZone = 'UTC' } = options
  const all = await legacy.sql(
    `select user_id, mode, status, start_time, total_cost::text as cost, total_tokens::float as tokens,
       to_char(start_time at time zone '${timeZone}', 'YYYY-MM-DD') as day,
       (extract(epoch from end_time) - extract(epoch from start_time))::float * 1000 as ms from workflow_executions`,
  )
  const runs = all.filter(
    (row) =>
      (userId === undefined || row.user_id === userId) &&
      (mode === undefined || row.mode === mode) &&
      (status === undefined || (status as readonly unknown[]).includes(row.status)) &&
      (since === undefined || (row.start_time as Date) >= new Date(since as string)) &&
      (until === undefined || (row.start_time as Date) < new Date(until as string)),
  )
  const count = (name: string) => runs.filter((row) => row.status === name).length
  const micros = runs.reduce((sum, row) => sum + Math.round(Number(row.cost) * 1e6), 0)
  const ended = runs.length - count('running')
  const durations = runs.flatMap(({ ms }) => (ms === null ? [] : [ms as number]))
  durations.sort((a, b) => a - b)
  return { runs, count, micros, ended, durations }
}

/** Between the two nearest, as percentile_cont is defined. */
function percentile(sorted: number[], part: number): number {
  const place = part * (sorted.length - 1)
  const [below = 0, above = 0] = [sorted[Math.floor(place)], sorted[Math.ceil(place)]]
  return below + (above - below) * (place - Math.floor(place))
}

it.each(asked)(
  '%s matches the runs of the old application, added up one by one',
  async (_, options) => {
    const { runs, count, micros, ended, durations } = await added(options)
    const stats = await reportStats(run, { ...options, now })
    expect(stats).toMatchObject({
      totalExecutions: runs.length,
      runningExecutions: count('running'),
      successfulExecutions: count('success'),
      failedExecutions: count('failed'),
      partialExecutions: count('partial'),
      cancelledExecutions: count('cancelled'),
      totalCost: micros / 1e6,
      totalTokens: runs.reduce((sum, row) => sum + (row.tokens as number), 0),
      successRate: ended === 0 ? null : Number((count('success') / ended).toFixed(6)),
    })
    expect(Number(stats.totalCostExact)).toBe(micros / 1e6)
    const sum = durations.reduce((all, ms) => all + ms, 0)
    expect(stats.averageExecutionTime).toBeCloseTo(durations.length ? sum / durations.length : 0, 3)
    for (const [part, shown] of [
      [0.5, stats.p50ExecutionTime],
      [0.95, stats.p95ExecutionTime],
      [0.99, stats.p99ExecutionTime],
    ] as const) {
      if (durations.length === 0) expect(shown).toBeNull()
      else expect(shown).toBeCloseTo(percentile(durations, part), 2)
    }
    expect(stats.percentilesOver.runs).toBe(durations.length)
    const first = options.since ? stats.firstDay : '2026-10-28'
    expect(stats.firstDay).toBe(options.since ? '2026-09-01' : first)
    expect(stats.days.map(({ day, runs }) => `${day} ${runs}`)).toEqual(
      [...new Set(runs.map(({ day }) => String(day)))]
        .filter((day) => day >= first)
        .map((day) => `${day} ${runs.filter((one) => one.day === day).length}`)
        .sort(),
    )
  },
)

it('the totals match getStats, which the library documents', async () => {
  for (const userId of [undefined, 'user_2', 'nobody']) {
    const { averageExecutionTime, ...stats } = await getStats(run, userId)
    const report = await reportStats(run, { userId })
    expect(report).toMatchObject(stats)
    expect(report.averageExecutionTime).toBeCloseTo(averageExecutionTime, 6)
  }
})

it('audit entries are counted by user and time; with a filter on a field they lack there is no number', async () => {
  const counted = async (where: string) =>
    (await legacy.sql(`select count(*)::int as n from audit_logs where ${where}`))[0]?.n
  expect(
    (await reportStats(run, { userId: 'user_2', since: '2026-09-01T00:00:00Z' })).totalAuditLogs,
  ).toBe(await counted(`user_id = 'user_2' and timestamp >= '2026-09-01Z'`))
  expect((await reportStats(run, { mode: 'Sales' })).totalAuditLogs).toBeNull()
})

it('percentiles and their span include only live runs that have ended', async () => {
  await legacy.sql(
    `insert into workflow_executions (workflow_name, user_id, mode, model_id, start_time)
     values ('goes on', 'u', 'm', 'x', '2020-01-01Z')`,
  )
  const { percentilesOver } = await reportStats(run)
  const [row] = await legacy.sql(
    `select count(*)::int as runs, to_char(min(start_time) at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as since
     from workflow_executions where end_time is not null`,
  )
  expect(percentilesOver).toEqual(row)
  await legacy.sql(`delete from workflow_executions where workflow_name = 'goes on'`)
})

it('cleanup changes no total and no day; percentiles show how many runs are left', async () => {
  const options: ReportOptions = { since: '2026-06-01T00:00:00Z', timeZone: 'Asia/Kathmandu', now }
  const before = await reportStats(run, options)
  await foldRuns(legacy, `status <> 'running' and start_time < '2026-10-01Z'`)
  await foldAudit(legacy, `timestamp < '2026-10-01Z'`)
  const after = await reportStats(run, options)
  const kept = ['p50ExecutionTime', 'p95ExecutionTime', 'p99ExecutionTime', 'percentilesOver']
  const lasting = (stats: object) =>
    Object.fromEntries(Object.entries(stats).filter(([name]) => !kept.includes(name)))
  expect(lasting(after)).toEqual(lasting(before))
  expect(before.percentilesOver.runs).toBeGreaterThan(after.percentilesOver.runs)
  const cut = await reportStats(run, {
    since: '2026-06-01T00:00:01Z',
    until: '2026-09-20T09:50:00Z',
  })
  const [row] = await legacy.sql(
    `select (select coalesce(sum(runs), 0) from usage_history where quarter_start in ('2026-06-01T00:00Z', '2026-09-20T09:45Z'))::int as runs,
            (select coalesce(sum(entries), 0) from audit_history where quarter_start in ('2026-06-01T00:00Z', '2026-09-20T09:45Z'))::int as entries`,
  )
  expect([cut.historyCut, cut.auditHistoryCut]).toEqual([row?.runs, row?.entries])
  expect(row?.entries).toBeGreaterThan(0)
})

it('an empty store has zeros, and null for unknown numbers', async () => {
  const empty = await createMigrated('report_empty')
  const other = await empty.connect()
  expect(await reportStats(runOn(other), { now })).toEqual({
    ...{ totalExecutions: 0, runningExecutions: 0, successfulExecutions: 0, failedExecutions: 0 },
    stuckExecutions: 0,
    ...{ partialExecutions: 0, cancelledExecutions: 0, totalCost: 0, totalCostExact: '0' },
    ...{ totalTokens: 0, totalAuditLogs: 0, averageExecutionTime: 0, successRate: null },
    ...{ p50ExecutionTime: null, p95ExecutionTime: null, p99ExecutionTime: null },
    percentilesOver: { runs: 0, since: null },
    ...{
      days: [],
      firstDay: '2026-10-28',
      lastDay: '2026-11-26',
      historyCut: 0,
      auditHistoryCut: 0,
      historyUnknown: [],
      unpriced: { steps: 0, models: 0 },
    },
  })
  await other.end()
  await empty.drop()
})
