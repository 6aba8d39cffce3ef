import { afterAll, afterEach, beforeAll, beforeEach, expect } from 'vitest'
import type { BatchStep } from '../../../src/record/batch/rows.ts'
import { type Connections, connections, falseBooks, startRuns } from '../../support/batches.ts'
import type { TestDatabase } from '../../support/database.ts'
import { createMigrated } from '../../support/migrated.ts'

/** Longer than any test: what is written is written for another reason. */
export const NEVER = 600_000

/** A store with `runs` new runs for each test of a file. After each test the books are right. */
export function eachTest(label: string, runs: number) {
  let database: TestDatabase
  let engine: Connections
  let ids: string[]
  beforeAll(async () => {
    database = await createMigrated(label)
  })
  beforeEach(async () => {
    engine = connections(database.url)
    ids = (await startRuns(engine.run, runs)).map(({ executionId }) => executionId)
  })
  afterEach(async () => {
    expect(await falseBooks(database)).toEqual([])
    await engine.close()
  })
  afterAll(() => database.drop())

  const one = () => ids[0] as string
  return {
    get database() {
      return database
    },
    get engine() {
      return engine
    },
    get ids() {
      return ids
    },
    one,
    /** Statements that `work` sends. */
    async statements(work: () => Promise<unknown>): Promise<number> {
      const before = engine.sent()
      await work()
      return engine.sent() - before
    },
    entry: (details: string, executionId = one()) => ({ executionId, action: 'note', details }),
    step: (stepNumber: number, rest: Partial<BatchStep> = {}): BatchStep => ({
      executionId: one(),
      stepNumber,
      stepName: `step ${stepNumber}`,
      status: 'success',
      cost: '0.25',
      ...rest,
    }),
    async notes() {
      const found = await database.sql(
        `select action_details as details from audit_logs where execution_id = any($1) and action_type = 'note' order by timestamp, log_id`,
        [ids],
      )
      return found.map(({ details }) => details)
    },
  }
}
