import * as d from '../../db/query/decode.ts'
import type { Run } from '../../db/query/query.ts'
import { type BillPatch, bills, type NewBill } from '../../tables/bills.ts'
import { name, uuid } from '../../tables/column.ts'
import {
  conditionsOf,
  equals,
  holds,
  inOrder,
  type OneOrMore,
  type TagFilter,
  type TimeLimit,
} from '../table/filter.ts'
import type { List } from '../table/page.ts'
import { type RowSource, type Rows, rowsOf } from '../table/rows.ts'
import { taggedBy } from '../table/tag-filter.ts'

export const billShape: d.ShapeOf<typeof bills.columns> = d.shapeOf(bills.columns)
/** A bill, in US dollars. It remains when its run is removed. A token class that was not reported is null. */
export type Bill = d.RowOf<typeof billShape>

export interface BillFilter {
  userId?: OneOrMore | undefined
  executionId?: OneOrMore | undefined
  billingPeriod?: OneOrMore | undefined
  modelId?: OneOrMore | undefined
  paid?: boolean | undefined
  /** Tags of the run when it was billed: all names, and any value of each. */
  tags?: TagFilter | undefined
  /** Bills that were written at this instant or later. */
  since?: TimeLimit | undefined
  /** Bills that were written before this instant. */
  until?: TimeLimit | undefined
}

const SOURCE: RowSource<typeof billShape> = {
  table: bills,
  shape: billShape,
  // A bill for a closed month goes to an open month; original_period keeps the given month.
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
  where: (filter) => conditionsOf(CRITERIA, filter),
}

const CRITERIA = {
  userId: inOrder('b.user_id', name),
  executionId: equals('b.execution_id', uuid),
  // Any name, because the old application may have used other names than months.
  billingPeriod: inOrder('b.billing_period', name),
  modelId: equals('b.model_id', name),
  paid: holds('b.paid'),
  tags: taggedBy('b.tags'),
}

export type Bills = Rows<Bill, NewBill, BillPatch, BillFilter>

export const billRows: (read: Run, write: Run) => Bills = rowsOf(SOURCE, BILLS)
