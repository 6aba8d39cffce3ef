import type { ConditionalPrice, ModelInfo, ModelPrice, Provider } from '@pydantic/genai-prices'
import type { PriceRow } from './book.ts'
import { decimalText, shifted } from './decimal.ts'
import type { PriceMeter } from './meters.ts'
import { type ModelRule, rulesOf } from './rules.ts'

/** The prices and rules of genai-prices, as the price book has them. */
export interface Seeds {
  /** Those without a date are valid from BEGINNING. */
  prices: PriceRow[]
  rules: ModelRule[]
  models: number
  /** What the price book cannot have. */
  leftOut: LeftOut
}

export interface LeftOut {
  /** Models whose price depends on the time of day: 'deepseek/deepseek-chat'. */
  models: string[]
  /** Prices that are for no meter of the price book, such as audio, by their names in genai-prices. */
  prices: Record<string, number>
}

/** From when prices without a date are valid. */
export const BEGINNING = '1970-01-01T00:00:00.000000Z'

const METER_OF: Record<string, PriceMeter> = {
  input_mtok: 'input',
  output_mtok: 'output',
  cache_read_mtok: 'cacheRead',
  cache_write_mtok: 'cacheWrite',
  output_reasoning_mtok: 'reasoning',
  requests_kcount: 'request',
}

export function seedsOf(providers: readonly Provider[]): Seeds {
  const leftOut: LeftOut = { models: [], prices: {} }
  const prices = providers.flatMap((provider) =>
    provider.models.flatMap((model) => pricesOf(provider, model, leftOut)),
  )
  const models = providers.reduce((sum, provider) => sum + provider.models.length, 0)
  return { prices, rules: rulesOf(providers), models, leftOut }
}

function pricesOf({ id: provider }: Provider, model: ModelInfo, leftOut: LeftOut): PriceRow[] {
  const entries = Array.isArray(model.prices) ? model.prices : [{ prices: model.prices }]
  if (entries.some(({ constraint }) => constraint && constraint.type !== 'start_date')) {
    leftOut.models.push(`${provider}/${model.id}`)
    return []
  }
  for (const { prices } of entries)
    for (const name of Object.keys(prices))
      if (METER_OF[name] === undefined) leftOut.prices[name] = (leftOut.prices[name] ?? 0) + 1
  const starts = [...new Set([BEGINNING, ...entries.map(startOf)])].sort()
  return starts.flatMap((from) =>
    rowsOf(priceAt(entries, from)).map((row) => ({ provider, model: model.id, from, ...row })),
  )
}

const startOf = ({ constraint }: ConditionalPrice): string =>
  constraint?.type === 'start_date' ? `${constraint.start_date}T00:00:00.000000Z` : BEGINNING

/** As genai-prices chooses it: the last entry that has begun. */
const priceAt = (entries: readonly ConditionalPrice[], at: string): ModelPrice =>
  (entries.findLast((entry) => startOf(entry) <= at) ?? entries[0])?.prices ?? {}

function rowsOf(prices: ModelPrice): Pick<PriceRow, 'meter' | 'price' | 'contextOver'>[] {
  return Object.entries(prices).flatMap(([name, value]) => {
    const meter = METER_OF[name]
    if (meter === undefined || value === undefined) return []
    const tiers = typeof value === 'number' ? [] : value.tiers
    const base = typeof value === 'number' ? value : value.base
    return [{ start: 0, price: base }, ...tiers].map(({ start, price }) => ({
      meter,
      // A request has the price of a thousand requests divided by 1,000, without rounding.
      price: shifted(decimalText(price), meter === 'request' ? -3 : 0),
      contextOver: start,
    }))
  })
}
