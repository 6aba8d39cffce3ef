import type { Run } from '../../db/query/query.ts'
import {
  type ApplicationResult,
  applyPrices,
  type PriceApplication,
  type Recalculation,
  type RecalculationResult,
  recalculatePrices,
} from './apply.ts'
import { checkPrices, type PriceCheckOptions, type PriceFinding } from './check.ts'
import type { NewPrice } from './given.ts'
import { type ImportPricesOptions, importPrices, importSeeds, type PriceImport } from './import.ts'
import { listPrices, type Price, type PriceFilter } from './list.ts'
import { type PriceChange, setPrice } from './set.ts'
import { type SimulateOptions, type Simulation, simulatePrices } from './simulate.ts'
import type { OnSession } from './turn.ts'

/** The price book: what a model costs, and from when. Prices are only added; a newer one replaces an older one from its time. */
export interface Prices {
  /** The prices at a time, or all that were ever added. @throws WfstoreError usage */
  list: (filter?: PriceFilter) => Promise<Price[]>
  /** Adds a price of your own, which comes before those of genai-prices. @throws WfstoreError usage, permission_denied */
  set: (price: NewPrice) => Promise<PriceChange>
  /**
   * Imports the prices of genai-prices, or a list of your own: all of them or none. A repeat adds nothing.
   * @param prices your own (default: those of genai-prices)
   * @throws WfstoreError usage, permission_denied; failed if genai-prices cannot be read
   */
  import: (prices?: readonly NewPrice[], options?: ImportPricesOptions) => Promise<PriceImport>
  /** Prices steps that have no price, by the prices of their time. It can be repeated. @throws WfstoreError usage, permission_denied */
  apply: (options: PriceApplication) => Promise<ApplicationResult>
  /** Corrects bills whose prices were wrong, for the difference. A repeat writes nothing. @throws WfstoreError usage, permission_denied */
  recalculate: (options: Recalculation) => Promise<RecalculationResult>
  /** Finds used models without a price, old prices, and given costs that differ from the price book. @throws WfstoreError usage */
  check: (options?: PriceCheckOptions) => Promise<PriceFinding[]>
  /** What steps would have cost with other models. @throws WfstoreError usage */
  simulate: (options: SimulateOptions) => Promise<Simulation>
}

export const pricesOn = (read: Run, write: Run, onSession: OnSession): Prices => ({
  list: (filter) => listPrices(read, filter),
  set: (price) => setPrice(onSession, price),
  import: (prices, options) =>
    prices === undefined
      ? importSeeds(onSession, options)
      : importPrices(onSession, prices, options),
  apply: (options) => applyPrices(read, write, options),
  recalculate: (options) => recalculatePrices(read, write, options),
  check: (options) => checkPrices(read, options),
  simulate: (options) => simulatePrices(read, options),
})
