import * as d from '../../db/query/decode.ts'
import type { Run } from '../../db/query/query.ts'
import { sql } from '../../db/query/sql.ts'
import { name } from '../../tables/column.ts'
import { ERROR_STATUSES, executions } from '../../tables/executions.ts'
import { CRITERIA as OF_EXECUTIONS } from '../executions/executions.ts'
import { type Criterion, conditionsOf, type ExecutionFilter, equals } from '../table/filter.ts'
import { type List, type ListOptions, type Page, page } from '../table/page.ts'

/** SQL: true for a run that is an error. Without bound values, so that the partial index of a user's errors is used. */
export const IS_ERROR = `e.status in (${ERROR_STATUSES.map((status) => `'${status}'`).join(', ')})`

/** The last failed step of a run. */
const failedStep = (e: string, column: string) =>
  `(select s.${column} from workflow_steps s where s.execution_id = ${e}.execution_id and s.status = 'failed'
      order by s.step_number desc, s.step_id desc limit 1)`

/** The error message of a run or, if it has none, of the step that failed. */
export const messageOf = (e: string): string =>
  `coalesce(nullif(${e}.error_message, ''), ${failedStep(e, 'error_message')})`

const run = d.shapeOf(executions.columns)
const failureShape = {
  executionId: run.executionId,
  startTime: run.startTime,
  endTime: run.endTime,
  /** 'failed' or 'partial'. */
  status: run.status,
  workflowName: run.workflowName,
  mode: run.mode,
  userId: run.userId,
  modelId: run.modelId,
  /** Number of failed steps. */
  stepsFailed: run.stepsFailed,
  /** The last failed step; null if no step failed, for example because the engine died. */
  stepId: d.nullable(d.uuid(failedStep('e', 'step_id'))),
  stepName: d.nullable(d.text(failedStep('e', 'step_name'))),
  /** The tool of that step. */
  toolName: d.nullable(d.text(failedStep('e', 'tool_name'))),
  /** The error message of the run; if it has none, of that step. */
  message: d.nullable(d.text(messageOf('e'))),
}
/** An error: a failed or partial run. */
export type Failure = d.RowOf<typeof failureShape>

/** The filters of errors. Texts match exactly. toolName: runs in which a step of this tool failed. */
export type FailureFilter = Omit<ExecutionFilter, 'status'>

const failedTool: Criterion = (field, value) =>
  sql`exists (select from workflow_steps s where s.execution_id = e.execution_id and s.status = 'failed'
      and ${equals('s.tool_name', name)(field, value)})`

const { status: _, ...ofRuns } = OF_EXECUTIONS
const CRITERIA = { ...ofRuns, toolName: failedTool }

/** The conditions of a filter without its bounds, on the alias e. @throws WfstoreError usage */
export const failureConditions = (filter: Omit<FailureFilter, 'since' | 'until'>) =>
  conditionsOf(CRITERIA, filter)

/** The index has the runs of each status in order of time, but not of several statuses together. */
const PARTS = ERROR_STATUSES.map(
  (status) => `(select * from workflow_executions where status = '${status}')`,
)

export const FAILURE_LIST: List<typeof failureShape, FailureFilter> = {
  name: 'errors',
  table: PARTS,
  alias: 'e',
  shape: failureShape,
  key: 'startTime',
  keyType: 'timestamptz',
  id: 'executionId',
  order: 'desc',
  where: failureConditions,
}

/**
 * Failed and partial runs by start time, newest first, each once. Times are RFC 3339 in UTC with microseconds.
 * @throws WfstoreError usage for an unknown filter, a limit below 1, or a cursor of another query
 */
export const listFailures = (
  run: Run,
  options: FailureFilter & ListOptions<Failure> = {},
): Promise<Page<Failure>> => page(run, FAILURE_LIST, options)
