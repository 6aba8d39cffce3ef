import { afterAll, beforeEach, describe, expect, it } from 'vitest'
import { checkPrices, type PriceFinding } from '../../../src/queries/prices/check.ts'
import { createUsed } from './used.ts'

const store = await createUsed('price-check')
const { database, run, price, used } = store
const check = (since?: string) => checkPrices(run, { since })
/** The values that are not null, without the time of the last use. */
const brief = ({ lastUsed: _, ...finding }: PriceFinding) =>
  Object.fromEntries(Object.entries(finding).filter(([, value]) => value !== null))
const unpriced = (...meters: string[]) => ({
  source: 'unpriced' as const,
  lines: meters.map((meter) => ({ meter, quantity: 1, attempt: 0 })),
})
const days = (count: number) => new Date(Date.now() - count * 86_400_000).toISOString()

beforeEach(async () => {
  await store.clearPrices()
  await store.clearSteps()
  await database.sql('delete from wfstore_settings')
})
afterAll(() => store.drop())

describe('a model without a price', () => {
  it('names the meters that have none, for all steps of a provider and model', async () => {
    await price('gpt-4o input=1 output=2')
    await used({ tokens: { input: 1, cache_read: 1 }, ...unpriced('input', 'cache_read') })
    await used({ tokens: { input: 1, cache_write: 3 }, ...unpriced('input', 'cache_write') })
    await used({
      ...{ model: 'haiku', provider: 'anthropic', tokens: { input: 9 } },
      ...unpriced('input'),
    })
    await used({ model: 'haiku', tokens: { output: 7 }, ...unpriced('output') })
    expect((await check()).map(brief)).toEqual([
      {
        finding: 'no_price',
        ...{ modelId: 'haiku', provider: 'anthropic', steps: 1, tokens: 9, lacks: ['input'] },
      },
      { finding: 'no_price', modelId: 'haiku', steps: 1, tokens: 7, lacks: ['output'] },
      {
        finding: 'no_price',
        ...{ modelId: 'gpt-4o', steps: 2, tokens: 6, lacks: ['cache_read', 'cache_write'] },
      },
    ])
  })

  it('has tokens without a class, or no tokens, also if all meters have a price', async () => {
    await price('gpt-4o input=1 output=2')
    await used({ total: 10, ...unpriced('tokens') })
    await used({ model: 'mini', ...unpriced('request') })
    expect((await check()).map(brief)).toMatchObject([
      { modelId: 'gpt-4o', tokens: 10, lacks: ['tokens'] },
      { modelId: 'mini', tokens: 0, lacks: ['request'] },
    ])
  })

  it('has a price that was added later, of the time of the steps and not of now', async () => {
    await used({ tokens: { input: 5 }, days: 3, ...unpriced('input') })
    await price('gpt-4o input=1', { valid_from: days(2) })
    expect((await check()).map(brief)).toMatchObject([{ lacks: ['input'] }])
    await price('gpt-4o input=1', { valid_from: days(4) })
    expect((await check()).map(brief)).toMatchObject([{ finding: 'no_price', lacks: [] }])
  })

  it('is of runs that started since then, 30 days ago if no time is given', async () => {
    await used({ tokens: { input: 5 }, days: 31, ...unpriced('input') })
    expect(await check()).toEqual([])
    expect(await check(days(32))).toHaveLength(1)
  })
})

describe('an old price', () => {
  const given = { cost: 0.000001, tokens: { input: 1 } }
  it('of your own was added more than 90 days ago', async () => {
    await used(given)
    await price('gpt-4o input=1', { created_at: days(91), valid_from: days(365) })
    await price('unused input=1', { created_at: days(91) })
    expect((await check()).map(brief)).toMatchObject([
      { finding: 'old_price', modelId: 'gpt-4o', source: 'own', steps: 1, tokens: 1 },
    ])
    await price('gpt-4o input=1', { created_at: days(89), valid_from: days(300) })
    expect(await check()).toEqual([])
  })

  it('does not count if the model does not use its meter, or if it is not in force', async () => {
    await used(given)
    await price('gpt-4o output=1', { created_at: days(91), valid_from: days(365) })
    await price('gpt-4o input=1', { created_at: days(91), valid_from: days(365) })
    await price('gpt-4o input=1', { created_at: days(1), valid_from: days(200) })
    expect(await check()).toEqual([])
  })

  it('of an import is as old as the last import', async () => {
    await used(given)
    const list = { source: 'genai-prices', provider: 'openai' }
    await price('gpt-4o input=1', { ...list, created_at: days(200) })
    const imported = (time: string) =>
      database.sql(
        `insert into wfstore_settings (time_zone, prices_imported_at) values ('UTC', $1)
         on conflict (only_row) do update set prices_imported_at = excluded.prices_imported_at`,
        [time],
      )
    await imported(days(91))
    const [finding] = await check()
    expect(finding).toMatchObject({ finding: 'old_price', source: 'genai-prices' })
    expect(finding?.priceTime?.slice(0, 10)).toBe(days(91).slice(0, 10))
    await imported(days(89))
    expect(await check()).toEqual([])
  })
})

describe('given costs that differ from the price book', () => {
  it('are added by model, each step at the price of its time and its context', async () => {
    await price('gpt-4o input=1 cache_read=0', { valid_from: days(20) })
    await price('gpt-4o input=2', { valid_from: days(10) })
    await price('gpt-4o input=4', { valid_from: days(10), context_over: 100 })
    await used({ tokens: { input: 100 }, days: 15, cost: 0.0001 })
    await used({ tokens: { input: 100 }, days: 5, cost: 0.0002 })
    await used({ tokens: { input: 100, cache_read: 1 }, days: 5, cost: 0.0005, source: null })
    expect((await check()).map(brief)).toEqual([
      {
        ...{ finding: 'differs', modelId: 'gpt-4o', steps: 3, tokens: 301 },
        ...{ givenCost: '0.0008', bookCost: '0.0007', difference: '0.0001' },
      },
    ])
  })

  it('differ by more than 5 %, in both directions', async () => {
    await price('gpt-4o input=1')
    for (const [model, cost] of Object.entries({ a: 1.05, b: 1.06, c: 0.95, d: 0.94, e: 0 })) {
      await price(`${model} input=1`)
      await used({ model, tokens: { input: 1_000_000 }, cost })
    }
    expect((await check()).map(({ modelId }) => modelId)).toEqual(['b', 'd', 'e'])
  })

  it('are not compared without classes, without a price of each class, or if wfstore priced them', async () => {
    await price('gpt-4o input=1 output=1')
    await used({ total: 100, tokens: { input: 10 }, cost: 5 })
    await used({ tokens: { input: 10, cache_read: 1 }, cost: 5 })
    await used({ total: 100, cost: 5 })
    await used({ cost: 5 })
    const lines = [{ meter: 'input', quantity: 10, unitPrice: '9', cost: '5' }]
    await used({ tokens: { input: 10 }, cost: 5, source: 'priced', lines })
    expect(await check()).toEqual([])
  })

  it('include the price of a request', async () => {
    await price('gpt-4o input=1 request=0.5')
    for (let count = 0; count < 3; count++) await used({ tokens: { input: 1_000_000 }, cost: 1.5 })
    expect(await check()).toEqual([])
    await used({ tokens: { input: 1_000_000 }, cost: 3 })
    expect((await check()).map(brief)).toMatchObject([{ givenCost: '7.5', bookCost: '6' }])
  })
})
