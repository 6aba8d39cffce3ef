import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { openBatch } from '../../../src/record/batch/batch.ts'
import { type Connections, connections, falseBooks, startRuns } from '../../support/batches.ts'
import type { TestDatabase } from '../../support/database.ts'
import { createMigrated } from '../../support/migrated.ts'

/** Longer than any test: what is written is written for another reason. */
const NEVER = 600_000

let database: TestDatabase
let engine: Connections
let ids: string[]
const one = () => ids[0] as string

beforeAll(async () => {
  database = await createMigrated('batch_flush')
})
beforeEach(async () => {
  engine = connections(database.url)
  ids = (await startRuns(engine.run, 1)).map(({ executionId }) => executionId)
})
afterEach(async () => {
  expect(await falseBooks(database)).toEqual([])
  await engine.close()
})
afterAll(() => database.drop())

/** Statements that `work` sends. */
async function statements(work: () => Promise<unknown>): Promise<number> {
  const before = engine.sent()
  await work()
  return engine.sent() - before
}

const entry = (details: string, executionId = one()) => ({ executionId, action: 'note', details })
const notes = async () =>
  (
    await database.sql(
      `select action_details as details from audit_logs where execution_id = any($1) and action_type = 'note' order by timestamp, log_id`,
      [ids],
    )
  ).map(({ details }) => details)

const step = (stepNumber: number) => ({
  ...{ executionId: one(), stepNumber, stepName: `step ${stepNumber}`, status: 'success' as const },
})

describe('a batch is written', () => {
  afterEach(() => {
    vi.useRealTimers()
  })

  it('when it has the configured number of rows, without waiting', async () => {
    const batch = openBatch(engine.run, { flushMs: NEVER, maxRows: 3 })
    const given = [1, 2, 3, 4].map((n) => batch.audit(entry(`${n}`)))
    await Promise.all(given.slice(0, 3))
    expect(await notes()).toEqual(['1', '2', '3'])
    await batch.close()
    await given[3]
  })

  it('when its oldest row has waited for the configured time, and not before', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const batch = openBatch(engine.run, { flushMs: 200 })
    const before = engine.sent()
    const first = batch.audit(entry('first'))
    vi.advanceTimersByTime(150)
    const second = batch.audit(entry('second'))
    vi.advanceTimersByTime(49)
    expect(engine.sent()).toBe(before)
    vi.advanceTimersByTime(1)
    expect(engine.sent()).toBe(before + 1)
    await Promise.all([first, second])
    const third = batch.audit(entry('third'))
    vi.advanceTimersByTime(200)
    await third
    vi.advanceTimersByTime(NEVER)
    expect(engine.sent()).toBe(before + 2)
  })

  it('when it is closed, and accepts no row afterwards', async () => {
    const batch = openBatch(engine.run, { flushMs: NEVER })
    const given = [batch.audit(entry('pending')), batch.step(step(1))]
    const closing = batch.close()
    await expect(batch.audit(entry('late'))).rejects.toMatchObject({ code: 'usage' })
    await Promise.all([closing, batch.close(), ...given])
    expect(await notes()).toEqual(['pending'])
  })

  it('in at most two statements at once, each with at most the configured number of rows', async () => {
    const batch = openBatch(engine.run, { flushMs: NEVER, maxRows: 10 })
    const sent = await statements(async () => {
      for (let n = 0; n < 95; n++) void batch.audit(entry(`${n}`))
      await batch.flush()
    })
    expect(sent).toBe(10)
    expect(engine.mostAtOnce()).toBe(2)
    expect(await notes()).toHaveLength(95)
  })

  it('with a limit on waiting rows: more rows are rejected, and the waiting rows are written', async () => {
    const batch = openBatch(engine.run, { flushMs: NEVER })
    const long = 'x'.repeat(20_000_000)
    const given = [1, 2, 3].map(() => batch.audit(entry(long)))
    await expect(batch.audit(entry(long))).rejects.toMatchObject({
      code: 'failed',
      message: 'the batch is full: 3 rows are waiting for the database',
    })
    await Promise.all(given)
    await Promise.all([batch.audit(entry('there is room again')), batch.flush()])
  })
})
