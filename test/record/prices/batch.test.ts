import { afterAll, beforeEach, describe, expect, it } from 'vitest'
import { openBatch } from '../../../src/record/batch/batch.ts'
import type { BatchStep } from '../../../src/record/batch/rows.ts'
import { startExecution } from '../../../src/record/recorder/recorder.ts'
import { OF } from '../recording.ts'
import { createPriced } from './priced.ts'

const priced = await createPriced('batch-prices')
const { run, price, stepsOf, linesOf, sumsOf } = priced

beforeEach(() => priced.clearPrices())
afterAll(() => priced.drop())

describe('a batch', () => {
  it('prices its steps as the recorder does, also those that come after the bill', async () => {
    await price('gpt-4o input=1 output=2')
    await price('haiku input=0.5')
    const execution = await startExecution(run, OF)
    const batch = openBatch(run)
    const add = (stepNumber: number, values: Partial<BatchStep>) =>
      batch.step({
        ...{
          executionId: execution.executionId,
          stepNumber,
          stepName: 's',
          status: 'success' as const,
        },
        ...values,
      })
    const first = [
      add(1, { tokens: { input: 10, output: 1 } }),
      add(2, { tokens: { input: 10 }, modelId: 'haiku' }),
      add(3, { tokens: { cacheRead: 7 } }),
      add(4, { tokens: { input: 1 }, cost: '0.25' }),
      add(5, {}),
    ]
    await batch.flush()
    await Promise.all(first)
    await execution.finish({ status: 'success' })
    const late = [add(6, { tokens: { input: 5 } }), add(7, { tokens: { input: 5 } })]
    await batch.flush()
    await Promise.all(late)
    await batch.close()
    expect((await stepsOf(execution)).map(({ cost, source }) => [cost, source])).toEqual([
      ['0.000012', 'priced'],
      ['0.000005', 'priced'],
      ['0', 'unpriced'],
      ['0.25', 'given'],
      ['0', null],
      ['0.000005', 'priced'],
      ['0.000005', 'priced'],
    ])
    expect(await linesOf(execution)).toEqual([
      'gpt-4o input 1 = 0 given',
      'gpt-4o given = 0.25 given',
      'gpt-4o input 20 x 1 = 0.00002 priced',
      'gpt-4o output 1 x 2 = 0.000002 priced',
      'gpt-4o cache_read 7 = 0 unpriced',
      'haiku input 10 x 0.5 = 0.000005 priced',
    ])
    const { run: sum, ...others } = await sumsOf(execution)
    expect(others).toEqual({ steps: sum, bills: sum, lines: sum })
  })
  it('prices one model by the provider of each step', async () => {
    await price('gpt-4o input=1')
    await price('gpt-4o input=3', { provider: 'azure' })
    const execution = await startExecution(run, OF)
    const batch = openBatch(run)
    const given = ['azure', 'openai', undefined, 'azure'].map((provider, place) =>
      batch.step({
        ...{ executionId: execution.executionId, stepNumber: place + 1, stepName: 's' },
        ...{ status: 'success', tokens: { input: 1_000_000 }, provider },
      }),
    )
    await batch.close()
    await Promise.all(given)
    expect((await stepsOf(execution)).map(({ cost }) => cost)).toEqual(['3', '1', '1', '3'])
  })
})
