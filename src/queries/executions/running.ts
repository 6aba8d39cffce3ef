import * as d from '../../db/query/decode.ts'
import type { Run } from '../../db/query/query.ts'
import { raw, type Sql, sql } from '../../db/query/sql.ts'
import { WfstoreError } from '../../error.ts'
import { conditionsOf, type ExecutionFilter, holds, where } from '../table/filter.ts'
import { type List, type ListOptions, type Page, page } from '../table/page.ts'
import { countOf } from '../table/validate.ts'
import { CRITERIA, EXECUTIONS, executionShape } from './executions.ts'

/**
 * SQL of the last write to a run: to its row (a heartbeat, the end of a step), to its steps or to its audit entries.
 * @param e the alias of the run
 */
export const lastWrite = (e: string): string =>
  `coalesce(greatest(${e}.updated_at,
      (select max(s.updated_at) from workflow_steps s where s.execution_id = ${e}.execution_id),
      (select max(a.timestamp) from audit_logs a where a.execution_id = ${e}.execution_id)), ${e}.start_time)`

/**
 * A running run is stuck when it has had no write for this long. The longest wait of an engine is for its model, and the
 * clients of OpenAI and Anthropic time out after 10 minutes by default.
 */
export const STUCK_AFTER_MS = 600_000

/** SQL: true if the run has had no write for this number of milliseconds, by the server's clock. */
export const idleFor = (e: string, ms: unknown): Sql =>
  sql`${raw(lastWrite(e))} < now() - make_interval(secs => ${ms}::double precision / 1000)`

/** @throws WfstoreError usage */
export function stuckLimit(stuckAfterMs: number | undefined = STUCK_AFTER_MS): number {
  const ms = countOf('stuckAfterMs', stuckAfterMs)
  if (ms === null) throw new WfstoreError('usage', 'stuckAfterMs is null')
  return ms
}

/** SQL: true if the run, which is running, is stuck. `ms` comes from stuckLimit. */
export const isStuck = (e: string, ms: number): string =>
  `(${lastWrite(e)} < now() - interval '${ms} milliseconds')`

/** SQL: the number of stuck runs of a table that has the columns of workflow_executions. */
export const countStuck = (table: Sql, ms: number): Sql =>
  sql`(select count(*) from ${table} e where e.status = 'running' and ${raw(isStuck('e', ms))})`

const runningShape = (ms: number) => ({
  ...executionShape,
  /** Always null: a list in its order would be in no order. */
  durationMs: { ...executionShape.durationMs, unordered: true as const },
  lastWriteTime: d.time(lastWrite('e')),
  /** The run has had no write for stuckAfterMs. */
  stuck: d.boolean(isStuck('e', ms)),
})
/** A running run. lastWriteTime shows whether its engine still writes. */
export type RunningExecution = d.RowOf<ReturnType<typeof runningShape>>

export interface RunningFilter extends Omit<ExecutionFilter, 'status'> {
  /** Only runs that are stuck, or only the others. */
  stuck?: boolean | undefined
  /** A run is stuck without a write for this number of milliseconds, by the server's clock (default: 600000). */
  stuckAfterMs?: number | undefined
}

export const runningList = (ms: number): List<ReturnType<typeof runningShape>, RunningFilter> => ({
  ...EXECUTIONS,
  name: 'running',
  shape: runningShape(ms),
  order: 'asc',
  where: ({ stuckAfterMs: _, ...filter }) => [
    sql`e.status = 'running'`,
    ...conditionsOf({ ...CRITERIA, stuck: holds(isStuck('e', ms)) }, filter),
  ],
})

/** The running runs, the longest-running first. @throws WfstoreError usage */
export const listRunning = async (
  run: Run,
  options: RunningFilter & ListOptions<RunningExecution> = {},
): Promise<Page<RunningExecution>> =>
  page(run, runningList(stuckLimit(options.stuckAfterMs)), options)

/** The number of stuck runs of all users or of one. @throws WfstoreError usage */
export async function readStuck(
  run: Run,
  userId: string | undefined,
  stuckAfterMs: number | undefined,
): Promise<number> {
  const [row] = await run(
    sql`select ${countStuck(
      sql`(select * from workflow_executions e ${where(conditionsOf(CRITERIA, { userId }))})`,
      stuckLimit(stuckAfterMs),
    )} as stuck`,
    { stuck: d.count() },
  )
  return row?.stuck ?? 0
}
