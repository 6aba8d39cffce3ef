import * as d from '../../db/query/decode.ts'
import type { Run } from '../../db/query/query.ts'
import {
  anything,
  count,
  flag,
  type Kind,
  money,
  name,
  optional,
  time,
  uuid,
  words,
} from '../table/fields.ts'
import { type Criterion, equals, holds, type TimeLimit, whereOf } from '../table/filter.ts'
import type { List } from '../table/page.ts'
import { type Rows, rowsOf, type Table } from '../table/rows.ts'

/** Something that happened. It outlives the run and the step that it speaks of. */
export const auditShape = {
  logId: d.uuid(),
  executionId: d.nullable(d.uuid()),
  stepId: d.nullable(d.uuid()),
  timestamp: d.time(),
  userId: d.text(),
  actionType: d.text(),
  actionDetails: d.text(),
  toolName: d.nullable(d.text()),
  toolInput: d.nullable(d.json()),
  toolOutput: d.nullable(d.json()),
  tokensUsed: d.count(),
  cost: d.amount(),
  modelId: d.nullable(d.text()),
  success: d.boolean(),
  errorMessage: d.nullable(d.text()),
  metadata: d.nullable(d.json()),
  createdAt: d.nullable(d.time()),
}
export type AuditEntry = d.RowOf<typeof auditShape>

export interface AuditPatch {
  executionId?: string | null | undefined
  stepId?: string | null | undefined
  timestamp?: Date | string | undefined
  userId?: string | undefined
  /** Such as 'step_end', 'tool_call'. */
  actionType?: string | undefined
  /** One line for people. */
  actionDetails?: string | undefined
  toolName?: string | null | undefined
  /** Any value that JSON has. */
  toolInput?: unknown
  toolOutput?: unknown
  /** What of its step's tokens this was. */
  tokensUsed?: number | undefined
  /** US dollars, 0 or more: what of its step's cost this was. */
  cost?: string | number | undefined
  modelId?: string | null | undefined
  success?: boolean | undefined
  errorMessage?: string | null | undefined
  metadata?: unknown
}

/** What is left out has the table's default: timestamp now, success true, tokens and cost 0, all else null. */
export interface NewAuditEntry extends AuditPatch {
  userId: string
  actionType: string
  actionDetails: string
  /** A UUID; a new UUIDv7 unless given. */
  logId?: string | undefined
}

export interface AuditFilter {
  executionId?: string | undefined
  stepId?: string | undefined
  userId?: string | undefined
  actionType?: string | undefined
  toolName?: string | undefined
  modelId?: string | undefined
  /** Of the run, while that is kept; mode too. */
  workflowName?: string | undefined
  mode?: string | undefined
  success?: boolean | undefined
  /** Of this instant or later. */
  since?: TimeLimit | undefined
  /** Before this instant. */
  until?: TimeLimit | undefined
}

const TABLE: Table<typeof auditShape> = {
  name: 'audit_logs',
  alias: 'a',
  noun: 'audit entry',
  shape: auditShape,
  key: ['logId'],
  required: ['userId', 'actionType', 'actionDetails'],
  fields: {
    logId: uuid,
    executionId: optional(uuid),
    stepId: optional(uuid),
    timestamp: time,
    userId: name,
    actionType: name,
    actionDetails: words,
    toolName: optional(words),
    toolInput: optional(anything),
    toolOutput: optional(anything),
    tokensUsed: count,
    cost: money,
    modelId: optional(words),
    success: flag,
    errorMessage: optional(words),
    metadata: optional(anything),
  } satisfies Record<keyof NewAuditEntry, Kind>,
}

export const AUDIT: List<typeof auditShape, AuditFilter> = {
  name: 'audit',
  table: TABLE.name,
  alias: TABLE.alias,
  shape: auditShape,
  key: 'timestamp',
  keyType: 'timestamptz',
  id: 'logId',
  order: 'desc',
  where: (filter) => whereOf(CRITERIA, filter),
}

const ofRun =
  (column: string): Criterion =>
  (field, value, bind) =>
    `exists (select from workflow_executions e where e.execution_id = a.execution_id and ${equals(`e.${column}`, name)(field, value, bind)})`

const CRITERIA = {
  executionId: equals('a.execution_id', uuid),
  stepId: equals('a.step_id', uuid),
  userId: equals('a.user_id', name),
  actionType: equals('a.action_type', name),
  toolName: equals('a.tool_name', name),
  modelId: equals('a.model_id', name),
  workflowName: ofRun('workflow_name'),
  mode: ofRun('mode'),
  success: holds('a.success'),
}

export type AuditEntries = Rows<AuditEntry, NewAuditEntry, AuditPatch, AuditFilter>

export const auditRows: (read: Run, write: Run) => AuditEntries = rowsOf(TABLE, AUDIT)
