import * as d from '../../db/query/decode.ts'
import type { Run } from '../../db/query/query.ts'
import { send } from '../../db/query/send.ts'
import { sql } from '../../db/query/sql.ts'
import { WfstoreError } from '../../error.ts'
import { checkNames } from '../../options.ts'
import { assertSame, compared } from '../../queries/table/compare.ts'
import {
  checkOrder,
  integerOf,
  jsonOf,
  nameOf,
  objectOf,
  oneOf,
  optionalKeyText,
  optionalName,
  optionalText,
  tagsOf,
  timeOf,
  uuidOf,
} from '../../queries/table/validate.ts'
import { columnOf } from '../../tables/column.ts'
import { EXECUTION_STATUSES, type ExecutionStatus } from '../../tables/executions.ts'
import { uuidv7 } from '../../uuid.ts'
import { aroundRun, aroundStep } from './around.ts'
import { recordEntry } from './entries.ts'
import { derivedId } from './identity.ts'
import { billOf, executionOf, readExecutionState, readStepState, stepOf } from './lookups.ts'
import { FINISH_EXECUTION, HEARTBEAT, START_EXECUTION, START_STEP } from './statements.ts'
import { type StartedStep, stepRecorder } from './steps.ts'
import {
  type ExecutionRecorder,
  FINISH_OPTIONS,
  type FinishExecution,
  START_OPTIONS,
  STEP_OPTIONS,
  type StartExecution,
  type StartStep,
} from './types.ts'

const startShape = { startTime: d.time() }

/** Records the start of a run and its audit entry. A repeat with the same id changes nothing. */
export async function startExecution(
  run: Run,
  options: StartExecution,
): Promise<ExecutionRecorder> {
  const started = await beginExecution(run, options)
  return executionRecorder(run, started.executionId, started)
}

/** Records a run around `work`, which is not called if the run has already finished. */
export async function runExecution<T>(
  run: Run,
  options: StartExecution,
  work: (run: ExecutionRecorder) => T | Promise<T>,
): Promise<T> {
  const started = await beginExecution(run, options)
  return aroundRun(executionRecorder(run, started.executionId, started), started.status, work)
}

export interface StartedExecution {
  executionId: string
  startTime: string
  status: ExecutionStatus
}

/** Records the start without a handle. @throws WfstoreError usage, conflict */
export async function beginExecution(run: Run, options: StartExecution): Promise<StartedExecution> {
  checkNames('startExecution', options, START_OPTIONS)
  const executionId =
    options.executionId === undefined
      ? uuidv7(Date.now())
      : uuidOf('executionId', options.executionId)
  const values = {
    executionId,
    workflowName: nameOf('workflowName', options.workflowName),
    workflowType: optionalText('workflowType', options.workflowType) ?? 'autonomous',
    userId: nameOf('userId', options.userId),
    mode: nameOf('mode', options.mode),
    modelId: nameOf('modelId', options.modelId),
    startTime: timeOf('startTime', options.startTime),
    stepsTotal: integerOf('stepsTotal', options.stepsTotal),
    metadata: objectOf('metadata', options.metadata),
    tags: tagsOf('tags', options.tags),
    sessionId: optionalName('sessionId', options.sessionId),
    parentExecutionId:
      options.parentExecutionId === undefined
        ? null
        : uuidOf('parentExecutionId', options.parentExecutionId),
    entry: derivedId('workflow_start', executionId),
  }
  if (values.parentExecutionId === executionId)
    throw new WfstoreError('usage', 'parentExecutionId is the id of the execution itself', {
      hint: 'give the run that starts this one, or leave it out',
    })
  const [started] = await send(run, START_EXECUTION(values), startShape)
  if (!started) {
    const fields = [
      compared('text', 'workflowName', 'r.workflow_name', values.workflowName),
      compared('text', 'workflowType', 'r.workflow_type', values.workflowType),
      compared('text', 'userId', 'r.user_id', values.userId),
      compared('text', 'mode', 'r.mode', values.mode),
      compared('text', 'modelId', 'r.model_id', values.modelId),
      compared('text', 'sessionId', 'r.session_id', values.sessionId),
      compared('uuid', 'parentExecutionId', 'r.parent_execution_id', values.parentExecutionId),
    ]
    // Values with a default are compared only if they are given.
    if (options.metadata !== undefined)
      fields.push(compared('json', 'metadata', 'r.metadata', values.metadata))
    if (options.tags !== undefined) fields.push(compared('json', 'tags', 'r.tags', values.tags))
    if (options.stepsTotal !== undefined)
      fields.push(compared('integer', 'stepsTotal', 'r.steps_total', values.stepsTotal))
    await assertSame(run, `execution ${executionId}`, executionOf(executionId), fields)
  }
  if (started) return { executionId, ...started, status: 'running' }
  return { executionId, ...(await readExecutionState(run, executionId)) }
}

