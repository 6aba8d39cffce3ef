import * as d from '../../db/query/decode.ts'
import type { Run } from '../../db/query/query.ts'
import { raw, type Sql, sql } from '../../db/query/sql.ts'
import { keyText, name, uuid } from '../../tables/column.ts'
import { executions, runTime } from '../../tables/executions.ts'
import { isUuid } from '../../uuid.ts'
import { findIds, missing } from '../ids.ts'
import {
  conditionsOf,
  type ExecutionFilter,
  equals,
  inOrder,
  timeBounds,
  within,
} from '../table/filter.ts'
import type { List, ListOptions } from '../table/page.ts'
import { taggedBy } from '../table/tag-filter.ts'
import { type Step, stepShape } from './steps.ts'

export type { Run } from '../../db/query/query.ts'
export type { Page } from '../table/page.ts'
export type { Step } from './steps.ts'

const computed = {
  /** Milliseconds from start to end; null until the run has ended. */
  durationMs: d.nullable(d.number(`(extract(epoch from ${runTime('e')}) * 1000)`)),
}
export const executionShape: d.ShapeOf<typeof executions.columns> & typeof computed = {
  ...d.shapeOf(executions.columns),
  ...computed,
}
/** A run. Times are RFC 3339 in UTC with microseconds; totalCost is US dollars as an exact decimal. */
export type Execution = d.RowOf<typeof executionShape>

export type ExecutionWithSteps = Execution & { steps: Step[] }

/** The filter and the page of a list, with a limit. */
export type ExecutionListOptions = ExecutionFilter & ListOptions<Execution> & { limit: number }

/** Runs by start time, newest first; runs with the same start by id. */
export const EXECUTIONS: List<typeof executionShape, ExecutionFilter> = {
  name: 'executions',
  table: executions.name,
  alias: executions.alias,
  shape: executionShape,
  key: 'startTime',
  keyType: 'timestamptz',
  id: 'executionId',
  order: 'desc',
  where: (filter) => conditionsOf(CRITERIA, filter),
}

export const CRITERIA = {
  userId: inOrder('e.user_id', name),
  status: inOrder('e.status', executions.columns.status),
  mode: equals('e.mode', name),
  /** Of the run or of one of its steps. */
  modelId: (field: string, value: unknown) =>
    sql`(${equals('e.model_id', name)(field, value)} or exists (
      select from workflow_steps s where s.execution_id = e.execution_id and ${equals('s.model_id', name)(field, value)}))`,
  workflowName: inOrder('e.workflow_name', name),
  executionId: equals('e.execution_id', uuid),
  tags: taggedBy('e.tags'),
  sessionId: inOrder('e.session_id', keyText),
  parentExecutionId: inOrder('e.parent_execution_id', uuid),
  toolName: (field: string, value: unknown) =>
    sql`exists (select from workflow_steps s where s.execution_id = e.execution_id and ${equals('s.tool_name', name)(field, value)})`,
}

/** The conditions of a filter, for the alias e. @throws WfstoreError usage */
export const executionConditions = ({ since, until, ...filter }: ExecutionFilter): Sql[] => [
  ...conditionsOf(CRITERIA, filter),
  ...within('e.start_time', timeBounds({ since, until })),
]

/**
 * One run with its steps in order, read in one statement.
 * @param id the whole id, or at least its first 8 characters as lists show them
 * @throws WfstoreError usage if it is not an id or matches several runs, not_found
 */
export async function getExecution(run: Run, id: string): Promise<ExecutionWithSteps> {
  const [executionId] = isUuid(id) ? [id] : await findIds(run, 'execution', [id])
  const [execution] = await run(
    sql`select ${raw(d.selectList(executionShape, 'e'))}, (
       select json_agg(${raw(d.jsonArrayOf(stepShape, 's'))} order by s.step_number, s.start_time, s.step_id)
       from workflow_steps s where s.execution_id = e.execution_id) as steps
     from workflow_executions e where e.execution_id = ${executionId}::uuid`,
    { ...executionShape, steps: d.nullable(d.rows(stepShape)) },
  )
  if (!execution) throw missing('execution', id)
  return { ...execution, steps: execution.steps ?? [] }
}
