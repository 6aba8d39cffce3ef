import * as d from '../../db/query/decode.ts'
import type { Run } from '../../db/query/query.ts'
import { raw, type Sql, sql } from '../../db/query/sql.ts'
import { WfstoreError } from '../../error.ts'
import { name, uuid } from '../../tables/column.ts'
import { executions } from '../../tables/executions.ts'
import { conditionsOf, type ExecutionFilter, equals, timeBounds, within } from '../table/filter.ts'
import type { List, PageOptions } from '../table/page.ts'
import { type Step, stepShape } from './steps.ts'

export type { Run } from '../../db/query/query.ts'
export type { Page } from '../table/page.ts'
export type { Step } from './steps.ts'

const computed = {
  /** Milliseconds from start to end; null until the run has ended. */
  durationMs: d.nullable(d.number('(extract(epoch from e.end_time - e.start_time) * 1000)')),
}
export const executionShape: d.ShapeOf<typeof executions.columns> & typeof computed = {
  ...d.shapeOf(executions.columns),
  ...computed,
}
/** A run. Times are RFC 3339 in UTC with microseconds; totalCost is US dollars as an exact decimal. */
export type Execution = d.RowOf<typeof executionShape>

export type ExecutionWithSteps = Execution & { steps: Step[] }

/** The filter and the page of a list, with a limit. */
export type ExecutionListOptions = ExecutionFilter & PageOptions & { limit: number }

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
  userId: equals('e.user_id', name),
  status: equals('e.status', executions.columns.status),
  mode: equals('e.mode', name),
  modelId: equals('e.model_id', name),
  workflowName: equals('e.workflow_name', name),
  executionId: equals('e.execution_id', uuid),
  toolName: (field: string, value: unknown) =>
    sql`exists (select from workflow_steps s where s.execution_id = e.execution_id and ${equals('s.tool_name', name)(field, value)})`,
}

/** The conditions of a filter, for the alias e. @throws WfstoreError usage */
export const executionConditions = ({ since, until, ...filter }: ExecutionFilter): Sql[] => [
  ...conditionsOf(CRITERIA, filter),
  ...within('e.start_time', timeBounds({ since, until })),
]

const SHORTEST_PREFIX = 8
const ZERO = '00000000-0000-0000-0000-000000000000'

/**
 * One run with its steps in order, read in one statement.
 * @param id the whole id, or at least its first 8 characters as lists show them
 * @throws WfstoreError usage if it is not an id or matches several runs, not_found
 */
export async function getExecution(run: Run, id: string): Promise<ExecutionWithSteps> {
  const [first, last] = idRange(id)
  const found = await run(
    sql`select ${raw(d.selectList(executionShape, 'e'))}, (
       select json_agg(${raw(d.jsonArrayOf(stepShape, 's'))} order by s.step_number, s.start_time, s.step_id)
       from workflow_steps s where s.execution_id = e.execution_id) as steps
     from workflow_executions e where e.execution_id between ${first}::uuid and ${last}::uuid
     order by e.execution_id limit 3`,
    { ...executionShape, steps: d.nullable(d.json()) },
  )
  const [execution] = found
  if (!execution)
    throw new WfstoreError('not_found', `execution ${id} does not exist`, {
      hint: 'it may have been removed by a cleanup',
    })
  if (found.length > 1) {
    const candidates = found.map((row) => row.executionId).join(', ')
    throw new WfstoreError('usage', `${id} matches several executions`, {
      hint: `use more characters: ${candidates}`,
    })
  }
  const steps = execution.steps === null ? [] : (JSON.parse(execution.steps) as (string | null)[][])
  return { ...execution, steps: d.decodeArrays(stepShape, steps) }
}

/**
 * The smallest and largest id that begin with these characters.
 * @throws WfstoreError usage if they are not a UUID or the beginning of a UUID
 */
export const idRange = (id: string) => rangeOf('execution', id)

/** The same for another noun. */
export function rangeOf(noun: string, id: string): [first: string, last: string] {
  const given = String(id).toLowerCase()
  const wellFormed =
    given.length <= ZERO.length &&
    given.length >= SHORTEST_PREFIX &&
    [...given].every((character, index) =>
      ZERO[index] === '-' ? character === '-' : /[0-9a-f]/.test(character),
    )
  if (!wellFormed) {
    throw new WfstoreError('usage', `${JSON.stringify(id)} is not an ${noun} id`, {
      hint: `use a UUID, or at least its first ${SHORTEST_PREFIX} characters`,
    })
  }
  return [given + ZERO.slice(given.length), given + ZERO.slice(given.length).replaceAll('0', 'f')]
}
