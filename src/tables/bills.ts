import {
  amount,
  boolean,
  byWfstore,
  count,
  json,
  key,
  month,
  name,
  optional,
  stamp,
  table,
  text,
  time,
  uuid,
  withDefault,
} from './column.ts'
import { TOKEN_CLASSES } from './tokens.ts'
import type { NewOf, PatchOf } from './types.ts'

const { tokensInput, tokensOutput, ...LATER_CLASSES } = TOKEN_CLASSES

/** The bills, one for each finished execution, which they outlive; a correction is a bill of its own. */
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
    /** All tokens that are paid for. */
    tokensTotal: withDefault(count, '0'),
    /** US dollars, 0 or more; a correction may be below 0. */
    cost: withDefault(amount, '0'),
    /** The month that is billed, such as 2024-12. */
    billingPeriod: month,
    paid: withDefault(boolean, 'false'),
    paymentId: optional(text),
    /** Any JSON value. */
    metadata: optional(withDefault(json, "'{}'")),
    createdAt: stamp,
    updatedAt: stamp,
    ...LATER_CLASSES,
    /** The bill that this one corrects. */
    corrects: byWfstore(optional(uuid)),
    /** The month that was given, where it was closed and the bill went into an open one. */
    originalPeriod: byWfstore(optional(text)),
  },
})

export type BillPatch = PatchOf<typeof bills>
export type NewBill = NewOf<typeof bills>
