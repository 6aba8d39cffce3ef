import * as d from '../../db/query/decode.ts'
import type { Run } from '../../db/query/query.ts'
import { raw, sql } from '../../db/query/sql.ts'
import { WfstoreError } from '../../error.ts'
import { checkNames, type Names } from '../../options.ts'
import { lastWrite, listRunning, type RunningFilter } from '../../queries/executions/running.ts'
import { findIds } from '../../queries/ids.ts'
import { countOf, optionalText } from '../../queries/table/validate.ts'
import type { ExecutionStatus } from '../../tables/executions.ts'
import { missingExecution, readExecutionState } from './lookups.ts'
import { endRunning } from './recorder.ts'

const closedShape = {
  executionId: d.uuid(),
  workflowName: d.text(),
  userId: d.text(),
  status: d.word<ExecutionStatus>(),
  /** The billed cost: US dollars, exact. */
  totalCost: d.amount(),
  /** The last write of the engine before the run was closed. */
  lastWriteTime: d.time(lastWrite('e')),
}
export type ClosedExecution = d.RowOf<typeof closedShape>

export interface CloseOptions {
  /** The error message of the runs (default for `failStuck`: the time of the last write). */
  reason?: string | undefined
  /** The person who closes them, for the audit entry, in addition to the database user. */
  closedBy?:
    | {
        osUser?: string | undefined
        /** Who has asked a server for it. */
        caller?: string | undefined
        command?: string | undefined
      }
    | undefined
  /** Change nothing, and return the runs that would be closed. */
  dryRun?: boolean | undefined
  /** Called before the first run is closed; throw to stop. */
  confirm?: ((runs: readonly ClosedExecution[]) => Promise<void>) | undefined
}

const OPTIONS: Names<CloseOptions> = { reason: true, closedBy: true, dryRun: true, confirm: true }
const PERSON: Names<NonNullable<CloseOptions['closedBy']>> = {
  osUser: true,
  caller: true,
  command: true,
}

export interface CloseResult {
  /** The closed runs with their new values; in a dry run with their current values. */
  closed: ClosedExecution[]
  /** Runs that were not closed, because they had finished, or the engine wrote to them at the same time. */
  left: { executionId: string; status: ExecutionStatus }[]
  /** Runs that the database refuses to close, with its reason. They do not stop the others. */
  failed: { executionId: string; message: string }[]
}

/**
 * Cancels runs like `run.cancel`: it bills their cost, and an audit entry names the user. Finished runs do not change; they
 * are in `left`.
 * @param ids whole ids, or at least their first 8 characters
 * @throws WfstoreError usage if one is not an id or matches several runs, not_found; then nothing changes
 */
export async function cancelExecutions(
  run: Run,
  ids: readonly string[],
  options: CloseOptions = {},
): Promise<CloseResult> {
  checkNames('executions.cancel', options, OPTIONS)
  const found = await findExecutions(run, ids)
  const running = found.filter(({ status }) => status === 'running')
  const left = found.filter(({ status }) => status !== 'running')
  const result = await close(run, running, options, { status: 'cancelled', idleMs: undefined })
  return {
    ...result,
    left: [...left.map(({ executionId, status }) => ({ executionId, status })), ...result.left],
  }
}

export interface FailStuckOptions
  extends Omit<RunningFilter, 'stuck' | 'stuckAfterMs'>,
    CloseOptions {
  /** Runs without a write for this number of milliseconds, by the server's clock. */
  olderThanMs: number
}

/**
 * Marks runs as failed whose engine has written nothing for the given time, like `run.finish`. If the engine writes to a run
 * at the same time, the run continues and is in `left`.
 * @throws WfstoreError usage
 */
export async function failStuckExecutions(
  run: Run,
  options: FailStuckOptions,
): Promise<CloseResult> {
  const { olderThanMs, reason, closedBy, dryRun, confirm, ...filter } = options
  const idleMs = countOf('olderThanMs', olderThanMs)
  if (idleMs === null) throw new WfstoreError('usage', 'olderThanMs is missing')
  const runs: ClosedExecution[] = []
  let cursor: string | undefined
  do {
    const page = await listRunning(run, {
      ...filter,
      stuck: true,
      stuckAfterMs: idleMs,
      limit: PAGE,
      cursor,
    })
    for (const { executionId, workflowName, userId, status, totalCost, lastWriteTime } of page.rows)
      runs.push({ executionId, workflowName, userId, status, totalCost, lastWriteTime })
    cursor = page.nextCursor ?? undefined
  } while (cursor)
  return close(run, runs, { reason, closedBy, dryRun, confirm }, { status: 'failed', idleMs })
}

const PAGE = 1000

async function close(
  run: Run,
  runs: readonly ClosedExecution[],
  { reason, closedBy, dryRun, confirm }: CloseOptions,
  { status, idleMs }: { status: 'cancelled' | 'failed'; idleMs: number | undefined },
): Promise<CloseResult> {
  checkNames('closedBy', closedBy, PERSON)
  const given = optionalText('reason', reason)
  if (dryRun || runs.length === 0) return { closed: [...runs], left: [], failed: [] }
  await confirm?.(runs)
  const metadata = JSON.stringify({ closed_by: await who(run, closedBy) })
  const result: CloseResult = { closed: [], left: [], failed: [] }
  for (const one of runs) {
    const { executionId, lastWriteTime } = one
    const errorMessage = given ?? (idleMs === undefined ? null : `no write since ${lastWriteTime}`)
    const closing = { metadata, ...(idleMs === undefined ? {} : { idleMs }) }
    const end = { executionId, status, errorMessage, endTime: null }
    try {
      const done = await endRunning(run, end, closing)
      if (done) result.closed.push({ ...one, ...done, status })
      else {
        const { status } = await readExecutionState(run, executionId)
        result.left.push({ executionId, status })
      }
    } catch (error) {
      if (!isOfOne(error)) throw error
      result.failed.push({ executionId, message: error.message })
    }
  }
  return result
}

/** False if no other run can be closed either, such as for a lost connection. */
const isOfOne = (error: unknown): error is WfstoreError =>
  error instanceof WfstoreError &&
  ['failed', 'conflict', 'not_found', 'locked'].includes(error.code)

async function who(
  run: Run,
  { osUser, caller, command }: NonNullable<CloseOptions['closedBy']> = {},
) {
  const [session] = await run('select session_user as database_user', {
    databaseUser: d.text(),
  })
  return {
    database_user: session?.databaseUser,
    ...(osUser ? { os_user: osUser } : {}),
    ...(caller ? { caller } : {}),
    ...(command ? { command } : {}),
  }
}

/** Each run once, in the given order. @throws WfstoreError usage, not_found */
async function findExecutions(run: Run, ids: readonly string[]): Promise<ClosedExecution[]> {
  const whole = await findIds(run, 'execution', ids)
  const rows = await run(
    sql`select ${raw(d.selectList(closedShape, 'e'))} from workflow_executions e where e.execution_id = any(${whole}::uuid[])`,
    closedShape,
  )
  return whole.map((id) => {
    const execution = rows.find(({ executionId }) => executionId === id)
    if (execution) return execution
    throw missingExecution(id)
  })
}
