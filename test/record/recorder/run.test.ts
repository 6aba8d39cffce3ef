import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openStore, type Store } from '../../../src/index.ts'
import type { ExecutionRecorder } from '../../../src/record/recorder/types.ts'
import { uuidv7 } from '../../../src/uuid.ts'
import { dataFolder } from '../../support/folder.ts'
import { createRecording, OF } from '../recording.ts'

const recording = await createRecording('run')
const { one, runOf, billsOf, entriesOf, everything } = recording
const folder = dataFolder('run')
afterAll(async () => {
  await recording.drop()
  rmSync(folder, { recursive: true, force: true })
})

const SEARCH = { stepNumber: 1, stepName: 'search' }
const newId = () => uuidv7(Date.now())
const aborted = () => new DOMException('the user left', 'AbortError')
const stepOf = (run: ExecutionRecorder) =>
  one(
    `select status, error_message as error, cost::text, end_time is not null as ended
     from workflow_steps where execution_id = $1 order by step_number limit 1`,
    run.executionId,
  )
const messageOf = async (run: ExecutionRecorder) =>
  (
    await one(
      'select error_message from workflow_executions where execution_id = $1',
      run.executionId,
    )
  )?.error_message

describe.each(['without a spool', 'with a spool'])('store.run %s', (kind) => {
  let store: Store
  beforeAll(() => {
    const file = join(folder, 'spool.jsonl')
    const spool = { file, onError: (error: Error) => expect(error).toBeUndefined() }
    const { url } = recording.database
    store = openStore({ databaseUrl: url, spool: kind === 'with a spool' ? spool : undefined })
  })
  afterAll(() => store.close())

  /** The run of `work`, and what `store.run` returned or threw. */
  async function record<T>(work: (run: ExecutionRecorder) => T | Promise<T>) {
    const seen: ExecutionRecorder[] = []
    const outcome = await store
      .run(OF, (run) => {
        seen.push(run)
        return work(run)
      })
      .catch((error: unknown) => error)
    return { run: seen[0] as ExecutionRecorder, outcome }
  }

  it('finishes as success, writes the bill and returns what the function returns', async () => {
    const { run, outcome } = await record(async (run) => {
      await run.step(SEARCH, (step) => step.finish({ status: 'success', cost: '0.25' }))
      return 42
    })
    expect(outcome).toBe(42)
    expect(await runOf(run)).toMatchObject({ status: 'success', cost: '0.25', done: 1 })
    expect(await billsOf(run)).toMatchObject([{ cost: '0.25' }])
    expect(await entriesOf(run)).toEqual([
      ...['step_end 1', 'step_start 1', 'workflow_end 1', 'workflow_start 1'],
    ])
  })

  it('finishes as failed with the message of the error, bills the cost so far and rethrows the error', async () => {
    const thrown = new Error('the model is \0 overloaded')
    const { run, outcome } = await record(async (run) => {
      await run.step(SEARCH, (step) => step.finish({ status: 'success', cost: '0.25' }))
      throw thrown
    })
    expect(outcome).toBe(thrown)
    expect(await runOf(run)).toMatchObject({ status: 'failed', cost: '0.25' })
    expect(await messageOf(run)).toBe('the model is \uFFFD overloaded')
    expect(await billsOf(run)).toMatchObject([{ cost: '0.25' }])
  })

  it('records a throw before the first await, and a thrown value that is no Error', async () => {
    const { run, outcome } = await record(() => {
      throw 'out of luck'
    })
    expect(outcome).toBe('out of luck')
    expect([(await runOf(run))?.status, await messageOf(run)]).toEqual(['failed', 'out of luck'])
  })

  it('an AbortError makes the run cancelled and its step skipped, not failed', async () => {
    const { run, outcome } = await record((run) =>
      run.step(SEARCH, () => {
        throw aborted()
      }),
    )
    expect(outcome).toMatchObject({ name: 'AbortError' })
    expect([(await runOf(run))?.status, await messageOf(run)]).toEqual([
      'cancelled',
      'the user left',
    ])
    expect(await stepOf(run)).toMatchObject({
      status: 'skipped',
      error: 'the user left',
      ended: true,
    })
  })

  it('keeps an end that the function records itself, also if it throws afterwards', async () => {
    for (const throws of [false, true]) {
      const { run } = await record(async (run) => {
        // The function does not wait for it.
        void run.finish({ status: 'partial', errorMessage: 'two of three' })
        if (throws) throw new Error('later')
      })
      expect([(await runOf(run))?.status, await messageOf(run)]).toEqual([
        'partial',
        'two of three',
      ])
    }
    const { run } = await record((run) => run.cancel('not needed'))
    expect((await runOf(run))?.status).toBe('cancelled')
  })

  it('a wrong end in the function fails the run', async () => {
    const { run, outcome } = await record((run) => run.finish({ status: 'done' as 'success' }))
    expect(outcome).toMatchObject({ code: 'usage' })
    expect((await runOf(run))?.status).toBe('failed')
  })

  it('a step whose function throws is failed, and can be retried in the function', async () => {
    const { run, outcome } = await record((run) =>
      run.step(SEARCH, async (step) => {
        await step.finish({ status: 'failed', cost: '0.1', errorMessage: 'rate limit' })
        await step.retry()
        throw new Error('rate limit again')
      }),
    )
    expect(outcome).toMatchObject({ message: 'rate limit again' })
    expect(await stepOf(run)).toMatchObject({
      status: 'failed',
      error: 'rate limit again',
      cost: '0.1',
    })
    expect(await runOf(run)).toMatchObject({ status: 'failed', failed: 1 })
  })

  it('with the id of a run that has finished it calls nothing, changes nothing and is a conflict', async () => {
    const about = { ...OF, executionId: newId() }
    await store.run(about, () => {})
    const before = await everything(about)
    const again = store.run(about, () => expect.fail('the function was called'))
    await expect(again).rejects.toMatchObject({
      code: 'conflict',
      message: `execution ${about.executionId} has already ended: success`,
    })
    expect(await everything(about)).toEqual(before)
  })

  it('with the id of a run that has not finished it continues it; a step that has ended is a conflict', async () => {
    const about = { ...OF, executionId: newId() }
    const search = { ...SEARCH, stepId: newId() }
    const earlier = await store.startExecution(about)
    await (await earlier.startStep(search)).finish({ status: 'success', cost: '0.5' })
    await store.run(about, async (run) => {
      await expect(run.step(search, () => expect.fail('called'))).rejects.toMatchObject({
        code: 'conflict',
      })
      await run.step({ stepNumber: 2, stepName: 'write' }, () => {})
    })
    expect(await runOf(about)).toMatchObject({ status: 'success', cost: '0.5', done: 2 })
  })
})

