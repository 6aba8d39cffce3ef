// @module-tag slow
import { afterAll, beforeAll, beforeEach, expect, it, onTestFinished } from 'vitest'
import { openBatch } from '../../src/record/batch/batch.ts'
import { cancelExecutions, failStuckExecutions } from '../../src/record/recorder/close.ts'
import { startExecution } from '../../src/record/recorder/recorder.ts'
import { connections } from '../support/batches.ts'
import type { TestDatabase } from '../support/database.ts'
import { createMigrated } from '../support/migrated.ts'
import { importInto, line } from '../transfer/import/support.ts'
import { clean, cleanupsIn, uuid } from './cleanup-support.ts'
import { clearAll, expectLedger, keepLedger } from './ledger.ts'
import { readStore } from './oracle.ts'

let database: TestDatabase
beforeAll(async () => {
  database = await createMigrated('cleanup_concurrent')
  await keepLedger(database)
})
beforeEach(() => clearAll(database))
afterAll(() => database.drop())

/** Errors of a session that writes to an ended run: the run is cleaned up, or closed by another session. */
async function unlessGone(work: Promise<unknown>): Promise<void> {
  await work.catch((error) => {
    if (!['not_found', 'conflict'].includes(error.code)) throw error
  })
}
const now = async () =>
  (await database.sql(`select to_json(clock_timestamp()) #>> '{}' as now`))[0]?.now as string

/** Of a run that began long ago, as an importer brings it. */
const importedRun = (number: number, ids: { run: string; step: string; log: string }) =>
  line.execution({
    executionId: ids.run,
    userId: 'imported',
    status: 'failed',
    totalCost: 0.1,
    startTime: `2025-01-0${1 + (number % 9)}T10:00:00Z`,
    endTime: '2025-02-01T00:00:00Z',
  }) +
  line.step({ stepId: ids.step, executionId: ids.run }) +
  line.audit({
    logId: ids.log,
    executionId: ids.run,
    userId: 'imported',
    timestamp: '2025-01-01T10:00:00Z',
  })

it('totals are exact while engines, a batch writer, an importer and operators write and runs are removed as soon as they end', async () => {
  const engine = connections(database.url)
  onTestFinished(engine.close)
  const batch = openBatch(engine.run, { flushMs: 5, maxRows: 20 })
  const ended: string[] = []
  const late: Promise<void>[] = []
  const work = async (user: string) => {
    for (let number = 0; number < 25; number++) {
      const run = await startExecution(engine.run, {
        workflowName: `w${number % 3}`,
        userId: user,
        mode: 'm',
        modelId: 'x',
        stepsTotal: 2,
      })
      const { executionId } = run
      if (number % 9 === 4) {
        await unlessGone(cancelExecutions(engine.run, [executionId]))
        continue
      }
      const step = await run.startStep({ stepNumber: 1, stepName: 's' }).catch(() => undefined)
      if (step)
        await unlessGone(
          step.finish({ status: 'success', cost: '0.000001234', tokens: { input: 7 } }),
        )
      late.push(
        unlessGone(
          batch.step({ executionId, stepNumber: 2, stepName: 't', status: 'failed', cost: '12.5' }),
        ),
      )
      await unlessGone(run.decision({ details: 'd' }))
      await unlessGone(run.finish({ status: number % 2 === 0 ? 'success' : 'partial' }))
      ended.push(executionId)
      // To a run that ended a while ago, and may be gone.
      const executionIdOfLate = ended.at(-3) as string
      if (executionIdOfLate)
        late.push(
          unlessGone(
            batch.step({
              executionId: executionIdOfLate,
              stepNumber: 3,
              stepName: 'late',
              status: 'success',
              cost: '0.3',
            }),
          ),
        )
    }
  }
  const importing = async () => {
    for (let number = 0; number < 12; number++) {
      const ids = { run: uuid(number), step: uuid(100 + number), log: uuid(200 + number) }
      // Once more: what is gone comes back, and goes again.
      for (let times = 0; times < 2; times++) await importInto(database, importedRun(number, ids))
    }
  }
  const operating = async () => {
    for (let times = 0; times < 10; times++)
      await unlessGone(failStuckExecutions(engine.run, { olderThanMs: 0 }))
  }
  let busy = true
  let cleanups = 0
  let removed = 0
  const cleaning = async () => {
    while (busy) {
      const batchSize = 1 + (cleanups % 4)
      const result = await clean(database, { before: await now(), batchSize })
      removed += result.removed.execution
      cleanups++
    }
  }
  const cleaner = cleaning()
  try {
    await Promise.all([work('a'), work('b'), work('ä'), importing(), operating()])
    await batch.close()
    await Promise.all(late)
  } finally {
    busy = false
    await cleaner
  }
  expect(cleanups).toBeGreaterThan(1)
  expect(removed).toBeGreaterThan(20)
  await expectLedger(database, 'at the end of the work')
  await clean(database, { before: await now() })
  await expectLedger(database, 'when all is gone')
  const left = await readStore(database)
  expect(left.runs.filter(({ status }) => status !== 'running')).toEqual([])
  expect(left.entries.filter(({ run }) => !left.runs.some(({ id }) => id === run))).toEqual([])
  expect((await cleanupsIn(database)).every(({ outcome }) => outcome === 'done')).toBe(true)
})
