import { afterAll, describe, expect, it } from 'vitest'
import { startExecution } from '../../../src/record/recorder/recorder.ts'
import { uuidv7 } from '../../../src/uuid.ts'
import { createRecording, OF, step } from '../recording.ts'

const recording = await createRecording('recorder')
const { database, run, one, runOf, billsOf, entriesOf, everything } = recording

afterAll(() => recording.drop())

describe('a run from its start to its end', () => {
  it('is a row, its audit entries and its totals, with one round trip for each call', async () => {
    recording.sent = 0
    const execution = await startExecution(run, { ...OF, stepsTotal: 2, metadata: { a: [1] } })
    const first = await step(execution)
    await first.toolCall({ toolName: 'SEARCH', input: { q: 'x' }, output: { rows: 3 } })
    await first.decision({ details: 'go on', metadata: { reasoning: 'because' } })
    await first.finish({
      status: 'success',
      tokens: { input: 60, output: 40, cacheRead: 0 },
      cost: '0.0123',
      result: { n: 1 },
    })
    const second = await step(execution, 2)
    await second.finish({ status: 'failed', cost: 0.1, errorMessage: 'no route' })
    expect(await execution.heartbeat()).toBe(true)
    await execution.finish({ status: 'partial', errorMessage: 'half of it' })
    expect(recording.sent).toBe(9)
    expect(await runOf(execution)).toEqual({
      status: 'partial',
      cost: '0.1123',
      tokens: 100,
      done: 1,
      failed: 1,
    })
    const [bill, ...others] = await billsOf(execution)
    expect(others).toEqual([])
    expect(bill).toMatchObject({
      cost: '0.1123',
      tokens: 100,
      input: 60,
      output: 40,
      cache_read: 0,
      paid: false,
      user_id: 'user_1',
      model_id: 'gpt-4o',
    })
    expect(await entriesOf(execution)).toEqual([
      'ai_decision 1',
      'step_end 2',
      'step_start 2',
      'tool_call 1',
      'workflow_end 1',
      'workflow_start 1',
    ])
    expect(await execution.heartbeat()).toBe(false)
  })

  it('a token class that was not reported is NULL, and a reported total is kept', async () => {
    const execution = await startExecution(run, OF)
    const only = await step(execution)
    await only.finish({ status: 'success', tokens: { input: 7, reasoning: 3, total: 8 } })
    const row = await one(
      `select tokens_used::int as used, tokens_input::int as input, tokens_output as output, tokens_reasoning::int as reasoning
       from workflow_steps where step_id = $1`,
      only.stepId,
    )
    expect(row).toEqual({ used: 8, input: 7, output: null, reasoning: 3 })
    expect(await runOf(execution)).toMatchObject({ tokens: 8 })
  })

  it('a bill belongs to the UTC month in which the run ended, and a cancelled run is billed at its cost', async () => {
    const execution = await startExecution(run, OF)
    await (await step(execution)).finish({ status: 'success', cost: '12345.000000000001' })
    await execution.cancel('by hand')
    const [bill] = await billsOf(execution)
    const month = await one("select to_char(now() at time zone 'UTC', 'YYYY-MM') as now")
    expect(bill).toMatchObject({ cost: '12345.000000000001', billing_period: month?.now })
    expect(await runOf(execution)).toMatchObject({ status: 'cancelled' })
  })
})

describe('attempts', () => {
  it('the costs of both attempts add up, and the failure of the first is cleared', async () => {
    const execution = await startExecution(run, OF)
    const only = await step(execution)
    await only.finish({ status: 'failed', cost: '0.2', tokens: { input: 5 }, errorMessage: 'x' })
    expect(await runOf(execution)).toMatchObject({ failed: 1, done: 0 })
    await only.retry()
    expect(await runOf(execution)).toMatchObject({ failed: 0, done: 0, cost: '0.2' })
    await only.finish({ status: 'success', cost: '0.3', tokens: { input: 7, output: 1 } })
    expect(await runOf(execution)).toMatchObject({ failed: 0, done: 1, cost: '0.5', tokens: 13 })
    expect(
      await one(
        'select retry_count, status, error_message, cost::text, tokens_input::int as input from workflow_steps where step_id = $1',
        only.stepId,
      ),
    ).toEqual({ retry_count: 1, status: 'success', error_message: null, cost: '0.5', input: 12 })
    expect(await entriesOf(execution)).toContain('step_retry 1')
    expect(await entriesOf(execution)).toContain('step_end 2')
  })

  it('the cost of an abandoned attempt is recorded with the retry', async () => {
    const execution = await startExecution(run, OF)
    const only = await step(execution)
    await only.retry({ cost: '1', tokens: { output: 2 }, errorMessage: 'timeout' })
    await only.finish({ status: 'success', cost: '1', tokens: { output: 2 } })
    expect(await runOf(execution)).toMatchObject({ cost: '2', tokens: 4, done: 1, failed: 0 })
  })

  it('a later process continues a step in its current state', async () => {
    const execution = await startExecution(run, OF)
    const stepId = uuidv7(Date.now())
    const first = await execution.startStep({ stepNumber: 1, stepName: 'a', stepId })
    await first.retry()
    const again = await startExecution(run, { ...OF, executionId: execution.executionId })
    const second = await again.startStep({ stepNumber: 1, stepName: 'a', stepId })
    expect(second.attempt).toBe(1)
    await second.finish({ status: 'success', cost: 1 })
    // The handle of the first is of the same attempt, and says the same.
    await first.finish({ status: 'success', cost: 1 })
    expect(await runOf(execution)).toMatchObject({ cost: '1', done: 1 })
  })
})

