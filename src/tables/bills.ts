import {
  amount,
  boolean,
  byWfstore,
  count,
  key,
  month,
  name,
  object,
  optional,
  stamp,
  table,
  tags as tagsColumn,
  text,
  time,
  uuid,
  withDefault,
} from './column.ts'
import { tokenColumns } from './tokens.ts'
import type { NewOf, PatchOf } from './types.ts'

const { tokensInput, tokensOutput, ...laterColumns } = tokenColumns

/** The bills, one for each finished execution. They remain when it is removed. A correction is a separate bill. */
export const bills = table({
  kind: 'bill',
  name: 'billing_records',
  alias: 'b',
  noun: 'bill',
  key: ['billingId'],
  correction: 'corrects',
  columns: {
    /** A UUID; a new UUIDv7 if not given. */
    billingId: key,
    userId: name,
    executionId: optional(uuid),
    timestamp: withDefault(time, 'now()'),
    modelId: name,
    tokensInput,
    tokensOutput,
    /** Number of billed tokens. */
    tokensTotal: withDefault(count, '0'),
    /** US dollars, 0 or more; a correction may be below 0. */
    cost: withDefault(amount, '0'),
    /** The month that is billed, such as 2024-12. */
    billingPeriod: month,
    paid: withDefault(boolean, 'false'),
    /** The id of the payment in another system: an invoice, a transfer. */
    paymentId: optional(text),
    /** An object of your own data. Older rows may hold any JSON value. */
    metadata: optional(withDefault(object, "'{}'")),
    createdAt: stamp,
    updatedAt: stamp,
    ...laterColumns,
    /** The bill that this one corrects. */
    corrects: byWfstore(optional(uuid)),
    /** The given month, if it was closed and the bill went to an open month. */
    originalPeriod: byWfstore(optional(month)),
    /** The tags of the run when it was billed. */
    tags: withDefault(tagsColumn, "'{}'"),
  },
})

/** The fields of a bill that can be changed. */
export type BillPatch = PatchOf<typeof bills>
/** A new bill. What is left out has the default of the table: timestamp now, paid false, tokensTotal and cost 0. */
export type NewBill = NewOf<typeof bills>