it('an error of the function reaches the caller, also if its end cannot be recorded', async () => {
  const store = openStore({ databaseUrl: recording.database.url })
  const thrown = new Error('mine')
  const work = async (run: ExecutionRecorder) => {
    await store.executions.delete(run.executionId)
    throw thrown
  }
  await expect(store.run(OF, work)).rejects.toBe(thrown)
  await store.close()
})

describe('a run that ends while a step is running', () => {
  let store: Store
  beforeAll(() => {
    store = openStore({ databaseUrl: recording.database.url })
  })
  afterAll(() => store.close())

  const ends: [string, (run: ExecutionRecorder) => Promise<unknown>][] = [
    ['run.finish', (run) => run.finish({ status: 'success' })],
    ['run.cancel', (run) => run.cancel()],
    ['executions.cancel', (run) => store.executions.cancel([run.executionId])],
    ['executions.failStuck', () => store.executions.failStuck({ olderThanMs: 0 })],
  ]
  it.each(ends)('by %s skips the step, without an end time, which is not known', async (_, end) => {
    const run = await store.startExecution(OF)
    await run.startStep(SEARCH)
    await end(run)
    expect(await stepOf(run)).toEqual({ status: 'skipped', error: null, cost: '0', ended: false })
  })

  it.each(ends)('by %s still counts the step if it ends later, once', async (_, end) => {
    const run = await store.startExecution(OF)
    const step = await run.startStep(SEARCH)
    await end(run)
    for (let time = 1; time <= 2; time++) await step.finish({ status: 'success', cost: '0.5' })
    expect(await stepOf(run)).toEqual({ status: 'success', error: null, cost: '0.5', ended: true })
    expect(await runOf(run)).toMatchObject({ cost: '0.5', done: 1, failed: 0 })
    expect(await billsOf(run)).toMatchObject([{ cost: '0.5' }])
  })

  it('a step that was skipped by its engine does not end a second time', async () => {
    const run = await store.startExecution(OF)
    const step = await run.startStep(SEARCH)
    await step.finish({ status: 'skipped' })
    await run.finish({ status: 'success' })
    await expect(step.finish({ status: 'success', cost: 1 })).rejects.toMatchObject({
      code: 'conflict',
    })
    expect(await stepOf(run)).toMatchObject({ status: 'skipped', ended: true })
  })
})
