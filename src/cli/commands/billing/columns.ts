import type { BillLine } from '../../../queries/billing/bill-lines.ts'
import type {
  BillDifference,
  BillingPeriod,
  BillingSum,
  CorrectionResult,
  FocusRow,
  PaymentResult,
  PeriodCloseResult,
  SummaryKey,
} from '../../../queries/billing/billing.ts'
import type { Bill } from '../../../queries/billing/bills.ts'
import { classWords, TOKEN_FIELDS } from '../../../tables/tokens.ts'
import type { Column } from '../../output/column.ts'

/** Sums of bills by the keys. @param total the row with all bills, which has no keys */
export function summaryColumns(
  by: readonly SummaryKey[],
  total?: BillingSum,
): Column<BillingSum>[] {
  const keys = by.flatMap((name, place): Column<BillingSum>[] =>
    name === 'total'
      ? []
      : [
          {
            name,
            kind: 'text',
            value: (row) => (by.length === 1 ? row.key : row[name]),
            word: (row) => (row === total && place === 0 ? 'total' : undefined),
            ...(place === 0 ? { isName: true } : {}),
            flex: { min: 8 },
            priority: 10,
          },
        ],
  )
  return [
    ...keys,
    { name: 'records', kind: 'count', priority: 6 },
    { name: 'cost', kind: 'amount', priority: 10 },
    { name: 'paidCost', header: 'PAID', kind: 'amount', priority: 8 },
    { name: 'unpaidCost', header: 'UNPAID', kind: 'amount', priority: 9 },
    { name: 'unpaidRecords', kind: 'count', table: false },
    { name: 'tokensTotal', header: 'TOKENS', kind: 'count', priority: 7 },
    ...TOKEN_FIELDS.map(
      (name, place): Column<BillingSum> => ({
        name,
        header: classWords(name).toUpperCase(),
        kind: 'count',
        priority: Math.min(4, 5 - place),
      }),
    ),
    { name: 'unpricedTokens', kind: 'count', table: false },
  ]
}

export const recordColumns: Column<Bill>[] = [
  { name: 'billingId', header: 'ID', kind: 'id', isName: true, priority: 10 },
  { name: 'timestamp', header: 'BILLED', kind: 'time', priority: 8 },
  { name: 'userId', header: 'USER', kind: 'text', flex: { min: 8 }, priority: 7 },
  { name: 'modelId', header: 'MODEL', kind: 'text', flex: { min: 10 }, priority: 5 },
  { name: 'cost', kind: 'amount', priority: 10 },
  { name: 'tokensTotal', header: 'TOKENS', kind: 'count', priority: 6 },
  { name: 'paid', kind: 'boolean', priority: 9 },
  { name: 'paymentId', header: 'PAYMENT', kind: 'text', flex: { min: 8 }, priority: 4 },
  { name: 'executionId', header: 'EXECUTION', kind: 'id', priority: 3 },
  { name: 'billingPeriod', header: 'PERIOD', kind: 'text', priority: 2 },
  { name: 'originalPeriod', header: 'ORIGINAL PERIOD', kind: 'text', priority: 2 },
  { name: 'corrects', kind: 'id', priority: 2 },
  ...TOKEN_FIELDS.map((name): Column<Bill> => ({ name, kind: 'count', table: false })),
  { name: 'metadata', kind: 'json', table: false },
  { name: 'createdAt', kind: 'time', table: false },
  { name: 'updatedAt', kind: 'time', table: false },
]

export const lineColumns: Column<BillLine>[] = [
  { name: 'billingId', header: 'BILL', kind: 'id', isName: true, priority: 9 },
  { name: 'lineId', kind: 'id', table: false },
  { name: 'timestamp', header: 'BILLED', kind: 'time', priority: 4 },
  { name: 'userId', header: 'USER', kind: 'text', flex: { min: 8 }, priority: 6 },
  { name: 'provider', kind: 'text', flex: { min: 6 }, priority: 5 },
  { name: 'modelId', header: 'MODEL', kind: 'text', flex: { min: 10 }, priority: 8 },
  { name: 'meter', kind: 'text', priority: 10 },
  { name: 'quantity', kind: 'count', priority: 9 },
  { name: 'unitPrice', header: 'PRICE', kind: 'amount', priority: 7 },
  { name: 'cost', kind: 'amount', priority: 10 },
  { name: 'costSource', header: 'SOURCE', kind: 'text', priority: 7 },
  { name: 'billingPeriod', header: 'PERIOD', kind: 'text', priority: 2 },
  { name: 'paid', kind: 'boolean', priority: 2 },
]

export const differenceColumns: Column<BillDifference>[] = [
  { name: 'kind', kind: 'text', priority: 10 },
  { name: 'executionId', header: 'EXECUTION', kind: 'id', priority: 9 },
  { name: 'billingId', header: 'BILL', kind: 'id', priority: 8 },
  { name: 'userId', header: 'USER', kind: 'text', flex: { min: 8 }, priority: 6 },
  { name: 'modelId', header: 'MODEL', kind: 'text', flex: { min: 10 }, priority: 1 },
  { name: 'runCost', kind: 'amount', priority: 7 },
  { name: 'billedCost', header: 'BILLED', kind: 'amount', priority: 7 },
  { name: 'costDifference', header: 'DIFFERENCE', kind: 'amount', priority: 9 },
  { name: 'runTokens', kind: 'count', priority: 3 },
  { name: 'billedTokens', kind: 'count', priority: 3 },
]

