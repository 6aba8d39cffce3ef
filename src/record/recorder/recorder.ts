import * as d from '../../db/query/decode.ts'
import type { Run } from '../../db/query/query.ts'
import { send } from '../../db/query/send.ts'
import { WfstoreError } from '../../error.ts'
import { assertSame, compared } from '../../queries/table/compare.ts'
import {
  checkOrder,
  integerOf,
  jsonOf,
  oneOf,
  optionalText,
  requiredText,
  timeOf,
  uuidOf,
} from '../../queries/table/validate.ts'
import { EXECUTION_STATUSES, type ExecutionStatus } from '../../tables/executions.ts'
import { uuidv7 } from '../../uuid.ts'
import { type EntryOptions, recordEntry } from './entries.ts'
import { derivedId } from './identity.ts'
import { billOf, readExecutionState, readStepState } from './lookups.ts'
import { FINISH_EXECUTION, HEARTBEAT, START_EXECUTION, START_STEP } from './statements.ts'
import { type StartedStep, type StepRecorder, stepRecorder } from './steps.ts'

export interface StartExecution {
  workflowName: string
  userId: string
  mode: string
  modelId: string
  /** (default: 'autonomous') */
  workflowType?: string
  /** Planned number of steps. */
  stepsTotal?: number
  metadata?: unknown
  /** A UUID (default: a new UUIDv7). With your own id the call can be repeated from another process. */
  executionId?: string
  /** (default: now, by the server's clock) */
  startTime?: Date | string
}

export interface StartStep {
  stepNumber: number
  stepName: string
  stepDescription?: string
  toolName?: string
  toolParameters?: unknown
  /** A UUID (default: a new UUIDv7). */
  stepId?: string
  startTime?: Date | string
}

export interface FinishExecution {
  status: Exclude<ExecutionStatus, 'running'>
  errorMessage?: string
  /** Not before the start (default: now, by the server's clock). */
  endTime?: Date | string
}

/** A run that is being recorded. */
export interface ExecutionRecorder {
  readonly executionId: string
  /** @throws WfstoreError not_found, conflict (the run has finished, or the step exists with other values), usage */
  startStep: (step: StartStep) => Promise<StepRecorder>
  /** Adds an audit entry without a step. @returns its id */
  decision: (entry: EntryOptions) => Promise<string>
  toolCall: (entry: EntryOptions & { toolName: string }) => Promise<string>
  /** Shows that the engine is alive, if it writes nothing for a long time. Returns false if the run has finished. */
  heartbeat: () => Promise<boolean>
  /**
   * Finishes the run and writes its bill: the cost of all its steps, in the current month of the billing zone.
   * @throws WfstoreError not_found, conflict if it was finished with other values, usage
   */
  finish: (end: FinishExecution) => Promise<void>
  /** Finishes the run as cancelled and bills its cost. */
  cancel: (reason?: string) => Promise<void>
}

const EXECUTION = '(select * from workflow_executions where execution_id = $1::uuid) as r'
const startShape = { startTime: d.time() }

/** Records the start of a run and its audit entry. A repeat with the same id changes nothing. */
export async function startExecution(
  run: Run,
  options: StartExecution,
): Promise<ExecutionRecorder> {
  const started = await beginExecution(run, options)
  return executionRecorder(run, started.executionId, started)
}

/** Records the start without a handle. @throws WfstoreError usage, conflict */
export async function beginExecution(
  run: Run,
  options: StartExecution,
): Promise<{ executionId: string; startTime: string }> {
  const executionId =
    options.executionId === undefined
      ? uuidv7(Date.now())
      : uuidOf('executionId', options.executionId)
  const values = [
    executionId,
    requiredText('workflowName', options.workflowName),
    optionalText('workflowType', options.workflowType) ?? 'autonomous',
    requiredText('userId', options.userId),
    requiredText('mode', options.mode),
    requiredText('modelId', options.modelId),
    timeOf('startTime', options.startTime),
    integerOf('stepsTotal', options.stepsTotal),
    jsonOf('metadata', options.metadata),
  ]
  const entry = derivedId('workflow_start', executionId)
  const [started] = await send(run, START_EXECUTION, [...values, entry], startShape)
  if (!started) {
    const known = values.slice(0, 6)
    const fields = [
      compared('text', 'workflowName', 'r.workflow_name', 2),
      compared('text', 'workflowType', 'r.workflow_type', 3),
      compared('text', 'userId', 'r.user_id', 4),
      compared('text', 'mode', 'r.mode', 5),
      compared('text', 'modelId', 'r.model_id', 6),
    ]
    // Values with a default are compared only if they are given.
    if (options.metadata !== undefined)
      fields.push(compared('json', 'metadata', 'r.metadata', known.push(values[8] ?? null)))
    if (options.stepsTotal !== undefined)
      fields.push(compared('integer', 'stepsTotal', 'r.steps_total', known.push(values[7] ?? null)))
    await assertSame(run, `execution ${executionId}`, EXECUTION, fields, known)
  }
  const { startTime } = started ?? (await readExecutionState(run, executionId))
  return { executionId, startTime }
}

