import { afterAll, beforeEach, describe, expect, it } from 'vitest'
import { type SimulateOptions, simulatePrices } from '../../../src/queries/prices/simulate.ts'
import { createUsed } from './used.ts'

const store = await createUsed('price-simulate')
const { run, price, used } = store
const simulate = (models: SimulateOptions['models'], more: Partial<SimulateOptions> = {}) =>
  simulatePrices(run, { models, ...more })
const days = (count: number) => new Date(Date.now() - count * 86_400_000).toISOString()
const nothing = { noCost: 0, noClasses: 0, noPrice: 0, notCompared: 0, notComparedCost: '0' }

beforeEach(async () => {
  await store.clearPrices()
  await store.clearSteps()
})
afterAll(() => store.drop())

describe('the cost with another model', () => {
  it('has the prices at the end of each step, with all digits', async () => {
    await price('cheap input=0.333333333333 output=0.1', { valid_from: days(20) })
    await price('cheap input=0.2', { valid_from: days(10) })
    await used({ tokens: { input: 1_000_000, output: 10 }, days: 15, cost: 2 })
    await used({ tokens: { input: 3_000_000 }, days: 5, cost: 6 })
    const sum = {
      ...{ steps: 2, tokens: 4_000_010, cost: '8', otherCost: '0.933334333333' },
      ...{ difference: '-7.066665666667', change: -0.883333, ...nothing },
    }
    expect(await simulate({ 'gpt-4o': 'cheap' })).toEqual({
      models: [{ modelId: 'gpt-4o', otherModel: 'cheap', ...sum }],
      total: sum,
    })
  })

  it('is of the steps with the model, by the step or by its run, and of the context tier', async () => {
    await price('cheap input=1')
    await price('cheap input=5', { context_over: 10 })
    await used({ tokens: { input: 10 }, cost: 1 })
    await used({
      runModel: 'other',
      model: 'gpt-4o',
      tokens: { input: 11 },
      cost: 1,
    })
    await used({ model: 'other', tokens: { input: 10 }, cost: 1 })
    expect((await simulate({ 'gpt-4o': 'cheap' })).total).toMatchObject({
      ...{ steps: 2, cost: '2', otherCost: '0.000065' },
    })
  })

  it('of several models has a row for each, also without steps, and their total', async () => {
    await price('cheap input=1')
    await used({ tokens: { input: 1_000_000 }, cost: 2 })
    await used({ model: 'b', tokens: { input: 1_000_000 }, cost: 4 })
    const { models, total } = await simulate({ b: 'cheap', unused: 'cheap', 'gpt-4o': 'cheap' })
    expect(models.map(({ modelId, cost, change }) => [modelId, cost, change])).toEqual([
      ['b', '4', -0.75],
      ['unused', '0', null],
      ['gpt-4o', '2', -0.5],
    ])
    expect(total).toMatchObject({ steps: 2, cost: '6', otherCost: '2', difference: '-4' })
  })

  it('is of runs that started in the period', async () => {
    await price('cheap input=1')
    for (const age of [1, 5, 9]) await used({ tokens: { input: 1 }, days: age, cost: age })
    const { total } = await simulate({ 'gpt-4o': 'cheap' }, { since: days(8), until: days(2) })
    expect(total.cost).toBe('5')
  })
})

describe('the other model', () => {
  it('is found by its name at any provider, and not at the provider of the steps', async () => {
    await price('claude-sonnet-4-6 input=1', { provider: 'anthropic', source: 'genai-prices' })
    await used({ provider: 'azure', tokens: { input: 1_000_000 }, cost: 1 })
    expect((await simulate({ 'gpt-4o': 'claude-sonnet-4-6' })).total).toMatchObject({
      ...{ steps: 1, otherCost: '1' },
    })
  })

  it('may begin with a provider of the price book', async () => {
    await price('m input=1', { provider: 'Acme' })
    await price('m input=2')
    await price('any/m input=3')
    await price('claude-sonnet-4-6 input=4', { provider: 'anthropic', source: 'genai-prices' })
    await used({ tokens: { input: 1_000_000 }, cost: 1 })
    const other = async (name: string) => (await simulate({ 'gpt-4o': name })).total.otherCost
    expect(await other('acme/m')).toBe('1')
    expect(await other('m')).toBe('2')
    expect(await other('any/m')).toBe('3')
    expect(await other('anthropic/claude-sonnet-4-6')).toBe('4')
  })
})

it('a step that cannot be compared is counted with its reason, and its cost is kept apart', async () => {
  await price('cheap input=1', { valid_from: days(10) })
  await used({ tokens: { input: 1_000_000 }, cost: 1 })
  await used({ tokens: { input: 1 }, source: 'unpriced', lines: [] })
  await used({ tokens: { input: 1 }, total: 2, cost: 2 })
  await used({ cost: 3 })
  await used({ tokens: { input: 1 }, days: 11, cost: 4 })
  await used({ tokens: { output: 1 }, cost: 5 })
  await used({ source: null })
  expect((await simulate({ 'gpt-4o': 'cheap' })).models).toMatchObject([
    {
      ...{ steps: 1, tokens: 1_000_000, cost: '1', otherCost: '1', difference: '0', change: 0 },
      ...{ noCost: 1, noClasses: 2, noPrice: 2, notCompared: 5, notComparedCost: '14' },
    },
  ])
})

it.each([
  [{}, 'models is empty'],
  [{ a: '' }, 'other model is missing'],
])('refuses %j', async (models, message) => {
  await expect(simulate(models)).rejects.toMatchObject({
    code: 'usage',
    message: expect.stringContaining(message),
  })
})
