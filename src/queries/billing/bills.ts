import * as d from '../../db/query/decode.ts'
import type { Run } from '../../db/query/query.ts'
import { type BillPatch, bills, type NewBill } from '../../tables/bills.ts'
import { name, uuid } from '../../tables/column.ts'
import { equals, holds, type TimeLimit, whereOf } from '../table/filter.ts'
import type { List } from '../table/page.ts'
import { type RowSource, type Rows, rowsOf } from '../table/rows.ts'

export const billShape: d.ShapeOf<typeof bills.columns> = d.shapeOf(bills.columns)
/** A bill, in US dollars. It outlives its run. A token class that was not reported is null. */
export type Bill = d.RowOf<typeof billShape>

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

const SOURCE: RowSource<typeof billShape> = {
  table: bills,
  shape: billShape,
  // A bill for a closed month goes into an open month and keeps the month that it was for.
  asGiven: { billingPeriod: 'coalesce(r.original_period, r.billing_period)' },
}

export const BILLS: List<typeof billShape, BillFilter> = {
  name: 'bills',
  table: bills.name,
  alias: bills.alias,
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

export const billRows: (read: Run, write: Run) => Bills = rowsOf(SOURCE, BILLS)
