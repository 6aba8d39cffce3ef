import * as d from '../../db/query/decode.ts'
import type { Run } from '../../db/query/query.ts'
import { type Sql, sql } from '../../db/query/sql.ts'
import { name, uuid } from '../../tables/column.ts'
import {
  type Criterion,
  conditionsOf,
  equals,
  type OneOrMore,
  type TimeLimit,
} from '../table/filter.ts'
import { type List, type Page, type PageOptions, page } from '../table/page.ts'

const failureShape = {
  /** The timestamp of an entry, or the start of a run. */
  time: d.time(),
  /** Id of the audit entry or the run. */
  id: d.uuid(),
  /** 'entry' or 'run'. */
  kind: d.text(),
  executionId: d.nullable(d.uuid()),
  stepId: d.nullable(d.uuid()),
  userId: d.text(),
  /** Set for a run. */
  workflowName: d.nullable(d.text()),
  /** Set for an entry, such as 'tool_call'. */
  actionType: d.nullable(d.text()),
  /** Set for a run: 'failed' or 'partial'. */
  status: d.nullable(d.text()),
  toolName: d.nullable(d.text()),
  modelId: d.nullable(d.text()),
  /** The error message; of an entry without an error message, its details. */
  message: d.nullable(d.text()),
  /** Set for a run. */
  endTime: d.nullable(d.time()),
}
/** A failed audit entry, or a failed or partial run. */
export type Failure = d.RowOf<typeof failureShape>

/** The filters of failures. Values match exactly. */
export interface FailureFilter {
  userId?: OneOrMore | undefined
  /** Workflow of the run; entries of removed runs do not match. */
  workflowName?: OneOrMore | undefined
  /** Mode of the run, as for workflowName. */
  mode?: OneOrMore | undefined
  modelId?: OneOrMore | undefined
  /** Entries of these tools, and runs with a step that used one of them. */
  toolName?: OneOrMore | undefined
  executionId?: OneOrMore | undefined
  /** At this instant or later. */
  since?: TimeLimit | undefined
  /** Before this instant. */
  until?: TimeLimit | undefined
}

const ENTRIES = `(
  select a.timestamp as time, a.log_id as id, 'entry'::text as kind, a.execution_id, a.step_id, a.user_id,
         null::text as workflow_name, null::text as mode, a.action_type, null::text as status, a.tool_name, a.model_id,
         coalesce(nullif(a.error_message, ''), a.action_details) as message, null::timestamptz as end_time
  from audit_logs a where not a.success)`

/** The index gives failed runs in order of time, and partial runs too, but not both together. */
const runsOf = (status: string) => `(
  select r.start_time as time, r.execution_id as id, 'run'::text as kind, r.execution_id, null::uuid as step_id, r.user_id,
         r.workflow_name, r.mode, null::text as action_type, r.status, null::text as tool_name, r.model_id,
         r.error_message as message, r.end_time
  from workflow_executions r where r.status = '${status}')`

/** The parts of all failures. */
const FAILURES = [ENTRIES, runsOf('failed'), runsOf('partial')]

/** All failures as one table. */
export const ALL_FAILURES = `(${FAILURES.map((part) => `select * from ${part} f`).join(' union all ')})`

/** The column of a run, or for an entry the column of its run. */
const ofRun =
  (column: string): Criterion =>
  (field, value) => {
    const own = equals(`f.${column}`, name)(field, value)
    const run = equals(`w.${column}`, name)(field, value)
    return sql`(${own} or f.kind = 'entry' and exists (
      select from workflow_executions w where w.execution_id = f.execution_id and ${run}))`
  }

const usesTool: Criterion = (field, value) => {
  const own = equals('f.tool_name', name)(field, value)
  const step = equals('s.tool_name', name)(field, value)
  return sql`(${own} or f.kind = 'run' and exists (
    select from workflow_steps s where s.execution_id = f.id and ${step}))`
}

const CRITERIA = {
  userId: equals('f.user_id', name),
  workflowName: ofRun('workflow_name'),
  mode: ofRun('mode'),
  modelId: equals('f.model_id', name),
  toolName: usesTool,
  executionId: equals('f.execution_id', uuid),
}

/** The conditions of a filter without its bounds, on the alias f. @throws WfstoreError usage */
export const failureConditions = (filter: Omit<FailureFilter, 'since' | 'until'>): Sql[] =>
  conditionsOf(CRITERIA, filter)

const LIST: List<typeof failureShape, FailureFilter> = {
  name: 'errors',
  table: FAILURES,
  alias: 'f',
  shape: failureShape,
  key: 'time',
  keyType: 'timestamptz',
  id: 'id',
  order: 'desc',
  where: failureConditions,
}

/**
 * Failed entries and failed or partial runs, newest first. Times are RFC 3339 in UTC with microseconds.
 * @throws WfstoreError usage for an unknown filter, a limit below 1, or a cursor of another query
 */
export const listFailures = (
  run: Run,
  options: FailureFilter & PageOptions = {},
): Promise<Page<Failure>> => page(run, LIST, options)