export const periodColumns: Column<BillingPeriod>[] = [
  { name: 'period', kind: 'text', priority: 10, isName: true },
  { name: 'state', kind: 'status', priority: 10 },
  { name: 'records', kind: 'count', priority: 6 },
  { name: 'cost', kind: 'amount', priority: 9 },
  { name: 'unpaidCost', header: 'UNPAID', kind: 'amount', priority: 8 },
  { name: 'paidCost', header: 'PAID', kind: 'amount', priority: 5 },
  { name: 'unpaidRecords', kind: 'count', table: false },
  { name: 'tokensTotal', header: 'TOKENS', kind: 'count', priority: 4 },
  { name: 'timeZone', header: 'ZONE', kind: 'text', priority: 3 },
  { name: 'startTime', header: 'FROM', kind: 'time', table: false },
  { name: 'endTime', header: 'UNTIL', kind: 'time', table: false },
  { name: 'closedAt', header: 'CLOSED', kind: 'time', priority: 3 },
  { name: 'closedBy', header: 'CLOSED BY', kind: 'text', priority: 2 },
  { name: 'differs', kind: 'boolean', table: false },
]

export const paymentColumns: Column<
  PaymentResult & { period: string; userId: string | null; paymentId: string }
>[] = [
  { name: 'outcome', kind: 'status' },
  { name: 'period', kind: 'text' },
  { name: 'userId', header: 'USER', kind: 'text' },
  { name: 'paymentId', header: 'PAYMENT', kind: 'text', isName: true },
  {
    name: 'records',
    kind: 'count',
    value: ({ outcome, plan }) => (outcome === 'already' ? plan.alreadyRecords : plan.records),
  },
  {
    name: 'cost',
    kind: 'amount',
    value: ({ outcome, plan }) => (outcome === 'already' ? plan.alreadyCost : plan.cost),
  },
  {
    name: 'unpaidRecords',
    kind: 'count',
    value: ({ outcome, plan }) => (outcome === 'paid' ? 0 : plan.records),
  },
]

export const closeColumns: Column<BillingPeriod & Pick<PeriodCloseResult, 'outcome'>>[] = [
  { name: 'outcome', kind: 'status' },
  ...periodColumns,
]

export const correctionColumns: Column<CorrectionResult>[] = [
  { name: 'outcome', kind: 'status' },
  {
    name: 'billingId',
    header: 'BILL',
    kind: 'id',
    isName: true,
    value: ({ plan }) => plan.billingId,
  },
  { name: 'userId', header: 'USER', kind: 'text', value: ({ plan }) => plan.userId },
  { name: 'costBefore', kind: 'amount', value: ({ plan }) => plan.costBefore },
  { name: 'costAfter', kind: 'amount', value: ({ plan }) => plan.costAfter },
  { name: 'difference', kind: 'amount', value: ({ plan }) => plan.difference },
  { name: 'recordId', header: 'Record', kind: 'id', value: ({ record }) => record?.billingId },
  { name: 'period', kind: 'text', value: ({ record }) => record?.billingPeriod },
  { name: 'originalPeriod', kind: 'text', value: ({ record }) => record?.originalPeriod },
]

const FOCUS_KINDS: Record<keyof FocusRow, Column<FocusRow>['kind']> = {
  BilledCost: 'amount',
  BillingAccountId: 'text',
  BillingAccountName: 'text',
  BillingCurrency: 'text',
  BillingPeriodEnd: 'time',
  BillingPeriodStart: 'time',
  ChargeCategory: 'text',
  ChargeClass: 'text',
  ChargeDescription: 'text',
  ChargeFrequency: 'text',
  ChargePeriodEnd: 'time',
  ChargePeriodStart: 'time',
  ConsumedQuantity: 'count',
  ConsumedUnit: 'text',
  ContractedCost: 'amount',
  ContractedUnitPrice: 'amount',
  EffectiveCost: 'amount',
  InvoiceIssuerName: 'text',
  ListCost: 'amount',
  ListUnitPrice: 'amount',
  PricingQuantity: 'amount',
  PricingUnit: 'text',
  ProviderName: 'text',
  PublisherName: 'text',
  ServiceCategory: 'text',
  ServiceName: 'text',
  ServiceSubcategory: 'text',
  SkuId: 'text',
  SkuMeter: 'text',
  SkuPriceId: 'text',
  SubAccountId: 'text',
  SubAccountName: 'text',
  SubAccountType: 'text',
  Tags: 'json',
}

/** Sorted by name, as FOCUS requires. */
export const focusColumns: Column<FocusRow>[] = Object.entries(FOCUS_KINDS).map(([name, kind]) => ({
  name,
  kind,
}))
