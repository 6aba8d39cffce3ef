import * as d from '../../db/query/decode.ts'
import type { Run } from '../../db/query/query.ts'
import { raw, sql } from '../../db/query/sql.ts'
import { countOf } from '../table/validate.ts'
import { type Execution, executionShape } from './executions.ts'
import { longText, shortJson } from './limited.ts'
import { stepShape } from './steps.ts'

const {
  stepId,
  stepNumber,
  stepName,
  status,
  startTime,
  endTime,
  durationMs,
  retryCount,
  cost,
  costSource,
} = stepShape
/** What a timeline needs of a step: a run may have thousands. */
const outlinedShape = {
  ...{ stepId, stepNumber, stepName, status, startTime, endTime },
  ...{ durationMs, retryCount, cost, costSource },
}
export type OutlinedStep = d.RowOf<typeof outlinedShape>

const shape = {
  ...executionShape,
  errorMessage: d.nullable(longText('e.error_message')),
  metadata: shortJson('e.metadata'),
  isTraced: d.boolean(`coalesce(e.metadata = '{"source": "opentelemetry"}', false)`),
}

/** A run with the outline of its steps. */
export interface ExecutionOutline extends Omit<Execution, 'metadata'> {
  /** As text on several lines; '' if it is too large to show. */
  metadata: string | null
  /** Whether the run came from OpenTelemetry. */
  isTraced: boolean
  /** In order. */
  steps: OutlinedStep[]
  /** Number of steps: more than `steps` has if they are cut. */
  stepCount: number
}

/** The number of steps that are read, which take about 0.2 kB each. */
const MOST_STEPS = 20_000

/** One run with its steps in order, without their data; undefined if it is not kept. */
export async function executionOutline(
  run: Run,
  executionId: string,
  options: { limit?: number } = {},
): Promise<ExecutionOutline | undefined> {
  const limit = countOf('limit', options.limit, 1) ?? MOST_STEPS
  const [found] = await run(
    sql`select ${raw(d.selectList(shape, 'e'))}, (
       select json_agg(${raw(d.jsonArrayOf(outlinedShape, 's'))} order by s.step_number, s.start_time, s.step_id) from (
         select * from workflow_steps s where s.execution_id = e.execution_id
         order by s.step_number, s.start_time, s.step_id limit ${limit}::bigint) as s) as steps,
       (select count(*) from workflow_steps s where s.execution_id = e.execution_id) as step_count
     from workflow_executions e where e.execution_id = ${executionId}::uuid`,
    { ...shape, steps: d.nullable(d.rows(outlinedShape)), stepCount: d.count() },
  )
  return found && { ...found, steps: found.steps ?? [] }
}
