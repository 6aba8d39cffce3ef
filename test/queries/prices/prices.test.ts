import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { openStore, type Store } from '../../../src/index.ts'
import type { TestDatabase } from '../../support/database.ts'
import { createMigrated } from '../../support/migrated.ts'
import { removePrices, short } from './support.ts'

let database: TestDatabase
let store: Store
beforeAll(async () => {
  database = await createMigrated('prices')
  store = openStore({ databaseUrl: database.url })
})
afterAll(async () => {
  await store.close()
  await database.drop()
})
const remove = () => removePrices(database)

describe('own prices', () => {
  afterEach(remove)

  it('are exact, and a repeat changes nothing', async () => {
    const price = {
      model: 'gpt-5',
      provider: 'openai',
      from: '2026-01-01T00:00:00Z',
      input: '2.500000000000000000000000000001',
      cacheRead: 0.1,
    }
    expect(await store.prices.set(price)).toEqual({
      outcome: 'added',
      source: 'own',
      model: 'gpt-5',
      provider: 'openai',
      from: '2026-01-01T00:00:00.000000Z',
      isPast: true,
    })
    expect((await store.prices.set(price)).outcome).toBe('already')
    expect((await store.prices.set({ ...price, model: 'GPT-5' })).outcome).toBe('already')
    const [listed, ...others] = await store.prices.list()
    expect(others).toEqual([])
    expect(listed).toMatchObject({
      input: '2.500000000000000000000000000001',
      cacheRead: '0.1',
      output: null,
      author: new URL(database.url).username,
    })
  })

  it('a price is in force from its time until the next begins, the one that was added last first', async () => {
    const set = (from: string, input: string) => store.prices.set({ model: 'm', from, input })
    await set('2026-03-01T00:00:00Z', '3')
    await set('2026-01-01T00:00:00Z', '1')
    await set('2026-03-01T00:00:00Z', '4')
    const at = async (time: string) => (await store.prices.list({ at: time })).map(short)
    expect(await at('2025-12-31T23:59:59.999999Z')).toEqual([])
    expect(await at('2026-02-28T23:59:59.999999Z')).toEqual([
      [null, 'm', 0, 'own', '2026-01-01', '1', null, null],
    ])
    expect(await at('2026-03-01T00:00:00Z')).toEqual([
      [null, 'm', 0, 'own', '2026-03-01', '4', null, null],
    ])
    expect((await store.prices.list({ all: true })).map(({ input }) => input)).toEqual([
      '4',
      '3',
      '1',
    ])
  })

  it('a tier keeps the tiers of its meter; a price without one replaces all of them', async () => {
    const tier = { model: 'm', contextOver: 200_000, input: '5' }
    await expect(store.prices.set(tier)).rejects.toThrow(
      'the input price of m is only for calls over 200000 tokens',
    )
    await store.prices.set({ model: 'm', input: '2.5', output: '10' })
    await store.prices.set(tier)
    expect((await store.prices.set(tier)).outcome).toBe('already')
    const prices = async () =>
      (await store.prices.list()).map((row) => [row.contextOver, row.input, row.output])
    expect(await prices()).toEqual([
      [0, '2.5', null],
      [0, null, '10'],
      [200_000, '5', null],
    ])
    await store.prices.set({ model: 'm', input: '2.5' })
    expect(await prices()).toEqual([
      [0, '2.5', null],
      [0, null, '10'],
    ])
  })

  it('a list is added as a whole or not at all, and what it lists of a book changes nothing there', async () => {
    await expect(
      store.prices.import([
        { model: 'a', input: 1 },
        { model: 'b', input: '-1' },
      ]),
    ).rejects.toThrow('input is "-1"')
    await expect(
      store.prices.import([
        { model: 'a', input: 1 },
        { model: 'A', input: 2 },
      ]),
    ).rejects.toThrow('the input price of A is given twice')
    expect(await store.prices.list()).toEqual([])
    const list = [
      { model: 'm', input: 1, from: '2026-01-01T00:00:00Z' },
      { model: 'm', input: 2, from: '2026-02-01T00:00:00Z' },
      // The same as in January: it ends that of February.
      { model: 'm', input: 1, output: 3, from: '2026-03-01T00:00:00Z' },
      { model: 'm', input: 8, from: '2026-03-01T00:00:00Z', contextOver: 1000 },
    ]
    expect(await store.prices.import(list, { author: 'maria' })).toEqual({
      source: 'own',
      version: null,
      added: 5,
      unchanged: 0,
      models: 1,
      leftOutModels: [],
      leftOutPrices: {},
    })
    expect(await store.prices.import(list)).toMatchObject({ added: 0, unchanged: 5 })
    const before = await store.prices.list()
    expect(await store.prices.import(before)).toMatchObject({ added: 0, unchanged: 3 })
    expect(await store.prices.list()).toEqual(before)
    expect(before.map(({ author }) => author)).toEqual(['maria', 'maria'])
    expect(await store.prices.import(await store.prices.list({ all: true }))).toMatchObject({
      added: 0,
    })
  })

  it('names are without blanks at the ends, so that a list that was printed adds nothing', async () => {
    const set = await store.prices.set({ model: ' sp ace ', provider: ' p ', input: 1 })
    expect(set).toMatchObject({ model: 'sp ace', provider: 'p' })
    expect(await store.prices.import(await store.prices.list())).toMatchObject({ added: 0 })
    await expect(store.prices.set({ model: ' ', input: 1 })).rejects.toThrow('model is missing')
  })

  it('values of another type are usage errors', async () => {
    await expect(store.prices.list({ at: 'x' })).rejects.toMatchObject({
      ...{ code: 'usage', message: expect.stringMatching(/^at is/) },
    })
    for (const wrong of ['x.csv', {}, null])
      await expect(store.prices.import(wrong as never)).rejects.toMatchObject({
        ...{ code: 'usage', message: 'prices.import takes a list of prices' },
      })
    await expect(
      store.prices.apply({ since: '2026-01-02T00:00:00Z', until: '2026-01-01T00:00:00Z' }),
    ).rejects.toThrow('since 2026-01-02T00:00:00.000000Z is not before until')
  })

  it('names that do not exist are errors with the nearest one', async () => {
    await expect(store.prices.set({ model: 'm', inputt: 1 } as never)).rejects.toMatchObject({
      message: 'prices.set has no option inputt',
      hint: 'use input',
    })
    await expect(store.prices.set({ model: 'm' })).rejects.toThrow('prices.set has no price')
    await expect(store.prices.set({ input: 1 } as never)).rejects.toThrow('model is missing')
    await expect(store.prices.list({ source: 'other' as never })).rejects.toThrow(
      'source is "other"',
    )
    await expect(store.prices.list({ all: true, at: new Date() })).rejects.toThrow(
      'all and at cannot be used together',
    )
  })

  it('are added one after the other', async () => {
    const other = openStore({ databaseUrl: database.url })
    const price = { model: 'm', from: '2026-01-01T00:00:00Z', input: 1 }
    const outcomes = await Promise.all(
      [store, other, store, other].map(async ({ prices }) => (await prices.set(price)).outcome),
    )
    await other.close()
    expect(outcomes.sort()).toEqual(['added', 'already', 'already', 'already'])
  })
})
