import * as d from '../../db/query/decode.ts'
import type { Run } from '../../db/query/query.ts'
import { name, text, uuid } from '../../tables/column.ts'
import type { CostSource } from '../../tables/steps.ts'
import { conditionsOf, equals, type OneOrMore, type TimeLimit } from '../table/filter.ts'
import { type List, type ListOptions, type Page, page } from '../table/page.ts'
import { BILLED_LINES } from './lines.ts'

/** What a line counts: a class of tokens, `tokens` without a class, or requests. `given` is a cost that the engine gave. */
export type Meter =
  | 'input'
  | 'output'
  | 'cache_read'
  | 'cache_write'
  | 'reasoning'
  | 'tokens'
  | 'request'
  | 'given'

export const lineShape = {
  billingId: d.uuid(),
  lineId: d.uuid(),
  /** The time of the bill. */
  timestamp: d.time(),
  billingPeriod: d.text(),
  userId: d.text(),
  /** Null if the engine did not name it. */
  provider: d.nullable(d.text()),
  modelId: d.text(),
  meter: d.word<Meter>(),
  /** Number of tokens or requests; null for a given cost. */
  quantity: d.nullable(d.total()),
  /** US dollars for a million tokens, or for a request; null without a price. */
  unitPrice: d.nullable(d.amount()),
  /** Null if it is not known: the call has no price, or its tokens have a given cost, which is a line of its own. */
  cost: d.nullable(
    d.amount(`case when l.cost_source = 'priced' or l.meter = 'given' then l.cost end`),
  ),
  costSource: d.word<CostSource>(),
  paid: d.boolean(),
}
/** A part of a bill by provider, model and meter. The lines of a bill add up to its cost and its tokens. */
export type BillLine = d.RowOf<typeof lineShape>

export interface BillLineFilter {
  billingId?: OneOrMore | undefined
  userId?: OneOrMore | undefined
  billingPeriod?: OneOrMore | undefined
  provider?: OneOrMore | undefined
  modelId?: OneOrMore | undefined
  meter?: OneOrMore<Meter> | undefined
  costSource?: OneOrMore<CostSource> | undefined
  /** Lines of bills that were written at this instant or later. */
  since?: TimeLimit | undefined
  /** Lines of bills that were written before this instant. */
  until?: TimeLimit | undefined
}

export const BILL_LINES: List<typeof lineShape, BillLineFilter> = {
  name: 'bill lines',
  table: `(select l.*, b.timestamp, b.billing_period, b.user_id, b.paid
    from ${BILLED_LINES})`,
  alias: 'l',
  shape: lineShape,
  key: 'timestamp',
  keyType: 'timestamptz',
  id: 'lineId',
  order: 'desc',
  isJoined: true,
  where: (filter) => conditionsOf(CRITERIA, filter),
}

const CRITERIA = {
  billingId: equals('l.billing_id', uuid),
  userId: equals('l.user_id', name),
  billingPeriod: equals('l.billing_period', name),
  provider: equals('l.provider', text),
  modelId: equals('l.model_id', name),
  meter: equals('l.meter', name),
  costSource: equals('l.cost_source', name),
}

/** @throws WfstoreError usage */
export const listLines = (
  run: Run,
  options: BillLineFilter & ListOptions<BillLine> = {},
): Promise<Page<BillLine>> => page(run, BILL_LINES, options)
