import type pg from 'pg'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { query, type Run } from '../../../src/db/query/query.ts'
import { cancelExecutions, failStuckExecutions } from '../../../src/record/recorder/close.ts'
import type { ExecutionRecorder } from '../../../src/record/recorder/types.ts'
import type { TestDatabase } from '../../support/database.ts'
import { untilBlocked } from '../../support/migrate.ts'
import { createMigrated } from '../../support/migrated.ts'
import { onLayout } from '../../support/on-layout.ts'
import * as runs from '../../support/runs.ts'

let database: TestDatabase
/** What the engine has, and what the operator has. */
let engine: pg.Client
let operator: pg.Client
const runOn = (client: () => pg.Client): Run =>
  onLayout((statement, shape) => query(client(), statement, shape))
const byEngine = runOn(() => engine)
const byOperator = runOn(() => operator)

const { RUNNING } = runs
const start = (options?: runs.StartOptions) => runs.startRun(database, byEngine, options)
const silence = (execution: ExecutionRecorder, hours: number) =>
  runs.silence(database, execution, hours)
const stateOf = (execution: ExecutionRecorder) => runs.stateOf(database, execution)

beforeAll(async () => {
  database = await createMigrated('close_races')
  engine = await database.connect()
  operator = await database.connect()
})
beforeEach(async () => {
  await database.sql('truncate workflow_executions, audit_logs, billing_records cascade')
})
afterAll(async () => {
  await engine.end()
  await operator.end()
  await database.drop()
})

describe('an engine that works at the same time', () => {
  const pid = async () =>
    Number((await operator.query('select pg_backend_pid() as pid')).rows[0].pid)
  const hour = 3_600_000

  /** The engine writes, and commits when the operator's statement waits for it. */
  async function during<T>(write: () => Promise<unknown>, close: () => Promise<T>): Promise<T> {
    const waiting = await pid()
    await engine.query('begin')
    await write()
    const closing = close()
    await untilBlocked(database, waiting)
    await engine.query('commit')
    return closing
  }

  it('keeps its run if a heartbeat is committed just before the run would be failed', async () => {
    const execution = await start({ hours: 7 })
    const { executionId } = execution
    const result = await during(
      () => execution.heartbeat(),
      () => failStuckExecutions(byOperator, { olderThanMs: 6 * hour }),
    )
    expect(result).toEqual({
      closed: [],
      left: [{ executionId, status: 'running' }],
      failed: [],
    })
    expect(await stateOf(execution)).toEqual(RUNNING)
  })

  it('keeps its run if it ends a step just before, and the cost of the step is in the totals', async () => {
    const execution = await start({ hours: 7 })
    const step = await execution.startStep({ stepNumber: 2, stepName: 'act' })
    await silence(execution, 7)
    const { closed } = await during(
      () => step.finish({ status: 'success', cost: '0.5' }),
      () => failStuckExecutions(byOperator, { olderThanMs: 6 * hour }),
    )
    expect(closed).toEqual([])
    await execution.finish({ status: 'success' })
    expect(await stateOf(execution)).toMatchObject({ status: 'success', bills: ['0.75 7'] })
  })

  it.each([
    [
      'begins a step',
      (one: ExecutionRecorder) => one.startStep({ stepNumber: 2, stepName: 'act' }),
    ],
    ['writes to the audit', (one: ExecutionRecorder) => one.decision({ details: 'go on' })],
  ])('keeps its run if it %s after the runs were listed', async (_, write) => {
    const execution = await start({ hours: 7 })
    const dead = await start({ hours: 7 })
    const result = await failStuckExecutions(byOperator, {
      olderThanMs: 6 * hour,
      confirm: async () => void (await write(execution)),
    })
    expect(result.left).toEqual([{ executionId: execution.executionId, status: 'running' }])
    expect(result.closed).toMatchObject([{ executionId: dead.executionId }])
    expect(await stateOf(execution)).toEqual(RUNNING)
  })

  it('and finishes its run first wins: one end, one bill, and cancel reports it', async () => {
    const execution = await start()
    const { executionId } = execution
    const result = await during(
      () => execution.finish({ status: 'success' }),
      () => cancelExecutions(byOperator, [executionId]),
    )
    expect(result).toEqual({
      closed: [],
      left: [{ executionId, status: 'success' }],
      failed: [],
    })
    expect(await stateOf(execution)).toEqual({
      ...{ status: 'success', error: null, ended: true },
      ...{ bills: ['0.25 7'], ends: [{}] },
    })
  })

  it('ends a step of a run just before it is cancelled is billed for it, once', async () => {
    const execution = await start()
    const step = await execution.startStep({ stepNumber: 2, stepName: 'act' })
    const { closed } = await during(
      () => step.finish({ status: 'success', cost: '0.5' }),
      () => cancelExecutions(byOperator, [execution.executionId]),
    )
    expect(closed).toMatchObject([{ status: 'cancelled', totalCost: '0.75' }])
    expect(await stateOf(execution)).toMatchObject({ status: 'cancelled', bills: ['0.75 7'] })
  })

  it('two operators at once close each run once', async () => {
    const runs = [await start(), await start(), await start()]
    const ids = runs.map(({ executionId }) => executionId)
    const results = await Promise.all([
      cancelExecutions(byOperator, ids),
      cancelExecutions(byEngine, [...ids].reverse()),
    ])
    const closed = results.flatMap((one) => one.closed.map(({ executionId }) => executionId))
    expect(closed.sort()).toEqual([...ids].sort())
    for (const one of runs) {
      expect(await stateOf(one)).toMatchObject({ status: 'cancelled', bills: ['0.25 7'] })
    }
  })
})
