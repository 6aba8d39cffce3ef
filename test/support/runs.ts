import type { Run } from '../../src/db/query/query.ts'
import { startExecution } from '../../src/record/recorder/recorder.ts'
import type { ExecutionRecorder } from '../../src/record/recorder/types.ts'
import type { TestDatabase } from './database.ts'
import { withoutTriggers } from './triggers.ts'

export interface StartOptions {
  /** Hours since the last write. */
  hours?: number
  cost?: string
  userId?: string
  executionId?: string
}

/** A run of one step whose engine has left it or died. */
export async function startRun(
  database: TestDatabase,
  run: Run,
  { hours = 0, cost = '0.25', userId = 'user_1', executionId }: StartOptions = {},
): Promise<ExecutionRecorder> {
  const execution = await startExecution(run, {
    workflowName: 'Weekly digest',
    userId,
    mode: 'Admin',
    modelId: 'gpt-4o',
    ...(executionId === undefined ? {} : { executionId }),
  })
  const step = await execution.startStep({ stepNumber: 1, stepName: 'think' })
  await step.finish({ status: 'success', cost, tokens: { input: 7 } })
  await silence(database, execution, hours)
  return execution
}

/** Moves all times of a run into the past, without the trigger that sets updated_at. */
export async function silence(
  database: TestDatabase,
  { executionId }: Pick<ExecutionRecorder, 'executionId'>,
  hours: number,
): Promise<void> {
  const [row] = await database.sql(`select now() - $1::float8 * interval '1 hour' as then`, [hours])
  await withoutTriggers(
    database,
    ...[
      'workflow_executions set updated_at',
      'workflow_steps set updated_at',
      'audit_logs set timestamp',
    ].map((what): [string, unknown[]] => [
      `update ${what} = $2 where execution_id = $1`,
      [executionId, row?.then],
    ]),
  )
}

/** The status of a run, its bills, and the metadata of its final audit entries. */
export async function stateOf(database: TestDatabase, { executionId }: ExecutionRecorder) {
  const [row] = await database.sql(
    `select status, error_message as error, end_time is not null as ended,
       (select json_agg(cost::text || ' ' || tokens_total) from billing_records where execution_id = $1) as bills,
       (select json_agg(metadata) from audit_logs where execution_id = $1 and action_type = 'workflow_end') as ends
     from workflow_executions where execution_id = $1`,
    [executionId],
  )
  return row
}

/** The state of a run that is not closed. */
export const RUNNING = { status: 'running', error: null, ended: false, bills: null, ends: null }
