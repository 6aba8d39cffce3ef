import { afterAll, describe, expect, it } from 'vitest'
import type { Run } from '../../../src/queries/executions/executions.ts'
import { startExecution } from '../../../src/record/recorder/recorder.ts'
import { createRecording, OF, step } from '../recording.ts'

const recording = await createRecording('refusals')
const { run } = recording

afterAll(() => recording.drop())

describe('invalid values are refused before anything is sent', () => {
  const nothing: Run = () => {
    throw new Error('something was sent')
  }
  it.each<[string, Record<string, unknown>]>([
    ['workflowName', { workflowName: '' }],
    ['userId', { userId: undefined }],
    ['executionId', { executionId: 'run-1' }],
    ['stepsTotal', { stepsTotal: 1.5 }],
    ['stepsTotal', { stepsTotal: -1 }],
    ['startTime', { startTime: 'yesterday' }],
    ['startTime', { startTime: '2026-01-01 10:00' }],
    ['startTime is Invalid Date', { startTime: new Date(Number.NaN) }],
    ['startTime', { startTime: new Date(8.64e15) }],
    ['startTime', { startTime: 'infinity' }],
    ['startTime', { startTime: '-infinity' }],
    ['metadata', { metadata: () => 1 }],
    ['mode', { mode: 'a\0b' }],
    ['metadata', { metadata: { a: 1, '\0': 2 } }],
    ...['text', [1], 7, true, null, new Date(0)].map(
      (metadata): [string, { metadata: unknown }] => ['metadata is ', { metadata }],
    ),
  ])('startExecution: %s %j', async (name, options) => {
    await expect(startExecution(nothing, { ...OF, ...options })).rejects.toMatchObject({
      code: 'usage',
      message: expect.stringContaining(name),
    })
  })

  it.each<[string, Record<string, unknown>]>([
    ['status', { status: 'done' }],
    ['cost', { cost: Number.NaN }],
    ['cost', { cost: Number.POSITIVE_INFINITY }],
    ['cost', { cost: -0.01 }],
    ['cost', { cost: '-1' }],
    ['cost', { cost: '1e5' }],
    ['cost', { cost: 'NaN' }],
    ['tokens.input', { tokens: { input: -1 } }],
    ['tokens.output', { tokens: { output: 0.5 } }],
    [
      'tokens.cacheRead is 9007199254740992, not a number below 2^53',
      { tokens: { cacheRead: 2 ** 53 } },
    ],
    ['tokens', { tokens: { input: 2 ** 53 - 1, output: 1 } }],
    ['cached', { tokens: { cached: 1 } }],
    ['endTime', { endTime: '2020-01-01T00:00:00Z' }],
    ['endTime', { endTime: new Date(Number.NaN) }],
  ])('finish: %s %j', async (name, options) => {
    const execution = await startExecution(run, OF)
    const only = await step(execution)
    recording.sent = 0
    await expect(only.finish({ status: 'success', ...options } as never)).rejects.toMatchObject({
      code: 'usage',
      message: expect.stringContaining(name),
    })
    expect(recording.sent).toBe(0)
  })

  it('an end before the start, and a status that is not final', async () => {
    const execution = await startExecution(run, OF)
    recording.sent = 0
    for (const end of [
      { status: 'success', endTime: '2020-01-01T00:00:00Z' },
      { status: 'running' },
    ]) {
      await expect(execution.finish(end as never)).rejects.toMatchObject({ code: 'usage' })
    }
    expect(recording.sent).toBe(0)
  })
})
