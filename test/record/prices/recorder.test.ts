import { afterAll, beforeEach, describe, expect, it } from 'vitest'
import { startExecution } from '../../../src/record/recorder/recorder.ts'
import type { Attempt } from '../../../src/record/recorder/steps.ts'
import { OF, step } from '../recording.ts'
import { createPriced } from './priced.ts'

const priced = await createPriced('recorder-prices')
const { run, price, stepsOf, linesOf, sumsOf } = priced

beforeEach(() => priced.clearPrices())
afterAll(() => priced.drop())

/** A run with one finished step, finished itself. */
const recorded = async (end: Attempt, status: 'success' | 'failed' = 'success') => {
  const execution = await startExecution(run, OF)
  await (await step(execution)).finish({ status, ...end })
  await execution.finish({ status: 'success' })
  return execution
}

describe('a step that ends without a cost', () => {
  it('costs each class of its tokens at its price, to the last digit, in one round trip', async () => {
    await price('gpt-4o input=2.5 output=10 cache_read=1.25 cache_write=3.125 reasoning=12')
    const execution = await startExecution(run, OF)
    const started = await step(execution)
    const before = priced.sent()
    await started.finish({
      status: 'success',
      tokens: { input: 1_234_567, output: 7, cacheRead: 3, cacheWrite: 1, reasoning: 2 },
    })
    expect(priced.sent() - before).toBe(1)
    await execution.finish({ status: 'success' })
    expect(await linesOf(execution)).toEqual([
      'gpt-4o input 1234567 x 2.5 = 3.0864175 priced',
      'gpt-4o output 7 x 10 = 0.00007 priced',
      'gpt-4o cache_read 3 x 1.25 = 0.00000375 priced',
      'gpt-4o cache_write 1 x 3.125 = 0.000003125 priced',
      'gpt-4o reasoning 2 x 12 = 0.000024 priced',
    ])
    const sum = '3.086518375'
    expect(await sumsOf(execution)).toEqual({ run: sum, steps: sum, bills: sum, lines: sum })
  })

  it('has the price of the time at which it ended, also where the price changed at that instant', async () => {
    await price('gpt-4o input=1')
    await price('gpt-4o input=2')
    await price('gpt-4o input=3', { valid_from: '2026-05-01T12:00:00Z' })
    const at = async (endTime: string) => {
      const execution = await startExecution(run, { ...OF, startTime: '2026-05-01T00:00:00Z' })
      const started = await execution.startStep({
        ...{ stepNumber: 1, stepName: 's', startTime: '2026-05-01T00:00:00Z' },
      })
      await started.finish({ status: 'success', tokens: { input: 1_000_000 }, endTime })
      return (await stepsOf(execution))[0]?.cost
    }
    expect(await at('2026-05-01T11:59:59.999999Z')).toBe('2')
    expect(await at('2026-05-01T12:00:00Z')).toBe('3')
  })

  it('without a price is unpriced, costs nothing yet, and its tokens are on the bill', async () => {
    const execution = await recorded({ tokens: { input: 5, output: 2 } })
    expect(await stepsOf(execution)).toEqual([
      {
        cost: '0',
        source: 'unpriced',
        lines: [
          { meter: 'input', quantity: 5, attempt: 0 },
          { meter: 'output', quantity: 2, attempt: 0 },
        ],
      },
    ])
    expect(await linesOf(execution)).toEqual([
      'gpt-4o input 5 = 0 unpriced',
      'gpt-4o output 2 = 0 unpriced',
    ])
  })

  it.each([
    ['a class', 'input=1 output=1', { input: 5, cacheRead: 2 }],
    ['tokens without a class', 'input=1 output=1', { input: 5, total: 8 }],
  ])('is unpriced as a whole if %s has no price', async (_, rates, tokens) => {
    await price(`gpt-4o ${rates}`)
    expect(await stepsOf(await recorded({ tokens }))).toMatchObject([
      { cost: '0', source: 'unpriced' },
    ])
  })

  it('pays for reasoning as for output, if reasoning has no price of its own', async () => {
    await price('gpt-4o input=1 output=8')
    expect(await linesOf(await recorded({ tokens: { output: 1, reasoning: 1_000_000 } }))).toEqual([
      'gpt-4o output 1 x 8 = 0.000008 priced',
      'gpt-4o reasoning 1000000 x 8 = 8 priced',
    ])
  })

  it('pays the price of its context, with cached tokens, for all of its tokens', async () => {
    await price('gpt-4o input=1 output=2 cache_read=0.5')
    await price('gpt-4o input=10 output=20 cache_read=5', { context_over: 200_000 })
    expect(
      await linesOf(await recorded({ tokens: { input: 100_000, cacheRead: 100_000, output: 1 } })),
    ).toEqual([
      'gpt-4o input 100000 x 1 = 0.1 priced',
      'gpt-4o output 1 x 2 = 0.000002 priced',
      'gpt-4o cache_read 100000 x 0.5 = 0.05 priced',
    ])
    expect(
      await linesOf(await recorded({ tokens: { input: 100_000, cacheRead: 100_001, output: 1 } })),
    ).toEqual([
      'gpt-4o input 100000 x 10 = 1 priced',
      'gpt-4o output 1 x 20 = 0.00002 priced',
      'gpt-4o cache_read 100001 x 5 = 0.500005 priced',
    ])
  })

  it('pays for the request too, if the model has a price for it', async () => {
    await price('gpt-4o input=1 request=0.005')
    expect(await linesOf(await recorded({ tokens: { input: 1_000_000 } }))).toEqual([
      'gpt-4o input 1000000 x 1 = 1 priced',
      'gpt-4o request 1 x 0.005 = 0.005 priced',
    ])
  })

  it('is no call of a model without tokens, but it is one if it names its model and succeeds', async () => {
    await price('gpt-4o input=1')
    expect(await stepsOf(await recorded({}))).toEqual([{ cost: '0', source: null, lines: null }])
    expect(await stepsOf(await recorded({ modelId: 'gpt-4o' }))).toMatchObject([
      { source: 'unpriced' },
    ])
    expect(await stepsOf(await recorded({ modelId: 'gpt-4o' }, 'failed'))).toMatchObject([
      { source: null },
    ])
  })
})

describe('a given cost', () => {
  it('stays as it is, and its tokens are on the bill by class', async () => {
    await price('gpt-4o input=1 output=1')
    const execution = await recorded({ cost: '0.1', tokens: { input: 5, output: 2, total: 9 } })
    expect(await stepsOf(execution)).toEqual([{ cost: '0.1', source: 'given', lines: null }])
    expect(await linesOf(execution)).toEqual([
      'gpt-4o input 5 = 0 given',
      'gpt-4o output 2 = 0 given',
      'gpt-4o tokens 2 = 0 given',
      'gpt-4o given = 0.1 given',
    ])
  })

  it('of 0 is a cost: the step is not priced', async () => {
    await price('gpt-4o input=1')
    expect(await stepsOf(await recorded({ cost: 0, tokens: { input: 5 } }))).toMatchObject([
      { cost: '0', source: 'given' },
    ])
  })
})
