import * as d from '../../db/query/decode.ts'
import type { Run } from '../../db/query/query.ts'
import {
  anything,
  count,
  flag,
  type Kind,
  money,
  month,
  name,
  optional,
  time,
  uuid,
  words,
} from '../table/fields.ts'
import { equals, holds, type TimeLimit, whereOf } from '../table/filter.ts'
import type { List } from '../table/page.ts'
import { type Rows, rowsOf, type Table } from '../table/rows.ts'

/** A bill, in US dollars. It outlives its run. A token class that nobody reported is null. */
export const billShape = {
  billingId: d.uuid(),
  userId: d.text(),
  executionId: d.nullable(d.uuid()),
  timestamp: d.time(),
  modelId: d.text(),
  tokensTotal: d.count(),
  tokensInput: d.nullable(d.count()),
  tokensOutput: d.nullable(d.count()),
  tokensCacheRead: d.nullable(d.count()),
  tokensCacheWrite: d.nullable(d.count()),
  tokensReasoning: d.nullable(d.count()),
  cost: d.amount(),
  billingPeriod: d.text(),
  paid: d.boolean(),
  paymentId: d.nullable(d.text()),
  metadata: d.nullable(d.json()),
  createdAt: d.nullable(d.time()),
  updatedAt: d.nullable(d.time()),
}
export type Bill = d.RowOf<typeof billShape>

export interface BillPatch {
  userId?: string | undefined
  executionId?: string | null | undefined
  timestamp?: Date | string | undefined
  modelId?: string | undefined
  /** What was paid for. */
  tokensTotal?: number | undefined
  /** A class of tokens that was not reported is null. */
  tokensInput?: number | null | undefined
  tokensOutput?: number | null | undefined
  tokensCacheRead?: number | null | undefined
  tokensCacheWrite?: number | null | undefined
  tokensReasoning?: number | null | undefined
  /** US dollars, 0 or more. */
  cost?: string | number | undefined
  /** The month that is billed, such as '2024-12'. */
  billingPeriod?: string | undefined
  paid?: boolean | undefined
  paymentId?: string | null | undefined
  /** Any value that JSON has. */
  metadata?: unknown
}

/** What is left out has the table's default: timestamp now, paid false, tokensTotal and cost 0, all else null. */
export interface NewBill extends BillPatch {
  userId: string
  modelId: string
  billingPeriod: string
  /** A UUID; a new UUIDv7 unless given. */
  billingId?: string | undefined
}

export interface BillFilter {
  userId?: string | undefined
  executionId?: string | undefined
  billingPeriod?: string | undefined
  modelId?: string | undefined
  paid?: boolean | undefined
  /** Written at this instant or later. */
  since?: TimeLimit | undefined
  /** Written before this instant. */
  until?: TimeLimit | undefined
}

const TABLE: Table<typeof billShape> = {
  name: 'billing_records',
  alias: 'b',
  noun: 'bill',
  shape: billShape,
  key: ['billingId'],
  required: ['userId', 'modelId', 'billingPeriod'],
  fields: {
    billingId: uuid,
    userId: name,
    executionId: optional(uuid),
    timestamp: time,
    modelId: name,
    tokensTotal: count,
    tokensInput: optional(count),
    tokensOutput: optional(count),
    tokensCacheRead: optional(count),
    tokensCacheWrite: optional(count),
    tokensReasoning: optional(count),
    cost: money,
    billingPeriod: month,
    paid: flag,
    paymentId: optional(words),
    metadata: optional(anything),
  } satisfies Record<keyof NewBill, Kind>,
  // A bill for a closed month goes into an open one, and says which it was for.
  asGiven: { billingPeriod: `coalesce(to_jsonb(r) ->> 'original_period', r.billing_period)` },
}

export const BILLS: List<typeof billShape, BillFilter> = {
  name: 'bills',
  table: TABLE.name,
  alias: TABLE.alias,
  shape: billShape,
  key: 'timestamp',
  keyType: 'timestamptz',
  id: 'billingId',
  order: 'desc',
  where: (filter) => whereOf(CRITERIA, filter),
}

const CRITERIA = {
  userId: equals('b.user_id', name),
  executionId: equals('b.execution_id', uuid),
  // Not only months: the application before wfstore may have named its periods otherwise.
  billingPeriod: equals('b.billing_period', name),
  modelId: equals('b.model_id', name),
  paid: holds('b.paid'),
}

export type Bills = Rows<Bill, NewBill, BillPatch, BillFilter>

export const billRows: (read: Run, write: Run) => Bills = rowsOf(TABLE, BILLS)
