import { uuidOf } from '../../queries/table/validate.ts'
import { uuidv7 } from '../../uuid.ts'
import { aroundStep } from '../recorder/around.ts'
import type { EntryOptions } from '../recorder/entries.ts'
import type { StartedStep, StepRecorder } from '../recorder/steps.ts'
import type { ExecutionRecorder, StartStep } from '../recorder/types.ts'
import { type Outcome, type RecorderCall, startOf } from './calls.ts'

/**
 * Makes a call now or later.
 * @param startTime of the run or step that the call finishes
 * @throws WfstoreError usage
 */
export type RecordCall = (call: RecorderCall, startTime?: string | null) => Promise<Outcome>

export const idOf = (name: string, given: string | undefined): string =>
  given === undefined ? uuidv7(Date.now()) : uuidOf(name, given)

/** The handle of a run. Its start may still be in the spool. */
export function executionHandle(
  record: RecordCall,
  executionId: string,
  startTime: string | null,
): ExecutionRecorder {
  const finish: ExecutionRecorder['finish'] = async (end) => {
    await record({ kind: 'finish', executionId, options: { ...end } }, startTime)
  }
  const startStep = async (step: StartStep): Promise<StartedStep> => {
    const stepId = idOf('stepId', step.stepId)
    const given = { ...step, stepId }
    const call: RecorderCall = { kind: 'startStep', executionId, stepId, options: given }
    const madeAt = new Date()
    const { step: began } = await record(call)
    const startTime = startOf(given, madeAt)
    return began ?? { executionId, stepId, startTime, status: 'running', retries: 0 }
  }
  return {
    executionId,
    startStep: async (step) => stepHandle(record, await startStep(step)),
    step: async (step, work) => {
      const started = await startStep(step)
      return aroundStep(stepHandle(record, started), started.status, work)
    },
    ...entriesOf(record, { executionId }),
    heartbeat: async () =>
      (await record({ kind: 'heartbeat', executionId, options: {} })).alive ?? true,
    finish,
    cancel: (why) =>
      finish({ status: 'cancelled', ...(why === undefined ? {} : { errorMessage: why }) }),
  }
}

function stepHandle(
  record: RecordCall,
  { executionId, stepId, startTime, retries }: StartedStep,
): StepRecorder {
  let attempt = retries
  return {
    stepId,
    get attempt() {
      return attempt
    },
    ...entriesOf(record, { executionId, stepId }),
    retry: async (paid = {}) => {
      const over = attempt
      const call = { executionId, stepId, attempt: over, options: { ...paid } }
      if (!(await record({ kind: 'retry', ...call })).refused) attempt = over + 1
    },
    finish: async (end) => {
      const call = { executionId, stepId, attempt, options: { ...end } }
      await record({ kind: 'finishStep', ...call }, startTime)
    },
  }
}

function entriesOf(
  record: RecordCall,
  of: { executionId: string } | { executionId: string; stepId: string },
): Pick<StepRecorder, 'toolCall' | 'decision'> {
  const recordEntry = async (kind: 'toolCall' | 'decision', entry: EntryOptions) => {
    const logId = idOf('logId', entry.logId)
    await record({ kind, ...of, options: { ...entry, logId } })
    return logId
  }
  return {
    toolCall: (entry) => recordEntry('toolCall', entry),
    decision: (entry) => recordEntry('decision', entry),
  }
}
