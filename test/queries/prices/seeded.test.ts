import { waitForUpdate } from '@pydantic/genai-prices'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { runOn } from '../../../src/db/query/query.ts'
import { openStore, type Price, type Store } from '../../../src/index.ts'
import {
  changesOfSeeds,
  type PriceRow,
  type StoredPrice,
} from '../../../src/queries/prices/book.ts'
import { resolveNames } from '../../../src/queries/prices/names.ts'
import { BEGINNING, seedsOf } from '../../../src/queries/prices/seeds.ts'
import type { TestDatabase } from '../../support/database.ts'
import { createMigrated } from '../../support/migrated.ts'
import { namesOf, removePrices, resolver, short } from './support.ts'

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

describe('prices of genai-prices', () => {
  afterAll(remove)

  it('are imported once, by two at the same time as well; own prices stay', async () => {
    await store.prices.set({ model: 'gpt-4o', input: '1' })
    const other = openStore({ databaseUrl: database.url })
    const results = await Promise.all([store.prices.import(), other.prices.import()])
    await other.close()
    const [repeat, first] = results.sort((a, b) => a.added - b.added)
    expect(first?.added).toBeGreaterThan(3000)
    expect(repeat).toMatchObject({ added: 0, models: 0, unchanged: first?.added })
    expect(first?.leftOutModels).toContain('deepseek/deepseek-chat')
    const [counts] = await database.sql(
      `select count(*)::int as prices, count(distinct (provider, model, meter, context_over, valid_from))::int as different,
         (select prices_version from wfstore_settings) as version,
         (select prices_imported_at from wfstore_settings) > max(created_at) as later
       from wfstore_prices where source = 'genai-prices'`,
    )
    expect(counts).toMatchObject({ prices: first?.added, different: first?.added, later: true })
    expect(counts?.version).toMatch(/^0\.1\./)
    expect((await store.prices.list({ model: 'gpt-4o', source: 'own' })).map(short)).toMatchObject([
      [null, 'gpt-4o', 0, 'own', expect.any(String), '1', null, null],
    ])
  })

  it('a list of the book becomes no own price where it is unchanged', async () => {
    const listed = await store.prices.list({ provider: 'anthropic' })
    expect(listed.length).toBeGreaterThan(10)
    expect(await store.prices.import(listed)).toMatchObject({ added: 0 })
    const [first, ...others] = listed as [Price, ...Price[]]
    const edited = [{ ...first, input: '99' }, ...others]
    expect(await store.prices.import(edited)).toMatchObject({ added: 1, models: 1 })
    expect(
      (await store.prices.list({ provider: 'anthropic', source: 'own' })).map(short),
    ).toMatchObject([
      ['anthropic', first.model, 0, 'own', first.from.slice(0, 10), '99', null, null],
    ])
  })

  it('a model is found by a name that means it, with and without a provider', async () => {
    const found = async (model: string, provider?: string) =>
      (await store.prices.list({ model, provider, source: 'genai-prices' })).map(
        (row) => `${row.provider}/${row.model}`,
      )
    expect(await found('o3-2025-04-16')).toContain('openai/o3')
    expect(await found('Claude-Sonnet-4-5', 'azure')).toContain('anthropic/claude-sonnet-4-5')
    expect(await found('unknown-model')).toEqual([])
  })

  it('the server finds the models that the rules mean', async () => {
    const providers = (await waitForUpdate()) ?? []
    const { rules } = seedsOf(providers)
    const resolve = resolver(rules)
    const names = namesOf(providers).filter((_, place) => place % 23 === 0)
    expect(names.length).toBeGreaterThan(500)
    const given = names.map(([name, provider], place) => ({
      name: name || `${place}`,
      provider: provider ?? null,
    }))
    const client = await database.connect()
    const found = await resolveNames(runOn(client), given)
    await client.end()
    const text = (name: string, provider: string, model: string | null) =>
      `${name} ${provider}/${model}`
    const wanted = given.flatMap(({ name, provider }) => {
      const one = resolve(name, provider ?? undefined)
      return one ? [text(name, one.target ?? one.provider, `${one.model}`.toLowerCase())] : []
    })
    expect(wanted.length).toBeGreaterThan(300)
    expect(found.map((one) => text(one.name, one.provider, one.model)).sort()).toEqual(
      wanted.sort(),
    )
  })
})

describe('a newer list', () => {
  const NOW = '2026-06-01T00:00:00.000000Z'
  const row = (price: string, from = BEGINNING, contextOver = 0): PriceRow => ({
    ...{ provider: 'p', model: 'm', meter: 'input', price, from, contextOver },
  })
  const stored = (rows: PriceRow[], createdAt = '2026-01-01T00:00:00.000000Z'): StoredPrice[] =>
    rows.map((one) => ({ ...one, createdAt }))
  const changes = (before: StoredPrice[], list: PriceRow[]) =>
    changesOfSeeds(before, list, NOW, BEGINNING).map(({ price, from, contextOver }) => [
      ...[price, from.slice(0, 10)],
      ...(contextOver > 0 ? [contextOver] : []),
    ])

  it('adds what has no price from the beginning, and a changed price from now on', () => {
    expect(changes([], [row('1')])).toEqual([['1', '1970-01-01']])
    expect(changes(stored([row('1')]), [row('1.0')])).toEqual([])
    expect(changes(stored([row('1')]), [row('2')])).toEqual([['2', '2026-06-01']])
    const changed = [...stored([row('1')]), ...stored([row('2', '2026-05-01T00:00:00.000000Z')])]
    expect(changes(changed, [row('2')])).toEqual([])
  })
  it('adds entries with their dates', () => {
    const past = row('2', '2026-03-01T00:00:00.000000Z')
    const future = row('3', '2026-09-01T00:00:00.000000Z')
    expect(changes([], [row('1'), past, future])).toEqual([
      ['1', '1970-01-01'],
      ['2', '2026-03-01'],
      ['3', '2026-09-01'],
    ])
    expect(changes(stored([row('1')]), [row('1'), past, future])).toEqual([
      ['2', '2026-03-01'],
      ['3', '2026-09-01'],
    ])
    expect(changes(stored([row('1'), past, future]), [row('1'), past, future])).toEqual([])
  })
  it('corrects a price that has begun from now on, and one that begins later at its time', () => {
    const dates = ['2026-03-01T00:00:00.000000Z', '2026-09-01T00:00:00.000000Z'] as const
    const before = stored([row('1'), row('2', dates[0]), row('3', dates[1])])
    expect(changes(before, [row('1'), row('4', dates[0]), row('3', dates[1])])).toEqual([
      ['4', '2026-06-01'],
    ])
    expect(changes(before, [row('1'), row('2', dates[0]), row('5', dates[1])])).toEqual([
      ['5', '2026-09-01'],
    ])
  })
  it('replaces all tiers of a meter', () => {
    const before = stored([row('1'), row('2', BEGINNING, 200)])
    expect(changes(before, [row('1'), row('2', BEGINNING, 200)])).toEqual([])
    expect(changes(before, [row('1'), row('3', BEGINNING, 200)])).toEqual([
      ['1', '2026-06-01'],
      ['3', '2026-06-01', 200],
    ])
    expect(changes(before, [row('1')])).toEqual([['1', '2026-06-01']])
  })
})
