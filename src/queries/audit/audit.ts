import * as d from '../../db/query/decode.ts'
import type { Run } from '../../db/query/query.ts'
import { sql } from '../../db/query/sql.ts'
import { type AuditPatch, audit, type NewAuditEntry } from '../../tables/audit.ts'
import { keyText, name, uuid } from '../../tables/column.ts'
import {
  type Criterion,
  conditionsOf,
  equals,
  holds,
  inOrder,
  type OneOrMore,
  type TagFilter,
  type TimeLimit,
} from '../table/filter.ts'
import type { List } from '../table/page.ts'
import { type Rows, rowsOf } from '../table/rows.ts'
import { taggedBy } from '../table/tag-filter.ts'

export const auditShape: d.ShapeOf<typeof audit.columns> = d.shapeOf(audit.columns)
/** An audit entry. It remains when its run and its step are removed. */
export type AuditEntry = d.RowOf<typeof auditShape>

export interface AuditFilter {
  executionId?: OneOrMore | undefined
  stepId?: OneOrMore | undefined
  userId?: OneOrMore | undefined
  actionType?: OneOrMore | undefined
  toolName?: OneOrMore | undefined
  modelId?: OneOrMore | undefined
  /** Workflow of the run; entries of removed runs do not match. The same holds for mode. */
  workflowName?: OneOrMore | undefined
  mode?: OneOrMore | undefined
  /** Tags of the run; entries of removed runs do not match. */
  tags?: TagFilter | undefined
  /** Session of the run; entries of removed runs do not match. The same holds for parentExecutionId. */
  sessionId?: OneOrMore | undefined
  parentExecutionId?: OneOrMore | undefined
  success?: boolean | undefined
  /** At this instant or later. */
  since?: TimeLimit | undefined
  /** Before this instant. */
  until?: TimeLimit | undefined
}

export const AUDIT: List<typeof auditShape, AuditFilter> = {
  name: 'audit',
  table: audit.name,
  alias: audit.alias,
  shape: auditShape,
  key: 'timestamp',
  keyType: 'timestamptz',
  id: 'logId',
  order: 'desc',
  where: (filter) => conditionsOf(CRITERIA, filter),
}

const ofRun =
  (criterion: Criterion): Criterion =>
  (field, value) =>
    sql`exists (select from workflow_executions e where e.execution_id = a.execution_id and ${criterion(field, value)})`

const CRITERIA = {
  executionId: equals('a.execution_id', uuid),
  stepId: equals('a.step_id', uuid),
  userId: inOrder('a.user_id', name),
  actionType: equals('a.action_type', name),
  toolName: equals('a.tool_name', name),
  modelId: equals('a.model_id', name),
  workflowName: ofRun(equals('e.workflow_name', name)),
  mode: ofRun(equals('e.mode', name)),
  tags: ofRun(taggedBy('e.tags')),
  sessionId: ofRun(equals('e.session_id', keyText)),
  parentExecutionId: ofRun(equals('e.parent_execution_id', uuid)),
  success: holds('a.success'),
}

export type AuditEntries = Rows<AuditEntry, NewAuditEntry, AuditPatch, AuditFilter>

export const auditRows: (read: Run, write: Run) => AuditEntries = rowsOf(
  { table: audit, shape: auditShape },
  AUDIT,
)
