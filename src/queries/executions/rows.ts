import type { Run } from '../../db/query/query.ts'
import { WfstoreError } from '../../error.ts'
import {
  anything,
  count,
  integer,
  type Kind,
  money,
  name,
  optional,
  status,
  time,
  uuid,
  words,
} from '../table/fields.ts'
import { EXECUTION_STATUSES, type ExecutionFilter, type ExecutionStatus } from '../table/filter.ts'
import type { Page, PageOptions } from '../table/page.ts'
import { insertRow, type Rows, rowsOf, type Table } from '../table/rows.ts'
import {
  EXECUTIONS,
  type Execution,
  type ExecutionWithSteps,
  executionShape,
  getExecution,
} from './executions.ts'
import { listRunning, type RunningExecution, type RunningFilter } from './running.ts'

export interface ExecutionPatch {
  workflowName?: string | undefined
  workflowType?: string | undefined
  userId?: string | undefined
  mode?: string | undefined
  modelId?: string | undefined
  status?: ExecutionStatus | undefined
  startTime?: Date | string | undefined
  /** Not before the start; null where the run has not ended. */
  endTime?: Date | string | null | undefined
  /** US dollars, 0 or more. */
  totalCost?: string | number | undefined
  totalTokens?: number | undefined
  /** How many steps are planned. */
  stepsTotal?: number | undefined
  stepsCompleted?: number | undefined
  stepsFailed?: number | undefined
  errorMessage?: string | null | undefined
  /** Any value that JSON has. */
  metadata?: unknown
}

/**
 * A run as a row. What is left out has the table's default: status 'running', workflowType 'autonomous', startTime
 * now, amounts and counts 0.
 */
export interface NewExecution extends ExecutionPatch {
  workflowName: string
  userId: string
  mode: string
  modelId: string
  /** A UUID; a new UUIDv7 unless given. */
  executionId?: string | undefined
}

const TABLE: Table<typeof executionShape> = {
  name: 'workflow_executions',
  alias: 'e',
  noun: 'execution',
  shape: executionShape,
  key: ['executionId'],
  required: ['workflowName', 'userId', 'mode', 'modelId'],
  fields: {
    executionId: uuid,
    workflowName: name,
    workflowType: words,
    userId: name,
    mode: name,
    modelId: name,
    status: status(EXECUTION_STATUSES),
    startTime: time,
    endTime: optional(time),
    totalCost: money,
    totalTokens: count,
    stepsTotal: integer,
    stepsCompleted: integer,
    stepsFailed: integer,
    errorMessage: optional(words),
    metadata: optional(anything),
  } satisfies Record<keyof NewExecution, Kind>,
}

/** Listed newest first by start time. Deleting a run deletes its steps; its audit entries and bills stay. */
export interface Executions
  extends Omit<Rows<Execution, NewExecution, ExecutionPatch, ExecutionFilter>, 'get'> {
  /**
   * One run and its steps in order, of one moment.
   * @param id the whole id, or its first 8 or more characters
   * @throws WfstoreError usage where several runs begin with them, not_found
   */
  get: (id: string) => Promise<ExecutionWithSteps>
  /** A page of the runs that have not finished, the longest-running first. */
  running: (options?: RunningFilter & PageOptions) => Promise<Page<RunningExecution>>
}

export const executionRows = (read: Run, write: Run): Executions => ({
  ...rowsOf(TABLE, EXECUTIONS)(read, write),
  create: (execution) => createExecution(write, execution),
  get: (id) => getExecution(read, id),
  running: (options) => listRunning(read, options),
})

async function createExecution(run: Run, execution: NewExecution): Promise<Execution> {
  const { startTime, endTime } = execution ?? {}
  // The server's clock would be the start, and that end almost surely before it.
  if (endTime !== undefined && endTime !== null && startTime === undefined) {
    throw new WfstoreError('usage', 'startTime is missing: a run that has ended has a start')
  }
  return insertRow(run, TABLE, execution)
}
