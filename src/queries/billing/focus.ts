import { classWords, TOKEN_FIELDS, type TokenField } from '../../tables/tokens.ts'
import type { Count } from '../../tables/types.ts'
import type { BillingCharge } from './charges.ts'

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
  ConsumedUnit: 'Tokens' | 'Runs' | null
  ContractedCost: string
  EffectiveCost: string
  InvoiceIssuerName: string
  ListCost: string
  PricingQuantity: Count | null
  PricingUnit: 'Tokens' | 'Runs' | null
  ProviderName: string
  PublisherName: string
  ServiceCategory: 'AI and Machine Learning'
  ServiceName: string
  ServiceSubcategory: 'Generative AI'
  SkuId: string
  SkuMeter: string
  SubAccountId: string
  SubAccountName: string | null
  SubAccountType: 'User'
  /** A JSON object. */
  Tags: string
}

interface Meter {
  name: string
  unit: 'Tokens' | 'Runs'
  quantity: Count | null
}

/**
 * The rows of one bill: one row for each class of tokens. Only one row has the cost, because a bill has no cost by class
 * and a split would be a guess. If one meter has all tokens, its row has the cost; otherwise the row of the meter `Runs`
 * has it. The sum of BilledCost is the sum of the bills.
 * @param provider the value of ProviderName, PublisherName and InvoiceIssuerName
 */
export function focusRows(bill: BillingCharge, provider: string): FocusRow[] {
  const tokens = tokenMeters(bill)
  if (bill.corrects !== null) return [row(bill, provider, correction, bill.cost)]
  if (tokens.length === 1) return tokens.map((meter) => row(bill, provider, meter, bill.cost))
  return [
    row(bill, provider, run, bill.cost),
    ...tokens.map((meter) => row(bill, provider, meter, '0')),
  ]
}

const run: Meter = { name: 'Runs', unit: 'Runs', quantity: 1 }

/** A correction changes a cost; nothing was consumed. */
const correction: Meter = { name: 'Runs', unit: 'Runs', quantity: null }

/** 'Cache Read Tokens' */
const meterName = (field: TokenField): string =>
  `${classWords(field).replace(/\b[a-z]/g, (letter) => letter.toUpperCase())} Tokens`

/** Each class with tokens, and `Tokens` for tokens without a reported class. */
function tokenMeters(bill: BillingCharge): Meter[] {
  const named = TOKEN_FIELDS.map((field) => ({
    name: meterName(field),
    quantity: bill[field] ?? 0,
  }))
  return [...named, { name: 'Tokens', quantity: bill.tokensRest }]
    .filter(({ quantity }) => quantity > 0)
    .map((meter) => ({ ...meter, unit: 'Tokens' }))
}

function row(bill: BillingCharge, provider: string, meter: Meter, cost: string): FocusRow {
  const { quantity } = meter
  const unit = quantity === null ? null : meter.unit
  const adjusts = bill.corrects !== null && bill.originalPeriod === null
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
      bill.corrects === null
        ? `${meter.name} of ${bill.modelId}`
        : `Correction of bill ${bill.corrects}`,
    ChargeFrequency: 'Usage-Based',
    ChargePeriodEnd: bill.chargePeriodEnd,
    ChargePeriodStart: bill.chargePeriodStart,
    ConsumedQuantity: quantity,
    ConsumedUnit: unit,
    ContractedCost: cost,
    EffectiveCost: cost,
    InvoiceIssuerName: provider,
    ListCost: cost,
    PricingQuantity: quantity,
    PricingUnit: unit,
    ProviderName: provider,
    PublisherName: provider,
    ServiceCategory: 'AI and Machine Learning',
    ServiceName: 'AI workflows',
    ServiceSubcategory: 'Generative AI',
    SkuId: `${bill.modelId}/${meter.name}`,
    SkuMeter: meter.name,
    SubAccountId: bill.userId,
    SubAccountName: null,
    SubAccountType: 'User',
    Tags: JSON.stringify(tagsOf(bill)),
  }
}

/** With the prefix that FOCUS requires for tags of a provider. */
function tagsOf(bill: BillingCharge): Record<string, string | boolean> {
  const tags = {
    bill: bill.billingId,
    execution: bill.executionId,
    model: bill.modelId,
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
