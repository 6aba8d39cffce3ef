import { WfstoreError } from '../../error.ts'
import { checkNames, type Names } from '../../options.ts'
import { amountOf, countOf, nameOf, oneOf, optionalText, timeOf } from '../table/validate.ts'
import { keyOf, type PriceRow } from './book.ts'
import { trimmed } from './decimal.ts'
import { METERS, type PriceMeter } from './meters.ts'

/** 'own': a price that you gave. 'genai-prices': a price of this list, which applies if there is no own price. */
export type PriceSource = 'own' | 'genai-prices'
export const SOURCES: readonly PriceSource[] = ['own', 'genai-prices']

/** US dollars: for a million tokens of the class, or for a request. A string keeps every digit. */
export type MeterPrices = { [Name in PriceMeter]?: string | number | null | undefined }

/** A price, with at least one meter. */
export interface NewPrice extends MeterPrices {
  model: string
  /** Null for all providers (default). */
  provider?: string | null | undefined
  /** The calls that end at this instant or later have this price (default: now). */
  from?: Date | string | null | undefined
  /** Only calls with more input tokens than this, including cached ones (default: 0, all calls). */
  contextOver?: number | null | undefined
  /** The person who gives it (default: the role of the connection). */
  author?: string | null | undefined
  /** As in a list of prices: an unchanged price of genai-prices does not become your own. */
  source?: PriceSource | undefined
  /** As in a list of prices; the store dates new ones itself. */
  createdAt?: string | undefined
}

export const PRICE_NAMES: Names<NewPrice> = {
  model: true,
  provider: true,
  from: true,
  contextOver: true,
  input: true,
  output: true,
  cacheRead: true,
  cacheWrite: true,
  reasoning: true,
  request: true,
  author: true,
  source: true,
  createdAt: true,
}

/** A price of a meter. The store adds what is null: the current time, the role of the connection. */
export interface GivenPrice extends Omit<PriceRow, 'from'> {
  from: string | null
  author: string | null
  source: PriceSource
}

/** @throws WfstoreError usage */
export function pricesOf(what: string, price: NewPrice): GivenPrice[] {
  checkNames(what, price, PRICE_NAMES)
  const { model, provider, from, contextOver, author, source = 'own' } = price
  const common = {
    model: trimmedName('model', model),
    provider: isNone(provider) ? null : trimmedName('provider', provider),
    from: timeOf('from', from ?? undefined),
    contextOver: countOf('contextOver', contextOver ?? undefined) ?? 0,
    author: optionalText('author', author),
    source: oneOf('source', source, SOURCES),
  }
  const rows = METERS.flatMap((meter) => {
    const value = price[meter]
    return isNone(value) ? [] : [{ ...common, meter, price: trimmed(amountOf(meter, value)) }]
  })
  if (rows.length > 0) return rows
  throw new WfstoreError('usage', `${what} has no price`, { hint: `give ${METERS.join(', ')}` })
}

/** Without blanks at the ends, which a list of prices does not keep. */
const trimmedName = (name: string, value: string): string =>
  nameOf(name, typeof value === 'string' ? value.trim() : value)

const isNone = (value: unknown): value is null | undefined => value === null || value === undefined

/** The price of a meter, context tier and time can be given only once. @param seen the earlier ones @throws WfstoreError usage */
export function assertOnce(prices: readonly GivenPrice[], seen: Set<string> = new Set()): void {
  for (const price of prices) {
    const key = `${keyOf(price)} ${price.contextOver} ${price.from}`
    if (seen.has(key)) throw new WfstoreError('usage', isTwice(price))
    seen.add(key)
  }
}

const isTwice = ({ model, meter, contextOver, from }: GivenPrice): string =>
  `the ${meter} price of ${model}${contextOver > 0 ? ` over ${contextOver} tokens` : ''}${from === null ? '' : ` from ${from}`} is given twice`
