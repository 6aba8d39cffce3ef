import type { Count } from '../../tables/types.ts'
import type { Meter } from './bill-lines.ts'
import type { BillingCharge, ChargeLine } from './charges.ts'

/**
 * One charge of FOCUS 1.2, https://focus.finops.org/focus-specification/v1-2/: all mandatory columns, and the optional
 * columns that have a value here. In alphabetical order, as the specification requires.
 */
export interface FocusRow {
  BilledCost: string
  BillingAccountId: string
  BillingAccountName: string | null
  BillingCurrency: 'USD'
  BillingPeriodEnd: string
  BillingPeriodStart: string
  /** A correction in an open month is an adjustment. */
  ChargeCategory: 'Usage' | 'Adjustment'
  /** Set for a charge of a month that was closed. */
  ChargeClass: 'Correction' | null
  ChargeDescription: string
  ChargeFrequency: 'Usage-Based'
  ChargePeriodEnd: string
  ChargePeriodStart: string
  ConsumedQuantity: Count | null
  ConsumedUnit: ConsumedUnit | null
  ContractedCost: string
  /** US dollars for a pricing unit; null for a given cost and without a price. */
  ContractedUnitPrice: string | null
  EffectiveCost: string
  InvoiceIssuerName: string
  ListCost: string
  ListUnitPrice: string | null
  /** An exact decimal. */
  PricingQuantity: string | null
  /** Prices of tokens are for a million. */
  PricingUnit: ConsumedUnit | '1000000 Tokens' | null
  ProviderName: string
  PublisherName: string
  ServiceCategory: 'AI and Machine Learning'
  ServiceName: string
  ServiceSubcategory: 'Generative AI'
  SkuId: string
  SkuMeter: string
  /** The SKU, if it has a unit price. */
  SkuPriceId: string | null
  SubAccountId: string
  SubAccountName: string | null
  SubAccountType: 'User'
  /** A JSON object. */
  Tags: string
}

type ConsumedUnit = 'Tokens' | 'Requests' | 'Runs'

const METERS: Record<Meter, { name: string; unit: ConsumedUnit }> = {
  input: { name: 'Input Tokens', unit: 'Tokens' },
  output: { name: 'Output Tokens', unit: 'Tokens' },
  cache_read: { name: 'Cache Read Tokens', unit: 'Tokens' },
  cache_write: { name: 'Cache Write Tokens', unit: 'Tokens' },
  reasoning: { name: 'Reasoning Tokens', unit: 'Tokens' },
  tokens: { name: 'Tokens', unit: 'Tokens' },
  request: { name: 'Requests', unit: 'Requests' },
  given: { name: 'Runs', unit: 'Runs' },
}

/**
 * The rows of one bill: a row for each line. A given cost is not split into classes of tokens, because that would be a guess: if
 * one class has all tokens of the cost, its row has it, otherwise a row of the meter `Runs`. The sum of BilledCost is the sum of
 * the bills.
 * @param provider the value of ProviderName, PublisherName and InvoiceIssuerName (default: the provider of the line)
 */
export function focusRows(bill: BillingCharge, provider?: string): FocusRow[] {
  const lines = bill.lines.flatMap((line) => {
    const given = bill.lines.filter((other) => isGiven(other) && isSameModel(line, other))
    const [one, another] = given.filter(({ meter }) => meter !== 'given')
    const single = another === undefined ? one : undefined
    if (line.meter === 'given' && single !== undefined) return []
    const cost = given.find(({ meter }) => meter === 'given')?.cost
    return line === single && cost !== undefined ? { ...line, cost } : line
  })
  // A bill without tokens and without a cost has no lines.
  const rows = lines.length > 0 ? lines : [{ ...NO_LINE, modelId: bill.modelId }]
  return rows.map((line) => row(bill, line, provider))
}

const NO_LINE: Omit<ChargeLine, 'modelId'> = {
  ...{ provider: null, meter: 'given', quantity: null, millions: null },
  ...{ unitPrice: null, cost: '0', costSource: 'given' },
}

const isGiven = ({ costSource }: ChargeLine) => costSource === 'given'
const isSameModel = (one: ChargeLine, other: ChargeLine) =>
  one.modelId === other.modelId && one.provider === other.provider

function row(bill: BillingCharge, line: ChargeLine, provider?: string): FocusRow {
  const { cost, modelId, unitPrice } = line
  const { name, unit } = METERS[line.meter]
  // A run is consumed once. A correction changes a cost; no run was consumed.
  const quantity = line.meter !== 'given' ? line.quantity : bill.corrects === null ? 1 : null
  const isPerMillion = unitPrice !== null && unit === 'Tokens'
  const consumedUnit = quantity === null ? null : unit
  const adjusts = bill.corrects !== null && bill.originalPeriod === null
  const sku = [line.provider, modelId, name].filter((part) => part !== null).join('/')
  const vendor = provider ?? line.provider ?? 'wfstore'
  return {
    BilledCost: cost,
    BillingAccountId: bill.account,
    BillingAccountName: null,
    BillingCurrency: 'USD',
    BillingPeriodEnd: bill.billingPeriodEnd,
    BillingPeriodStart: bill.billingPeriodStart,
    ChargeCategory: adjusts ? 'Adjustment' : 'Usage',
    ChargeClass: bill.originalPeriod === null ? null : 'Correction',
    ChargeDescription:
      bill.corrects === null ? `${name} of ${modelId}` : `Correction of bill ${bill.corrects}`,
    ChargeFrequency: 'Usage-Based',
    ChargePeriodEnd: bill.chargePeriodEnd,
    ChargePeriodStart: bill.chargePeriodStart,
    ConsumedQuantity: quantity,
    ConsumedUnit: consumedUnit,
    ContractedCost: cost,
    ContractedUnitPrice: unitPrice,
    EffectiveCost: cost,
    InvoiceIssuerName: provider ?? 'wfstore',
    ListCost: cost,
    ListUnitPrice: unitPrice,
    PricingQuantity: isPerMillion ? line.millions : quantity === null ? null : String(quantity),
    PricingUnit: isPerMillion ? '1000000 Tokens' : consumedUnit,
    ProviderName: vendor,
    PublisherName: vendor,
    ServiceCategory: 'AI and Machine Learning',
    ServiceName: 'AI workflows',
    ServiceSubcategory: 'Generative AI',
    SkuId: sku,
    SkuMeter: name,
    SkuPriceId: unitPrice === null ? null : sku,
    SubAccountId: bill.userId,
    SubAccountName: null,
    SubAccountType: 'User',
    Tags: JSON.stringify({ ...JSON.parse(bill.tagsText), ...ownTags(bill, line) }),
  }
}

/** With the prefix that FOCUS requires for tags of a provider. The tags of the run have no prefix. */
function ownTags(bill: BillingCharge, line: ChargeLine): Record<string, string | boolean> {
  const tags = {
    bill: bill.billingId,
    execution: bill.executionId,
    model: line.modelId,
    costSource: line.costSource,
    paid: bill.paid,
    payment: bill.paymentId,
    corrects: bill.corrects,
    originalPeriod: bill.originalPeriod,
  }
  const given = Object.entries(tags).flatMap(([name, value]) =>
    value === null ? [] : [[`wfstore/${name}`, value] as const],
  )
  return Object.fromEntries(given)
}
