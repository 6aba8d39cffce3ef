import { WfstoreError } from '../../error.ts'
import { trimmed } from './decimal.ts'
import type { PriceMeter } from './meters.ts'

/** One price, as wfstore_prices has it. */
export interface PriceRow {
  /** Null for all providers. */
  provider: string | null
  model: string
  meter: PriceMeter
  /** US dollars as an exact decimal: for a million tokens, or for a request. */
  price: string
  /** The price of calls with more input tokens than this. */
  contextOver: number
  /** RFC 3339 in UTC with microseconds. */
  from: string
}

export interface StoredPrice extends PriceRow {
  createdAt: string
}

/** The prices of a meter that were added together for a time: one for each context tier. They replace those before them. */
interface Schedule<Row extends PriceRow = PriceRow> {
  from: string
  createdAt: string
  tiers: Row[]
}

/** Upper and lower case are the same in names of models and providers. */
export const keyOf = ({ provider, model, meter }: Omit<PriceRow, 'from'>): string =>
  JSON.stringify([provider?.toLowerCase() ?? null, model.toLowerCase(), meter])

/** Schedules by what they are for. */
function bookOf<Row extends PriceRow>(
  prices: readonly Row[],
  createdAtOf: (row: Row) => string,
): Map<string, Schedule<Row>[]> {
  const book = new Map<string, Schedule<Row>[]>()
  for (const price of prices) {
    const schedules = book.get(keyOf(price)) ?? []
    book.set(keyOf(price), schedules)
    const [from, createdAt] = [price.from, createdAtOf(price)]
    const found = schedules.find((one) => one.from === from && one.createdAt === createdAt)
    if (found) found.tiers.push(price)
    else schedules.push({ from, createdAt, tiers: [price] })
  }
  return book
}

const storedBook = (stored: readonly StoredPrice[]) => bookOf(stored, ({ createdAt }) => createdAt)

/** Of those that have begun the newest, and of those the one that was added last. */
function inForce<Row extends PriceRow>(
  schedules: readonly Schedule<Row>[],
  at: string,
): Schedule<Row> | undefined {
  const orderOf = ({ from, createdAt }: Schedule) => from + createdAt
  return schedules
    .filter(({ from }) => from <= at)
    .reduce<Schedule<Row> | undefined>(
      (best, one) => (best === undefined || orderOf(one) >= orderOf(best) ? one : best),
      undefined,
    )
}

const textOf = (tiers: readonly PriceRow[] = []): string =>
  tiers
    .map(({ contextOver, price }) => `${contextOver}:${trimmed(price)}`)
    .sort()
    .join(' ')

const isSame = (one: Schedule | undefined, other: Schedule): boolean =>
  textOf(one?.tiers) === textOf(other.tiers)

/**
 * Of own prices, those that change a price at their time. The others are in the book already.
 * @param now when they are added
 * @throws WfstoreError usage
 */
export function changesOf<Row extends PriceRow>(
  stored: readonly StoredPrice[],
  given: readonly Row[],
  now: string,
): Row[] {
  const book = storedBook(stored)
  return [...bookOf(given, () => now)].flatMap(([key, schedules]) => {
    const known: Schedule[] = [...(book.get(key) ?? [])]
    const ordered = schedules.sort((a, b) => (a.from < b.from ? -1 : 1))
    return ordered.flatMap((schedule) => {
      const current = inForce(known, schedule.from)
      const whole = { ...schedule, tiers: withLowerTiers(schedule.tiers, current?.tiers ?? []) }
      if (isSame(current, whole)) return []
      known.push(whole)
      return whole.tiers
    })
  })
}

/** A price that is only for calls with more input tokens is together with the tiers that the model has. */
function withLowerTiers<Row extends PriceRow>(
  given: readonly Row[],
  current: readonly PriceRow[],
): Row[] {
  const isGiven = (tier: PriceRow) =>
    given.some(({ contextOver }) => contextOver === tier.contextOver)
  const [first] = given as [Row]
  if (given.some(({ contextOver }) => contextOver === 0)) return [...given]
  const others = current
    .filter((tier) => !isGiven(tier))
    .map(({ contextOver, price }) => ({ ...first, contextOver, price }))
  if (others.some(({ contextOver }) => contextOver === 0)) return [...others, ...given]
  throw new WfstoreError(
    'usage',
    `the ${first.meter} price of ${first.model} is only for calls over ${first.contextOver} tokens`,
    { hint: 'give the price of smaller calls first, without --context-over (contextOver)' },
  )
}

/**
 * Of the prices of a list, those that the book needs: entries with a date that it does not have; entries without one, from
 * `beginning`, for what had no price; and from now on what the list changes in the prices of now.
 */
export function changesOfSeeds(
  stored: readonly StoredPrice[],
  seeds: readonly PriceRow[],
  now: string,
  beginning: string,
): PriceRow[] {
  const book = storedBook(stored)
  return [...bookOf(seeds, () => now)].flatMap(([key, schedules]) => {
    const known: Schedule[] = book.get(key) ?? []
    const isMissing = (schedule: Schedule) => {
      if (schedule.from === beginning) return known.length === 0
      const same = known.filter(({ from }) => from === schedule.from)
      // What has begun is not changed; what begins later is.
      return schedule.from > now
        ? !isSame(inForce(same, schedule.from), schedule)
        : same.length === 0
    }
    const missing = schedules.filter(isMissing)
    const current = inForce(schedules, now)
    const isNew = current && !isSame(inForce([...known, ...missing], now), current)
    return [
      ...missing.flatMap(({ tiers }) => tiers),
      ...(isNew ? current.tiers.map((tier) => ({ ...tier, from: now })) : []),
    ]
  })
}
