import * as d from '../../db/query/decode.ts'
import type { Run } from '../../db/query/query.ts'
import { raw, type Sql, sql } from '../../db/query/sql.ts'
import { count } from '../../tables/column.ts'
import { sendable } from '../table/fields.ts'
import { type Criterion, conditionsOf, type ExecutionFilter } from '../table/filter.ts'
import { type List, type Page, type PageOptions, page } from '../table/page.ts'
import { CRITERIA, EXECUTIONS, executionShape } from './executions.ts'

/**
 * SQL of the last write to a run: to its row (a heartbeat, the end of a step), to its steps or to its audit entries.
 * @param e the alias of the run
 */
export const lastWrite = (e: string): string =>
  `coalesce(greatest(${e}.updated_at,
      (select max(s.updated_at) from workflow_steps s where s.execution_id = ${e}.execution_id),
      (select max(a.timestamp) from audit_logs a where a.execution_id = ${e}.execution_id)), ${e}.start_time)`

/** SQL: true if the run has had no write for this number of milliseconds, by the server's clock. */
export const idleFor = (e: string, ms: unknown): Sql =>
  sql`${raw(lastWrite(e))} < now() - make_interval(secs => ${ms}::double precision / 1000)`

const runningShape = {
  ...executionShape,
  lastWriteTime: d.time(lastWrite('e')),
}
/** A running run. lastWriteTime shows whether its engine still writes. */
export type RunningExecution = d.RowOf<typeof runningShape>

export interface RunningFilter extends Omit<ExecutionFilter, 'status'> {
  /** Runs without a write for this number of milliseconds, by the server's clock. */
  idleMs?: number | undefined
}

const idle: Criterion = (name, value) => idleFor('e', sendable(count, name, value))

const RUNNING: List<typeof runningShape, RunningFilter> = {
  ...EXECUTIONS,
  name: 'running',
  shape: runningShape,
  order: 'asc',
  where: (filter) => [
    sql`e.status = 'running'`,
    ...conditionsOf({ ...CRITERIA, idleMs: idle }, filter),
  ],
}

/** The running runs, the longest-running first. */
export const listRunning = (
  run: Run,
  options: RunningFilter & PageOptions = {},
): Promise<Page<RunningExecution>> => page(run, RUNNING, options)
