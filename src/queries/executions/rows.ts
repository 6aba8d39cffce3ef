import type { Run } from '../../db/query/query.ts'
import { WfstoreError } from '../../error.ts'
import { type ExecutionPatch, executions, type NewExecution } from '../../tables/executions.ts'
import type { ExecutionFilter } from '../table/filter.ts'
import type { Page, PageOptions } from '../table/page.ts'
import { insertRow, type Rows, rowsOf } from '../table/rows.ts'
import {
  EXECUTIONS,
  type Execution,
  type ExecutionWithSteps,
  executionShape,
  getExecution,
} from './executions.ts'
import { listRunning, type RunningExecution, type RunningFilter } from './running.ts'

const SOURCE = { table: executions, shape: executionShape }

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
  ...rowsOf(SOURCE, EXECUTIONS)(read, write),
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
  return insertRow(run, SOURCE, execution)
}