describe('a repeat', () => {
  it('of any call at any point changes nothing', async () => {
    const executionId = uuidv7(Date.now())
    const [stepId, logId] = [uuidv7(Date.now()), uuidv7(Date.now())]
    const start = () =>
      startExecution(run, { ...OF, executionId, stepsTotal: 1, metadata: { b: 1, a: 2 } })
    const begin = async () =>
      (await start()).startStep({ stepNumber: 1, stepName: 's', stepId, toolParameters: { z: 1 } })
    const first = await begin()
    const calls = [
      start,
      begin,
      () => first.toolCall({ toolName: 'T', input: { q: 1 }, cost: '0.10', logId }),
      () =>
        first.finish({ status: 'failed', cost: '0.10', tokens: { input: 1 }, errorMessage: 'e' }),
    ]
    for (const call of calls) await call()
    const failed = await everything({ executionId })
    for (const call of [...calls, ...calls]) await call()
    expect(await everything({ executionId })).toEqual(failed)

    await first.retry()
    const retried = await everything({ executionId })
    const late = await begin()
    expect(late.attempt).toBe(1)
    expect(await everything({ executionId })).toEqual(retried)
    await late.finish({ status: 'success', cost: 0.1, result: { b: 1, a: 1 } })
    await (await start()).finish({ status: 'success' })
    const done = await everything({ executionId })
    await late.finish({ status: 'success', cost: '0.1', result: { a: 1, b: 1 } })
    await (await start()).finish({ status: 'success' })
    await first.toolCall({ toolName: 'T', input: { q: 1 }, cost: 0.1, logId })
    expect(await everything({ executionId })).toEqual(done)
  })

  it('with other content is an error that names the difference, and changes nothing', async () => {
    const execution = await startExecution(run, { ...OF, metadata: { a: 1 } })
    const { executionId } = execution
    const first = await step(execution)
    const logId = await first.toolCall({ toolName: 'T', cost: 1 })
    await first.finish({ status: 'success', cost: '0.5', tokens: { input: 3 }, result: { a: 1 } })
    const before = await everything(execution)
    const { stepId } = first
    const refused = async (call: () => Promise<unknown>, ...parts: string[]) => {
      const error = await call().then(
        () => new Error('it was taken'),
        (thrown) => thrown,
      )
      expect(error).toMatchObject({ code: 'conflict' })
      for (const part of parts) expect(error.message).toContain(part)
    }
    await refused(
      () => startExecution(run, { ...OF, executionId, userId: 'user_2' }),
      'userId "user_1", not "user_2"',
    )
    await refused(
      () => startExecution(run, { ...OF, executionId, metadata: { a: 2 } }),
      'metadata ',
    )
    await refused(
      () => execution.startStep({ stepNumber: 2, stepName: 'step 1', stepId }),
      'stepNumber "1", not "2"',
    )
    await refused(() => first.toolCall({ toolName: 'T', cost: 2, logId }), 'cost "1", not "2"')
    await refused(
      () =>
        first.finish({ status: 'failed', cost: '0.6', tokens: { output: 4 }, result: { a: 2 } }),
      'status "success", not "failed"',
      'cost "0.5", not "0.6"',
      'tokens "3", not "4"',
      'tokens by class ',
      'result ',
    )
    expect(await everything(execution)).toEqual(before)
    await execution.finish({ status: 'success' })
    const ended = await everything(execution)
    await refused(() => execution.finish({ status: 'failed' }), 'status "success", not "failed"')
    await refused(() => execution.cancel(), 'status "success", not "cancelled"')
    await refused(() => step(execution, 9), 'has finished: success')
    await refused(() => first.retry(), 'is already success')
    expect(await everything(execution)).toEqual(ended)
  })

  it('of an unknown object is not_found', async () => {
    const execution = await startExecution(run, OF)
    const first = await step(execution)
    await database.sql('delete from workflow_executions where execution_id = $1', [
      execution.executionId,
    ])
    for (const call of [
      () => step(execution, 2),
      () => first.finish({ status: 'success' }),
      () => first.retry(),
      () => first.decision({ details: 'd' }),
      () => execution.finish({ status: 'success' }),
    ]) {
      await expect(call()).rejects.toMatchObject({ code: 'not_found' })
    }
  })
})
