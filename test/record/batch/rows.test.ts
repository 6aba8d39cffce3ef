import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type Batch, openBatch } from '../../../src/record/batch/batch.ts'
import type { BatchStep } from '../../../src/record/batch/rows.ts'
import { startExecution } from '../../../src/record/recorder/recorder.ts'
import { uuidv7 } from '../../../src/uuid.ts'
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
  database = await createMigrated('batch_rows')
})
beforeEach(async () => {
  engine = connections(database.url)
  ids = (await startRuns(engine.run, 3)).map(({ executionId }) => executionId)
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
const step = (stepNumber: number, rest: Partial<BatchStep> = {}): BatchStep => ({
  executionId: one(),
  stepNumber,
  stepName: `step ${stepNumber}`,
  status: 'success',
  cost: '0.25',
  ...rest,
})
const notes = async () =>
  (
    await database.sql(
      `select action_details as details from audit_logs where execution_id = any($1) and action_type = 'note' order by timestamp, log_id`,
      [ids],
    )
  ).map(({ details }) => details)

describe('rows', () => {
  it('an entry has the user who acted, or the user of its run, and is written once', async () => {
    const logId = uuidv7(1)
    for (let time = 1; time <= 2; time++) {
      const batch = openBatch(engine.run)
      await Promise.all([
        batch.audit({ ...entry('reviewed'), logId, userId: 'reviewer' }),
        time === 1 && batch.audit(entry('ran')),
      ])
    }
    const rows = await database.sql(
      `select a.action_details as details, a.user_id = e.user_id as of_run, a.user_id as user
       from audit_logs a join workflow_executions e using (execution_id)
       where a.execution_id = $1 and a.action_type = 'note' order by 1`,
      [one()],
    )
    expect(rows).toEqual([
      { details: 'ran', of_run: true, user: expect.any(String) },
      { details: 'reviewed', of_run: false, user: 'reviewer' },
    ])
    const other = openBatch(engine.run).audit({ ...entry('reviewed'), logId, userId: 'another' })
    await expect(other).rejects.toMatchObject({
      code: 'conflict',
      message: expect.stringContaining('userId'),
    })
  })

  it('of one flush are sent in one statement, and each is acknowledged when it is committed', async () => {
    const batch = openBatch(engine.run, { flushMs: NEVER })
    let acknowledged = 0
    const given = [
      ...ids.map((id, n) => batch.audit(entry(`${n}`, id))),
      ...ids.map((executionId, n) => batch.step(step(n, { executionId }))),
    ].map((row) => row.then(() => acknowledged++))
    expect(acknowledged).toBe(0)
    expect(await statements(() => batch.flush())).toBe(1)
    await Promise.all(given)
    expect([acknowledged, await notes()]).toEqual([6, ['0', '1', '2']])
  })

  it('are in the audit log in the order in which they were given', async () => {
    const batch = openBatch(engine.run, { flushMs: NEVER, maxRows: 7 })
    const details = Array.from({ length: 20 }, (_, n) => `note ${n}`)
    for (const text of details) void batch.audit(entry(text))
    await batch.close()
    expect(await notes()).toEqual(details)
  })

  it('of a step are the same that the recorder writes for its end', async () => {
    const end = {
      status: 'failed' as const,
      tokens: { input: 60, output: 40, cacheRead: 0, total: 99 },
      cost: '0.000000000123',
      result: { text: 'ü"\\\n', none: null },
      errorMessage: 'no route',
      endTime: '2026-05-01T10:00:03Z',
    }
    const begin = {
      ...{ stepNumber: 4, stepName: 'search', stepDescription: 'looks', toolName: 'SEARCH' },
      ...{ toolParameters: { q: null }, startTime: '2026-05-01T10:00:00Z' },
    }
    const of = { workflowName: 'w', userId: 'u', mode: 'm', modelId: 'gpt-4o' }
    const recorded = await startExecution(engine.run, of)
    await (await recorded.startStep(begin)).finish(end)
    const batched = await startExecution(engine.run, of)
    const batch = openBatch(engine.run)
    void batch.step({ executionId: batched.executionId, ...begin, ...end })
    await batch.close()
    const rows = async ({ executionId }: { executionId: string }) => {
      const own = `'execution_id' - 'step_id' - 'log_id' - 'created_at' - 'updated_at' - 'timestamp' - 'start_time'`
      return database.sql(
        `select (select to_jsonb(e) - ${own} from workflow_executions e where execution_id = $1) as run,
           (select (to_jsonb(s) || jsonb_build_object('began', start_time)) - ${own} from workflow_steps s where execution_id = $1) as step,
           (select to_jsonb(a) - ${own} from audit_logs a where execution_id = $1 and action_type = 'step_end') as entry`,
        [executionId],
      )
    }
    expect(await rows(batched)).toEqual(await rows(recorded))
    expect(await rows(batched)).toMatchObject([{ step: { duration_ms: 3000 } }])
  })

  it.each([
    ['an entry without an action', (batch: Batch) => batch.audit({ ...entry('x'), action: '' })],
    ['a run that is no UUID', (batch: Batch) => batch.audit(entry('x', 'user_1'))],
    ['a NUL', (batch: Batch) => batch.audit(entry('x\0'))],
    ['a cost below 0', (batch: Batch) => batch.step(step(1, { cost: -1 }))],
    ['a half step', (batch: Batch) => batch.step(step(1.5))],
    ['an end before the start', (batch: Batch) => batch.step(step(1, BACKWARDS))],
  ])('with %s are refused at once, and the others are written', async (_, give) => {
    const batch = openBatch(engine.run, { flushMs: NEVER })
    const good = batch.audit(entry('good'))
    expect(
      await statements(() => expect(give(batch)).rejects.toMatchObject({ code: 'usage' })),
    ).toBe(0)
    await batch.close()
    await good
    expect(await notes()).toEqual(['good'])
  })
})

const BACKWARDS = { startTime: '2026-05-01T10:00:03Z', endTime: '2026-05-01T10:00:00Z' }
