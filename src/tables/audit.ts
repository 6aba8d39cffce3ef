import {
  amount,
  boolean,
  count,
  json,
  key,
  name,
  optional,
  stamp,
  table,
  text,
  time,
  uuid,
  withDefault,
} from './column.ts'
import type { NewOf, PatchOf } from './types.ts'

/** The audit entries. They outlive the execution that they name. */
export const audit = table({
  kind: 'audit',
  name: 'audit_logs',
  alias: 'a',
  noun: 'audit entry',
  key: ['logId'],
  columns: {
    /** A UUID; a new UUIDv7 if not given. */
    logId: key,
    executionId: optional(uuid),
    stepId: optional(uuid),
    timestamp: withDefault(time, 'now()'),
    userId: name,
    actionType: name,
    actionDetails: text,
    toolName: optional(text),
    /** Any JSON value. */
    toolInput: optional(json),
    /** Any JSON value. */
    toolOutput: optional(json),
    tokensUsed: withDefault(count, '0'),
    /** US dollars, 0 or more. */
    cost: withDefault(amount, '0'),
    modelId: optional(text),
    success: withDefault(boolean, 'true'),
    errorMessage: optional(text),
    /** Any JSON value. */
    metadata: optional(withDefault(json, "'{}'")),
    createdAt: stamp,
  },
})

export type AuditEntryPatch = PatchOf<typeof audit>
export type NewAuditEntry = NewOf<typeof audit>
