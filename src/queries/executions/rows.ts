import type { Run } from '../../db/query/query.ts'
import { WfstoreError } from '../../error.ts'
import { checkNames } from '../../options.ts'
import { type ExecutionPatch, executions, type NewExecution } from '../../tables/executions.ts'
import { findIds } from '../ids.ts'
import type { ExecutionFilter } from '../table/filter.ts'
import type { ListOptions, Page } from '../table/page.ts'
import { insertRow, type Rows, rowsOf } from '../table/rows.ts'
import {
  EXECUTIONS,
  type Execution,
  type ExecutionWithSteps,
  executionShape,
  getExecution,
} from './executions.ts'
import { listRunning, type RunningExecution, type RunningFilter } from './running.ts'
import { type ExecutionTree, executionTree, type TreeOptions } from './tree.ts'

const SOURCE = { table: executions, shape: executionShape }

/** Runs, listed by start time, newest first. To delete a run deletes its steps; its audit entries and bills remain. */
export interface Executions
  extends Omit<Rows<Execution, NewExecution, ExecutionPatch, ExecutionFilter>, 'get'> {
  /**
   * One run and its steps in order, read in one statement.
   * @param id the whole id, or at least its first 8 characters
   * @throws WfstoreError usage if it matches several runs, not_found
   */
  get: (id: string) => Promise<ExecutionWithSteps>
  /**
   * The whole ids of runs.
   * @param ids whole ids, or at least their first 8 characters as screens show them
   * @param options removed: include runs that only audit entries or bills name
   * @throws WfstoreError usage if one matches several runs, not_found
   */
  findIds: (ids: readonly string[], options?: { removed?: boolean }) => Promise<string[]>
  /**
   * A run with its ancestors and its sub-runs, as far as they are kept.
   * @param id the whole id, or at least its first 8 characters
   * @throws WfstoreError usage if it matches several runs, not_found
   */
  tree: (id: string, options?: TreeOptions) => Promise<ExecutionTree>
  /** A page of the running runs, the longest-running first. */
  running: (
    options?: RunningFilter & ListOptions<RunningExecution>,
  ) => Promise<Page<RunningExecution>>
}

export const executionRows = (read: Run, write: Run): Executions => ({
  ...rowsOf(SOURCE, EXECUTIONS)(read, write),
  create: (execution) => createExecution(write, execution),
  get: (id) => getExecution(read, id),
  findIds: async (ids, options) => {
    checkNames('executions.findIds', options, { removed: true })
    return findIds(read, 'execution', ids, options)
  },
  tree: (id, options) => executionTree(read, id, options),
  running: (options) => listRunning(read, options),
})

async function createExecution(run: Run, execution: NewExecution): Promise<Execution> {
  const { startTime, endTime } = execution ?? {}
  // The default start is the server's clock, which is almost always after the given end.
  if (endTime !== undefined && endTime !== null && startTime === undefined) {
    throw new WfstoreError('usage', 'startTime is missing: endTime requires startTime')
  }
  return insertRow(run, SOURCE, execution)
}
