import { afterAll, beforeEach, describe, expect, it } from 'vitest'
import { startExecution } from '../../../src/record/recorder/recorder.ts'
import { citusUrl } from '../../support/citus.ts'
import { OF } from '../recording.ts'
import { createPriced } from './priced.ts'

const priced = await createPriced('price-names')
const { database, run, price, stepsOf } = priced

beforeEach(() => priced.clearPrices())
afterAll(() => priced.drop())

describe('the price', () => {
  const names = async (modelId: string, provider?: string) => {
    const execution = await startExecution(run, { ...OF, modelId })
    const started = await execution.startStep({
      ...{ stepNumber: 1, stepName: 's' },
      ...(provider ? { provider } : {}),
    })
    await started.finish({ status: 'success', tokens: { input: 1_000_000 } })
    return (await stepsOf(execution))[0]?.cost
  }
  const seed = (provider: string, model: string, amount: number) =>
    database.sql(
      `insert into wfstore_prices (provider, model, meter, price, valid_from, source) values ($1, $2, 'input', $3, '1970-01-01Z', 'genai-prices')`,
      [provider, model, amount],
    )

  it.each([
    ['gpt-4o', undefined, '1'],
    ['GPT-4o-2024-11-20', undefined, '1'],
    ['gpt-4o-20241120', undefined, '1'],
    ['gpt-4o-mini-2024-07-18', undefined, '2'],
    ['gpt-4o', 'azure', '1'],
    ['global.anthropic.claude-sonnet-4-6-v1', 'anthropic.vertex', '3'],
    ['gpt-4o', 'somewhere', '0'],
    ['gpt-4oo', undefined, '0'],
    ['llama', undefined, '0'],
  ])('of %s at %s is found by the rules: %s', async (model, provider, cost) => {
    await seed('openai', 'gpt-4o', 1)
    await seed('openai', 'gpt-4o-mini', 2)
    await seed('anthropic', 'claude-sonnet-4-6', 3)
    expect(await names(model, provider)).toBe(cost)
  })

  it('is an own one before an imported one, even if that is newer', async () => {
    await price('gpt-4o input=7')
    await seed('openai', 'gpt-4o', 1)
    expect(await names('gpt-4o-2024-11-20')).toBe('7')
    await price('gpt-4o-2024-11-20 input=6')
    expect(await names('gpt-4o-2024-11-20')).toBe('6')
    await price('gpt-4o-2024-11-20 input=5', { provider: 'Azure' })
    expect(await names('gpt-4o-2024-11-20')).toBe('6')
    expect(await names('gpt-4o-2024-11-20', 'azure')).toBe('5')
  })

  it('is the newest entry of the same time', async () => {
    await price('gpt-4o input=7')
    await price('gpt-4o input=8')
    expect(await names('gpt-4o')).toBe('8')
  })

  it('cannot be changed or deleted', async () => {
    await price('gpt-4o input=7')
    for (const change of [
      'update wfstore_prices set price = 1',
      'delete from wfstore_prices',
      // Citus has no triggers of TRUNCATE.
      ...(citusUrl ? [] : ['truncate wfstore_prices']),
    ])
      await expect(database.sql(change)).rejects.toMatchObject({ code: 'WF005' })
  })
})