/** The recorder of a started run, also if another process has started it. */
export function executionRecorder(
  run: Run,
  executionId: string,
  { startTime }: { startTime: string | null },
): ExecutionRecorder {
  const finish = async (options: FinishExecution) => {
    checkNames('run.finish', options, FINISH_OPTIONS)
    const { status, errorMessage, endTime } = options
    const ended = EXECUTION_STATUSES.filter((name) => name !== 'running')
    const end = {
      executionId,
      status: oneOf('status', status, ended as FinishExecution['status'][]),
      errorMessage: optionalText('errorMessage', errorMessage),
      endTime: timeOf('endTime', endTime),
    }
    checkOrder(startTime, end.endTime)
    await finishExecution(run, end)
  }
  return {
    executionId,
    startStep: async (step) => stepRecorder(run, await beginStep(run, executionId, step)),
    step: async (step, work) => {
      const started = await beginStep(run, executionId, step)
      return aroundStep(stepRecorder(run, started), started.status, work)
    },
    decision: (entry) => recordEntry(run, 'ai_decision', executionId, null, entry),
    toolCall: (entry) => recordEntry(run, 'tool_call', executionId, null, entry),
    heartbeat: async () =>
      (await send(run, HEARTBEAT({ executionId }), { status: d.text() })).length > 0,
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
  checkNames('run.startStep', step, STEP_OPTIONS)
  const stepId = step.stepId === undefined ? uuidv7(Date.now()) : uuidOf('stepId', step.stepId)
  const values = {
    executionId,
    stepId,
    stepNumber: integerOf('stepNumber', step.stepNumber),
    stepName: nameOf('stepName', step.stepName),
    stepDescription: optionalText('stepDescription', step.stepDescription),
    toolName: optionalKeyText('toolName', step.toolName),
    toolParameters: jsonOf('toolParameters', step.toolParameters),
    startTime: timeOf('startTime', step.startTime),
    provider: optionalName('provider', step.provider),
    modelId: optionalName('modelId', step.modelId),
    entry: derivedId('step_start', executionId, stepId),
  }
  if (values.stepNumber === null) throw new WfstoreError('usage', 'stepNumber is missing')
  const [started] = await send(run, START_STEP(values), startShape)
  const handle = { executionId, stepId }
  if (started) return { ...handle, ...started, status: 'running', retries: 0 }
  const what = `step ${stepId} of execution ${executionId}`
  const fields = [
    compared('integer', 'stepNumber', 'r.step_number', values.stepNumber),
    compared('text', 'stepName', 'r.step_name', values.stepName),
    compared('text', 'stepDescription', 'r.step_description', values.stepDescription),
    compared('text', 'toolName', 'r.tool_name', values.toolName),
    compared('json', 'toolParameters', 'r.tool_parameters', values.toolParameters),
    // The end of an attempt may have named another model.
    ...(['provider', 'modelId'] as const).map((name) => {
      const { stored, given } = compared('text', name, `r.${columnOf(name)}`, values[name])
      return {
        name,
        stored: sql`case when r.end_time is null and r.retry_count = 0 then ${stored} else ${given} end`,
        given,
      }
    }),
  ]
  const before = stepOf(executionId, stepId)
  if (!(await assertSame(run, what, before, fields))) throw await finished(run, executionId)
  const { startTime, status, retryCount } = await readStepState(run, executionId, stepId)
  return { ...handle, startTime, status, retries: retryCount }
}

async function finished(run: Run, executionId: string): Promise<WfstoreError> {
  const { status } = await readExecutionState(run, executionId)
  return new WfstoreError('conflict', `execution ${executionId} has finished: ${status}`, {
    hint: 'a step can start only while its execution is running',
  })
}

/** The number of snapshots that may miss a step that has just finished. After that, the totals of the run differ for another reason. */
const STRICT_TRIES = 5

/** How a run ends. */
interface End {
  executionId: string
  status: string
  errorMessage: string | null
  /** RFC 3339; the server's clock where it is null. */
  endTime: string | null
}

async function finishExecution(run: Run, end: End): Promise<void> {
  if (await endRunning(run, end)) return
  const { executionId, status, errorMessage } = end
  const fields = [
    compared('text', 'status', 'r.status', status),
    compared('text', 'errorMessage', 'r.error_message', errorMessage),
  ]
  await assertSame(run, `the end of execution ${executionId}`, executionOf(executionId), fields)
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
  end: End,
  { metadata = '{}', idleMs }: Closing = {},
): Promise<{ totalCost: string } | undefined> {
  const id = end.executionId
  const ids = { bill: billOf(id), entry: derivedId('workflow_end', id) }
  for (let tried = 1; ; tried++) {
    const recounted = tried > STRICT_TRIES
    const values = { ...end, ...ids, recounted, metadata, idleMs: idleMs ?? null }
    const [done] = await send(run, FINISH_EXECUTION(values), { totalCost: d.amount() })
    if (done) return done
    const { status } = await readExecutionState(run, id)
    if (status !== 'running' || (recounted && idleMs !== undefined)) return undefined
  }
}
