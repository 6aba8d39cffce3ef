import * as d from '../../db/query/decode.ts'
import type { Run } from '../../db/query/query.ts'
import { send } from '../../db/query/send.ts'
import { type Sql, sql } from '../../db/query/sql.ts'
import { WfstoreError } from '../../error.ts'
import type { ExecutionStatus } from '../../tables/executions.ts'
import type { StepStatus } from '../../tables/steps.ts'
import { derivedId } from './identity.ts'

/** The id of the bill that the recorder writes for a run. */
export const billOf = (executionId: string): string => derivedId('bill', executionId)

/** What was recorded under an id, as `r`. */
export const executionOf = (executionId: string): Sql =>
  sql`(select * from workflow_executions where execution_id = ${executionId}::uuid) as r`
export const stepOf = (executionId: string, stepId: string): Sql =>
  sql`(select * from workflow_steps where execution_id = ${executionId}::uuid and step_id = ${stepId}::uuid) as r`
export const entryOf = (logId: string): Sql =>
  sql`(select * from audit_logs where log_id = ${logId}::uuid) as r`

export const missingExecution = (executionId: string): WfstoreError =>
  new WfstoreError('not_found', `execution ${executionId} does not exist`, {
    hint: 'it may have been deleted, or removed by a cleanup',
  })

const executionShape = { status: d.word<ExecutionStatus>(), startTime: d.time() }

/** @throws WfstoreError not_found */
export async function readExecutionState(run: Run, executionId: string) {
  const [row] = await send(
    run,
    sql`select status, to_json(start_time) #>> '{}' as start_time from workflow_executions where execution_id = ${executionId}::uuid`,
    executionShape,
  )
  if (!row) throw missingExecution(executionId)
  return row
}

const stepShape = {
  status: d.word<StepStatus>(),
  retryCount: d.count(),
  startTime: d.nullable(d.time()),
  executionStatus: d.text(),
  /** True if the end of its run has skipped it. */
  leftOpen: d.boolean(),
  /** True if it has tokens or a cost, which belong to its model. */
  hasCost: d.boolean(),
  provider: d.nullable(d.text()),
  modelId: d.nullable(d.text()),
}

/** A step and its run. @throws WfstoreError not_found */
export async function readStepState(run: Run, executionId: string, stepId: string) {
  const [row] = await send(
    run,
    sql`select s.status, s.retry_count, to_json(s.start_time) #>> '{}' as start_time, e.status as execution_status,
            s.status = 'skipped' and s.end_time is null as left_open,
            s.tokens_used <> 0 or s.cost <> 0 as has_cost, s.provider, s.model_id
     from workflow_executions e
     join workflow_steps s on s.execution_id = e.execution_id and s.step_id = ${stepId}::uuid
     where e.execution_id = ${executionId}::uuid`,
    stepShape,
  )
  if (row) return row
  await readExecutionState(run, executionId)
  throw new WfstoreError('not_found', `step ${stepId} of execution ${executionId} does not exist`)
}
