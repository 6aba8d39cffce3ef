import {
  amount,
  boolean,
  count,
  json,
  key,
  keyText,
  name,
  object,
  optional,
  stamp,
  table,
  text,
  time,
  uuid,
  withDefault,
} from './column.ts'
import type { NewOf, PatchOf } from './types.ts'

/** The audit entries. They remain when their execution is removed. */
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
    /** Such as 'step_end' or 'tool_call'. */
    actionType: name,
    /** One line that a person reads. */
    actionDetails: text,
    toolName: optional(keyText),
    /** Any JSON value. */
    toolInput: optional(json),
    /** Any JSON value. */
    toolOutput: optional(json),
    /** Tokens of the step that this action used. */
    tokensUsed: withDefault(count, '0'),
    /** Cost of the step that this action caused: US dollars, 0 or more. */
    cost: withDefault(amount, '0'),
    modelId: optional(keyText),
    success: withDefault(boolean, 'true'),
    errorMessage: optional(text),
    /** An object of your own data. Older rows may hold any JSON value. */
    metadata: optional(withDefault(object, "'{}'")),
    createdAt: stamp,
  },
})

/** The fields of an audit entry that can be changed. */
export type AuditPatch = PatchOf<typeof audit>
/** A new audit entry. What is left out has the default of the table: timestamp now, success true, tokens and cost 0. */
export type NewAuditEntry = NewOf<typeof audit>
