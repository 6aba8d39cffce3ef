import type pg from 'pg'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { cleanup } from '../../src/cleanup/cleanup.ts'
import { atRuns, onRun, shardsOf } from '../../src/db/distributed/at.ts'
import { type Run, runOn } from '../../src/db/query/query.ts'
import { checkSchema } from '../../src/db/schema.ts'
import { statements } from '../../src/queries/billing/statements.ts'
import { runsPerHour } from '../../src/queries/executions/activity.ts'
import { rollupMetrics } from '../../src/queries/metrics/rollup.ts'
import { costBy } from '../../src/queries/usage/cost.ts'
import { costChanges } from '../../src/queries/usage/cost-change.ts'
import { reportStats } from '../../src/queries/usage/report-stats.ts'
import { costSeries } from '../../src/queries/usage/series.ts'
import { getStats } from '../../src/queries/usage/stats.ts'
import { citusUrl } from '../support/citus.ts'
import type { TestDatabase } from '../support/database.ts'
import { untilBlocked } from '../support/migrate.ts'
import { createMigrated } from '../support/migrated.ts'
import { addEntry, addRun, clear, uuid } from './cleanup-support.ts'

const ZONE = { timeZone: 'Europe/Berlin' }
const YEARS_OF_HOURS = 40_000
const TIME = { since: '2024-01-01T00:00Z', beforeSince: '2023-01-01T00:00Z' }

/** Reads whose totals have live and removed rows. */
const READS: Record<string, (run: Run) => Promise<unknown>> = {
  stats: (run) => getStats(run),
  'stats of a report': async (run) => {
    const stats = await reportStats(run, { now: new Date('2024-01-02T00:00Z') })
    const { totalExecutions, totalCostExact, totalTokens, averageExecutionTime } = stats
    const { totalAuditLogs, unpriced, days } = stats
    return {
      totalExecutions,
      totalCostExact,
      totalTokens,
      averageExecutionTime,
      totalAuditLogs,
      unpriced,
      days,
    }
  },
  'stats of a model': async (run) => (await reportStats(run, { modelId: 'y' })).totalCostExact,
  'cost by mode': (run) => costBy(run, { by: 'mode' }),
  'cost by model and month': (run) => costBy(run, { by: ['model', 'month'], ...ZONE }),
  'change by model': (run) => costChanges(run, { by: 'model', top: 5, ...TIME }),
  'series by model': (run) => costSeries(run, { part: 'week', by: 'model', ...ZONE }),
  'series of a model by user': (run) => costSeries(run, { part: 'day', by: 'user', modelId: 'y' }),
  statements: (run) => statements(run, { months: ['2024-01'], ...ZONE }),
  'runs per hour': async (run) =>
    (await runsPerHour(run, YEARS_OF_HOURS, 'UTC')).filter(({ runs }) => runs > 0),
  'rollup, which changes nothing': async (run) => {
    const { inserted, updated, deleted } = await rollupMetrics(run, {
      period: 'day',
      since: TIME.since,
    })
    return { inserted, updated, deleted }
  },
}

const OF_ENTRIES = ['stats', 'stats of a report', 'rollup, which changes nothing']

describe.skipIf(!citusUrl)('next to a cleanup of a distributed store', () => {
  let database: TestDatabase
  let readers: { name: string; client: pg.Client; pid: number }[]
  beforeAll(async () => {
    database = await createMigrated('cleanup_reports')
    readers = await Promise.all(
      Object.keys(READS).map(async (name) => {
        const client = await database.connect()
        await checkSchema(client)
        const { processID: pid } = client as unknown as { processID: number }
        return { name, client, pid }
      }),
    )
  })
  beforeEach(async () => {
    const { sql } = database
    await clear(sql)
    for (let number = 1; number <= 12; number++) {
      const start = `2024-01-01T00:${number + 10}:00Z`
      await addRun(sql, { id: uuid(number), label: 'w', start, end: start, cost: '0.1', steps: 2 })
      await addEntry(sql, { id: uuid(100 + number), run: uuid(number), at: start })
    }
    await sql(
      `update workflow_steps set model_id = 'y', cost = 0.01, tokens_used = 1 where step_number = 1`,
    )
    await sql(`update workflow_steps set cost_source = 'unpriced' where step_number = 2`)
    await sql(
      `update audit_logs set action_type = 'tool_call', tool_name = 't', success = timestamp < '2024-01-01T00:16Z'`,
    )
    await rollupMetrics(runOn(readers[0]?.client as pg.Client), { period: 'day' })
  })
  afterAll(async () => {
    for (const { client } of readers) await client.end()
    await database.drop()
  })

  const readAll = async (some = readers) =>
    Object.fromEntries(
      await Promise.all(
        some.map(async ({ name, client }) => [name, await READS[name]?.(runOn(client))] as const),
      ),
    )

  it.each([
    ['usage_history', 'delete from workflow_executions', Object.keys(READS)],
    ['workflow_executions', 'delete from workflow_executions', Object.keys(READS)],
    ['audit_history', 'delete from audit_logs', OF_ENTRIES],
    ['audit_logs', 'delete from audit_logs', OF_ENTRIES],
  ])(
    'a total has each run and entry once, also if it has to wait for %s',
    async (table, deletion, names) => {
      const some = readers.filter(({ name }) => names.includes(name))
      const before = await readAll(some)
      const seen: unknown[] = []
      const connected = await database.connect()
      let reading: Promise<unknown> | undefined
      const query = connected.query.bind(connected) as unknown as (given: unknown) => unknown
      connected.query = (async (given: unknown) => {
        const text = JSON.stringify(given)
        if (reading === undefined && text.includes(deletion)) {
          reading = Promise.resolve()
          for (const shard of await shardsOf(connected))
            await onRun(atRuns(runOn(connected)), shard)(
              `lock table ${table} in access exclusive mode`,
              {},
            )
          reading = readAll(some)
          for (const { pid } of some) await untilBlocked(database, pid)
        } else if (text.startsWith('"begin') && reading !== undefined) {
          seen.push(await reading)
          reading = undefined
        }
        return query(given)
      }) as typeof connected.query
      await cleanup(connected, {
        before: '2025-01-01T00:00Z',
        allowAll: true,
        pauseMs: 0,
        batchSize: 4,
      })
      await connected.end()
      expect(seen.length).toBeGreaterThan(0)
      for (const totals of seen) expect(totals).toEqual(before)
    },
  )
})
