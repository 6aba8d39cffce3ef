import { describe, expect, it } from 'vitest'
import { type Batch, openBatch } from '../../../src/record/batch/batch.ts'
import { startExecution } from '../../../src/record/recorder/recorder.ts'
import { uuidv7 } from '../../../src/uuid.ts'
import { eachTest, NEVER } from './support.ts'

const each = eachTest('batch_rows', 3)
const { entry, notes, one, statements, step } = each

describe('rows', () => {
  it('an entry has the user who acted, or the user of its run, and is written once', async () => {
    const logId = uuidv7(1)
    for (let time = 1; time <= 2; time++) {
      const batch = openBatch(each.engine.run)
      await Promise.all([
        batch.audit({ ...entry('reviewed'), logId, userId: 'reviewer' }),
        time === 1 && batch.audit(entry('ran')),
      ])
    }
    const rows = await each.database.sql(
      `select a.action_details as details, a.user_id = e.user_id as of_run, a.user_id as user
       from audit_logs a join workflow_executions e using (execution_id)
       where a.execution_id = $1 and a.action_type = 'note' order by 1`,
      [one()],
    )
    expect(rows).toEqual([
      { details: 'ran', of_run: true, user: expect.any(String) },
      { details: 'reviewed', of_run: false, user: 'reviewer' },
    ])
    const other = openBatch(each.engine.run).audit({
      ...entry('reviewed'),
      logId,
      userId: 'another',
    })
    await expect(other).rejects.toMatchObject({
      code: 'conflict',
      message: expect.stringContaining('userId'),
    })
  })

  it('of one flush are sent in one statement, and each is acknowledged when it is committed', async () => {
    const batch = openBatch(each.engine.run, { flushMs: NEVER })
    let acknowledged = 0
    const given = [
      ...each.ids.map((id, n) => batch.audit(entry(`${n}`, id))),
      ...each.ids.map((executionId, n) => batch.step(step(n, { executionId }))),
    ].map((row) => row.then(() => acknowledged++))
    expect(acknowledged).toBe(0)
    expect(await statements(() => batch.flush())).toBe(1)
    await Promise.all(given)
    expect([acknowledged, (await notes()).sort()]).toEqual([6, ['0', '1', '2']])
  })

  it('are in the audit log in the order in which they were given', async () => {
    const batch = openBatch(each.engine.run, { flushMs: NEVER, maxRows: 7 })
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
    const recorded = await startExecution(each.engine.run, of)
    await (await recorded.startStep(begin)).finish(end)
    const batched = await startExecution(each.engine.run, of)
    const batch = openBatch(each.engine.run)
    void batch.step({ executionId: batched.executionId, ...begin, ...end })
    await batch.close()
    const rows = async ({ executionId }: { executionId: string }) => {
      const own = `'execution_id' - 'step_id' - 'log_id' - 'created_at' - 'updated_at' - 'timestamp' - 'start_time'`
      return each.database.sql(
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
    const batch = openBatch(each.engine.run, { flushMs: NEVER })
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
