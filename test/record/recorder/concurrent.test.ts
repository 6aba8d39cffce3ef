// @module-tag slow
import { afterAll, describe, expect, it } from 'vitest'
import { startExecution } from '../../../src/record/recorder/recorder.ts'
import { createRecording, OF, step } from '../recording.ts'

const recording = await createRecording('concurrent')
const { run, one, runOf, billsOf, entriesOf } = recording

afterAll(() => recording.drop())

describe('many at once', () => {
  it('100 steps that finish over 20 connections add up to the last digit', async () => {
    const execution = await startExecution(run, OF)
    const steps = await Promise.all(
      Array.from({ length: 100 }, (_, place) => step(execution, place)),
    )
    await Promise.all(
      steps.map((one, place) =>
        one.finish({
          status: place % 10 === 0 ? 'failed' : 'success',
          cost: '0.100000000001',
          tokens: { input: 60, output: 40 },
        }),
      ),
    )
    expect(await runOf(execution)).toEqual({
      status: 'running',
      cost: '10.000000000100',
      tokens: 10_000,
      done: 90,
      failed: 10,
    })
    await execution.finish({ status: 'partial' })
    expect(await billsOf(execution)).toMatchObject([
      { cost: '10.000000000100', tokens: 10_000, input: 6000, output: 4000 },
    ])
  })

  it('two processes that finish one run with different content create one bill, and one of them wins', async () => {
    const execution = await startExecution(run, OF)
    await (await step(execution)).finish({ status: 'success', cost: 1 })
    const again = await startExecution(run, { ...OF, executionId: execution.executionId })
    const ends = await Promise.allSettled(
      Array.from({ length: 10 }, (_, place) =>
        place % 2 === 0 ? execution.finish({ status: 'success' }) : again.cancel('too long'),
      ),
    )
    const { status } = (await runOf(execution)) as { status: string }
    expect(ends.map((end) => end.status)).toEqual(
      ends.map((_, place) =>
        (place % 2 === 0) === (status === 'success') ? 'fulfilled' : 'rejected',
      ),
    )
    for (const end of ends) {
      if (end.status === 'rejected') expect(end.reason).toMatchObject({ code: 'conflict' })
    }
    expect(await billsOf(execution)).toHaveLength(1)
    expect(await entriesOf(execution)).toContain('workflow_end 1')
  })

  it('costs of every size are kept to the last digit, and 0.1 ten times is 1', async () => {
    const execution = await startExecution(run, OF)
    const costs = ['123456789012345678.000000000001', 0.1 + 0.2, 1e-12, 10_000.01, '0', 0]
    for (const [place, cost] of [...costs, ...Array(10).fill(0.1)].entries()) {
      await (await step(execution, place)).finish({ status: 'success', cost })
    }
    // 0.1 + 0.2 is 0.30000000000000004 to JavaScript; of a number 12 places count.
    const exact = await one(
      `select (123456789012345678.000000000001 + 0.3 + 0.000000000001 + 10000.01 + 1)::text as cost`,
    )
    expect(await runOf(execution)).toMatchObject({ cost: exact?.cost })
  })
})
