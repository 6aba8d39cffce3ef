import type { PriceSource } from './given.ts'
import { type NewPrice, pricesOf } from './given.ts'
import { addOwn } from './import.ts'
import type { OnSession } from './turn.ts'

export interface PriceChange {
  /** added: the book has new prices. already: it had them. */
  outcome: 'added' | 'already'
  source: PriceSource
  model: string
  provider: string | null
  from: string
  /** It begins before it was added; what was priced before stays as it is. */
  isPast: boolean
}

/**
 * Adds a price, or several meters of a model together. The price before it ends when it begins. Nothing that was priced changes.
 * @throws WfstoreError usage
 */
export async function setPrice(onSession: OnSession, price: NewPrice): Promise<PriceChange> {
  const given = pricesOf('prices.set', { ...price, source: 'own' })
  const { changes, now } = await addOwn(onSession, given, null)
  const { model, provider, from } = given[0] as (typeof given)[number]
  return {
    ...{ outcome: changes.length > 0 ? 'added' : 'already', source: 'own', model, provider },
    ...{ from: from ?? now, isPast: from !== null && from < now },
  }
}
