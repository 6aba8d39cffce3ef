import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { calcPrice, type Provider, waitForUpdate } from '@pydantic/genai-prices'
import { beforeAll, describe, expect, it } from 'vitest'
import { decimalText, shifted, trimmed } from '../../../src/queries/prices/decimal.ts'
import type { ModelRule } from '../../../src/queries/prices/rules.ts'
import { type Seeds, seedsOf } from '../../../src/queries/prices/seeds.ts'
import { namesOf, resolver } from './support.ts'

let providers: Provider[]
let seeds: Seeds
beforeAll(async () => {
  providers = (await waitForUpdate()) as Provider[]
  seeds = seedsOf(providers)
})

const provider = (id: string, models: Provider['models']): Provider => ({
  id,
  name: id,
  api_pattern: '',
  models,
})
const model = (id: string, prices: Provider['models'][number]['prices']) => ({
  id,
  match: { equals: id },
  prices,
})

it('all providers of the package are read', () => {
  const main = createRequire(import.meta.url).resolve('@pydantic/genai-prices')
  const source = readFileSync(join(dirname(main), 'index.js'), 'utf8')
  const ids = [...source.matchAll(/^ {4}id: "([^"]+)"/gm)].map(([, id]) => id)
  expect(ids.length).toBeGreaterThan(40)
  expect(providers.map(({ id }) => id)).toEqual(ids)
})

describe('prices', () => {
  it('have every digit of the list, without an exponent', () => {
    expect([1e-7, 2.5, 0.18000000000000002, 1e21, 12, 0].map(decimalText)).toEqual([
      ...['0.0000001', '2.5', '0.18000000000000002', '1000000000000000000000', '12', '0'],
    ])
    expect([shifted('12', -3), shifted('0.5', -3), shifted('1500', -3)]).toEqual([
      ...['0.012', '0.0005', '1.5'],
    ])
    expect(['2.500', '007', '0', '10', '0.0'].map(trimmed)).toEqual(['2.5', '7', '0', '10', '0'])
  })

  it('by context tier, by date, of requests; what the book cannot have is counted', () => {
    const { prices, leftOut } = seedsOf([
      provider('p', [
        model('tiers', {
          input_mtok: { base: 1.25, tiers: [{ start: 200_000, price: 2.5 }] } as never,
          output_mtok: 10,
        }),
        model('dates', [
          { prices: { input_mtok: 10 } },
          {
            constraint: { type: 'start_date', start_date: '2025-06-10' },
            prices: { input_mtok: 2 },
          },
        ]),
        model('hours', [
          { prices: { input_mtok: 1 } },
          {
            constraint: { type: 'time_of_date', start_time: '01:00:00Z', end_time: '02:00:00Z' },
            prices: { input_mtok: 2 },
          },
        ]),
        model('search', { requests_kcount: 12, web_searches_kcount: 5 }),
        model('empty', {}),
      ]),
    ])
    expect(
      prices.map((row) => [
        row.model,
        row.meter,
        row.contextOver,
        row.price,
        row.from.slice(0, 10),
      ]),
    ).toEqual([
      ['tiers', 'input', 0, '1.25', '1970-01-01'],
      ['tiers', 'input', 200_000, '2.5', '1970-01-01'],
      ['tiers', 'output', 0, '10', '1970-01-01'],
      ['dates', 'input', 0, '10', '1970-01-01'],
      ['dates', 'input', 0, '2', '2025-06-10'],
      ['search', 'request', 0, '0.012', '1970-01-01'],
    ])
    expect(leftOut).toEqual({ models: ['p/hours'], prices: { web_searches_kcount: 1 } })
  })

  it('of the package are found, and those that the book cannot have are named', () => {
    expect(seeds.models).toBeGreaterThan(1500)
    expect(seeds.prices.length).toBeGreaterThan(3000)
    expect(seeds.leftOut.models).toContain('deepseek/deepseek-chat')
    expect(seeds.leftOut.prices.input_audio_mtok).toBeGreaterThan(0)
    expect(seeds.prices.every(({ price }) => /^\d+(\.\d+)?$/.test(price))).toBe(true)
  })
})

describe('rules', () => {
  /** As genai-prices finds them: 'provider/model'. */
  const expected = (name: string, given: string | undefined): string | null => {
    const found = calcPrice(
      { input_tokens: 0 },
      name,
      given === undefined ? {} : { providerId: given },
    )
    return found ? `${found.provider.id}/${found.model.id}` : null
  }

  it('find the provider and the model that genai-prices finds, for each name and for variants of it', () => {
    const resolve = resolver(seeds.rules)
    const names = namesOf(providers)
    expect(names.length).toBeGreaterThan(20_000)
    const differing = names.filter(([name, given]) => {
      const found = resolve(name, given)
      const wanted = expected(name, given)
      return (found ? `${found.provider}/${found.model}` : null) !== wanted
    })
    expect(differing).toEqual([])
  }, 300_000)

  it('a condition of several parts is one pattern', () => {
    const rules: ModelRule[] = seeds.rules.filter(({ model }) => model === 'gemini-2.5-pro')
    expect(rules.find(({ provider }) => provider === 'google')).toMatchObject({
      kind: 'regex',
      pattern: '^(?=gemini-2\\.5-pro)(?=.*(?:^(?!.*-[tT][tT][sS](?:$|-))))',
    })
  })
})