/** The recorder of a started run, also if another process has started it. */
export function executionRecorder(
  run: Run,
  executionId: string,
  { startTime }: { startTime: string | null },
): ExecutionRecorder {
  const finish = async ({ status, errorMessage, endTime }: FinishExecution) => {
    const ended = EXECUTION_STATUSES.filter((name) => name !== 'running')
    const values = [
      executionId,
      oneOf('status', status, ended as FinishExecution['status'][]),
      optionalText('errorMessage', errorMessage),
    ]
    const end = timeOf('endTime', endTime)
    checkOrder(startTime, end)
    await finishExecution(run, values, end)
  }
  return {
    executionId,
    startStep: async (step) => stepRecorder(run, await beginStep(run, executionId, step)),
    decision: (entry) => recordEntry(run, 'ai_decision', executionId, null, entry),
    toolCall: (entry) => recordEntry(run, 'tool_call', executionId, null, entry),
    heartbeat: async () =>
      (await send(run, HEARTBEAT, [executionId], { status: d.text() })).length > 0,
    finish,
    cancel: (reason) =>
      finish({ status: 'cancelled', ...(reason === undefined ? {} : { errorMessage: reason }) }),
  }
}

/** @throws WfstoreError usage, conflict, not_found */
export async function beginStep(
  run: Run,
  executionId: string,
  step: StartStep,
): Promise<StartedStep> {
  const stepId = step.stepId === undefined ? uuidv7(Date.now()) : uuidOf('stepId', step.stepId)
  const values = [
    executionId,
    stepId,
    integerOf('stepNumber', step.stepNumber),
    requiredText('stepName', step.stepName),
    optionalText('stepDescription', step.stepDescription),
    optionalText('toolName', step.toolName),
    jsonOf('toolParameters', step.toolParameters),
  ]
  if (values[2] === null) throw new WfstoreError('usage', 'stepNumber is missing')
  const startTime = timeOf('startTime', step.startTime)
  const entry = derivedId('step_start', executionId, stepId)
  const [started] = await send(run, START_STEP, [...values, startTime, entry], startShape)
  const handle = { executionId, stepId }
  if (started) return { ...handle, ...started, retries: 0 }
  const what = `step ${stepId} of execution ${executionId}`
  const fields = [
    compared('integer', 'stepNumber', 'r.step_number', 3),
    compared('text', 'stepName', 'r.step_name', 4),
    compared('text', 'stepDescription', 'r.step_description', 5),
    compared('text', 'toolName', 'r.tool_name', 6),
    compared('json', 'toolParameters', 'r.tool_parameters', 7),
  ]
  if (!(await assertSame(run, what, STEP, fields, values))) throw await finished(run, executionId)
  const { startTime: since, retryCount } = await readStepState(run, executionId, stepId)
  return { ...handle, startTime: since, retries: retryCount }
}

const STEP =
  '(select * from workflow_steps where execution_id = $1::uuid and step_id = $2::uuid) as r'

async function finished(run: Run, executionId: string): Promise<WfstoreError> {
  const { status } = await readExecutionState(run, executionId)
  return new WfstoreError('conflict', `execution ${executionId} has finished: ${status}`, {
    hint: 'a step can start only while its execution is running',
  })
}

/** The number of snapshots that may miss a step that has just finished. After that, the totals of the run differ for another reason. */
const STRICT_TRIES = 5

async function finishExecution(
  run: Run,
  [executionId, status, errorMessage]: readonly (string | null)[],
  endTime: string | null,
): Promise<void> {
  const id = executionId as string
  if (await endRunning(run, [id, status, errorMessage, endTime])) return
  const fields = [
    compared('text', 'status', 'r.status', 2),
    compared('text', 'errorMessage', 'r.error_message', 3),
  ]
  const values = [id, status, errorMessage]
  await assertSame(run, `the end of execution ${id}`, EXECUTION, fields, values)
}

export interface Closing {
  /** Metadata of the audit entry, as JSON text. */
  metadata?: string
  /** Close only runs without a write for this number of milliseconds, by the server's clock. */
  idleMs?: number
}

/**
 * Finishes a running run, with its bill and its audit entry, exactly once.
 * @returns undefined if it has already finished, or the engine has written to it
 * @throws WfstoreError not_found
 */
export async function endRunning(
  run: Run,
  [id, ...end]: readonly [string, ...(string | null | undefined)[]],
  { metadata = '{}', idleMs }: Closing = {},
): Promise<{ totalCost: string } | undefined> {
  const ids = [billOf(id), derivedId('workflow_end', id)]
  for (let tried = 1; ; tried++) {
    const lenient = tried > STRICT_TRIES
    const values = [id, ...end, ...ids, lenient, metadata, idleMs ?? null]
    const [done] = await send(run, FINISH_EXECUTION, values, { totalCost: d.amount() })
    if (done) return done
    const { status } = await readExecutionState(run, id)
    if (status !== 'running' || (lenient && idleMs !== undefined)) return undefined
  }
}
