import { buffer } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { cleanup } from '../../../src/cleanup/cleanup.ts'
import { query } from '../../../src/db/query/query.ts'
import { openStore } from '../../../src/index.ts'
import { expensiveExecutions } from '../../../src/queries/executions/listed.ts'
import { beginStep, startExecution } from '../../../src/record/recorder/recorder.ts'
import { stepRecorder } from '../../../src/record/recorder/steps.ts'
import type { Store } from '../../../src/store/types.ts'
import { exportLines } from '../../../src/transfer/export/export.ts'
import { importLines } from '../../../src/transfer/import/import.ts'
import type { TestDatabase } from '../../support/database.ts'
import { withClient } from '../../support/migrate.ts'
import { createMigrated } from '../../support/migrated.ts'
import { createRecording, OF } from '../recording.ts'

const recording = await createRecording('clocks')
const { database, run, one } = recording
const store = openStore({ databaseUrl: database.url })
let other: TestDatabase

beforeAll(async () => {
  other = await createMigrated('clocks_import')
})
afterAll(async () => {
  await store.close()
  await recording.drop()
  await other.drop()
})

/** An engine whose clock is an hour ahead of the server. */
const engineNow = () => new Date(Date.now() + 3_600_000)

const timesOf = (executionId: string) =>
  one(
    `select bool_and(end_time = start_time) as at_its_start, max(duration_ms)::int as ms
     from workflow_steps where execution_id = $1`,
    executionId,
  )

const exported = (from: TestDatabase) =>
  withClient(from, async (client) => String(await buffer(exportLines(client, {}))))

const importInto = (to: TestDatabase, lines: string) =>
  withClient(to, (client) =>
    importLines(
      client,
      (async function* () {
        yield Buffer.from(lines)
      })(),
    ),
  )

describe('if the clock of the engine is ahead, a step never ends before it starts', () => {
  it('that the recorder finishes, or retries and finishes', async () => {
    const execution = await startExecution(run, { ...OF, startTime: engineNow() })
    const first = await execution.startStep({
      stepNumber: 1,
      stepName: 's',
      startTime: engineNow(),
    })
    await first.finish({ status: 'success', cost: '1' })
    const second = await execution.startStep({
      stepNumber: 2,
      stepName: 's',
      startTime: engineNow(),
    })
    await second.retry()
    await second.finish({ status: 'failed' })
    await second.finish({ status: 'failed' })
    await execution.finish({ status: 'success' })
    expect(await timesOf(execution.executionId)).toEqual({ at_its_start: true, ms: 0 })
    expect(await store.executions.get(execution.executionId)).toMatchObject({ durationMs: 0 })
  })

  it('that another process finishes, which does not know its start', async () => {
    const { executionId } = await startExecution(run, OF)
    const step = { executionId, stepId: '0193f1c2-7a5e-4c11-9d3e-2b6f0a4c8e57' }
    await beginStep(run, executionId, {
      stepId: step.stepId,
      stepNumber: 1,
      stepName: 's',
      startTime: engineNow(),
    })
    await stepRecorder(run, { ...step, startTime: null, retries: 0 }).finish({
      status: 'success',
      endTime: new Date(),
    })
    expect(await timesOf(executionId)).toEqual({ at_its_start: true, ms: 0 })
  })

  it('that a batch writes', async () => {
    const execution = await startExecution(run, OF)
    const batch = store.batch()
    await batch.step({
      executionId: execution.executionId,
      stepNumber: 1,
      stepName: 's',
      status: 'success',
      startTime: engineNow(),
    })
    await batch.close()
    expect(await timesOf(execution.executionId)).toEqual({ at_its_start: true, ms: 0 })
  })

  it('and its export can be imported', async () => {
    const report = await importInto(other, await exported(database))
    expect(report.invalid).toEqual([])
    expect(report.inserted.step).toBeGreaterThan(0)
  })
})

describe('rows of an old store that end before they start', () => {
  let old: TestDatabase
  let oldStore: Store
  beforeAll(async () => {
    old = await createMigrated('clocks_old')
    oldStore = openStore({ databaseUrl: old.url })
    await old.sql(`
      insert into workflow_executions (execution_id, workflow_name, user_id, mode, model_id, status, start_time, end_time)
        select ('00000000-0000-4000-8000-00000000000' || n)::uuid, 'w', u, 'm', 'x', 'success', '2024-01-01T12:00Z',
               '2024-01-01T12:00Z'::timestamptz + ms * interval '1 ms' from (values (1, 'u', -9000), (2, 'u', 3000), (3, 'with others', -1000), (4, 'with others', 4000)) as v (n, u, ms);
      insert into workflow_steps (execution_id, step_number, step_name, tool_name, status, start_time, end_time, duration_ms)
        select execution_id, 1, 's', 't', 'success', start_time, end_time, extract(epoch from end_time - start_time) * 1000
        from workflow_executions`)
  })
  afterAll(async () => {
    await oldStore.close()
    await old.drop()
  })

  const averages = async () => [
    (await oldStore.getStats()).averageExecutionTime,
    (await oldStore.stats()).averageExecutionTime,
    (await oldStore.getStats('with others')).averageExecutionTime,
    ...(
      await old.sql(
        'select avg_execution_time_ms as ms from user_workflow_summary order by user_id',
      )
    ).map(({ ms }) => Number(ms)),
  ]

  it('took no time in lists, averages, percentiles, tools, metrics and the view', async () => {
    const { rows } = await oldStore.executions.list()
    expect(rows.map(({ durationMs }) => durationMs).sort()).toEqual([0, 0, 3000, 4000])
    const [first] = rows.filter(({ durationMs }) => durationMs === 0)
    const { steps } = await oldStore.executions.get(first?.executionId as string)
    expect(steps.map(({ durationMs }) => durationMs)).toEqual([0])
    expect(await averages()).toEqual([1750, 1750, 2000, 1500, 2000])
    expect(await oldStore.stats()).toMatchObject({ p50ExecutionTime: 1500 })
    const listed = await withClient(old, (client) =>
      expensiveExecutions((statement, shape) => query(client, statement, shape)),
    )
    expect(listed.map(({ executionTime }) => executionTime).sort()).toEqual([0, 0, 3000, 4000])
    await oldStore.metrics.rollup({ period: 'day' })
    const { rows: metrics } = await oldStore.metrics.list({ metricType: 'execution_time' })
    expect(metrics.map(({ metricValue }) => Number(metricValue)).sort()).toEqual([1500, 2000])
    await old.sql('delete from observability_metrics')
    expect(await oldStore.tools()).toMatchObject([{ toolName: 't', p95DurationMs: 3850 }])
  })

  it('keep their values in an export, which can be imported and repeated', async () => {
    const lines = await exported(old)
    expect(lines).toContain('"durationMs":-9000')
    const report = await importInto(other, lines)
    expect([report.inserted.execution, report.inserted.step, report.invalid]).toEqual([4, 4, []])
    expect((await importInto(other, lines)).repeated).toBe(8)
  })

  it('and their totals do not change when they are removed', async () => {
    const before = await averages()
    await withClient(old, (client) =>
      cleanup(client, { allowAll: true, before: '2025-01-01T00:00:00Z' }),
    )
    expect(await oldStore.executions.list()).toMatchObject({ rows: [] })
    expect(await averages()).toEqual(before)
  })
})
