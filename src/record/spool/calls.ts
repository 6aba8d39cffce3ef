import type { Run } from '../../db/query/query.ts'
import { timeOf } from '../../queries/table/validate.ts'
import { type EntryOptions, recordEntry } from '../recorder/entries.ts'
import {
  beginExecution,
  beginStep,
  executionRecorder,
  type StartedExecution,
} from '../recorder/recorder.ts'
import { type Attempt, type FinishStep, type StartedStep, stepRecorder } from '../recorder/steps.ts'
import type { FinishExecution, StartExecution, StartStep } from '../recorder/types.ts'

interface OfExecution<Kind extends string, Given> {
  kind: Kind
  executionId: string
  stepId?: never
  options: Given
}

interface OfStep<Kind extends string, Given> {
  kind: Kind
  executionId: string
  stepId: string
  /** The number of retries before this call. */
  attempt: number
  options: Given
}

/** A call of the recorder as data, with the generated ids, so that it can be repeated. */
export type RecorderCall =
  | OfExecution<'startExecution', StartExecution>
  | OfExecution<'heartbeat', object>
  | OfExecution<'finish', FinishExecution>
  | OfStep<'retry', Attempt>
  | OfStep<'finishStep', FinishStep>
  | { kind: 'startStep'; executionId: string; stepId: string; options: StartStep }
  | { kind: 'toolCall' | 'decision'; executionId: string; stepId?: string; options: EntryOptions }

/** A line of a spool. */
export type SpooledCall = RecorderCall & {
  /** When the call was made, RFC 3339. */
  at: string
}

/** The result of a call, or whether it can never succeed. */
export interface Outcome {
  execution?: StartedExecution
  step?: StartedStep
  alive?: boolean
  refused?: boolean
}

/**
 * Performs the call with the recorder.
 * @param startTime of the run or step that it ends, if known
 * @throws WfstoreError as the recorder does
 */
export async function perform(
  run: Run,
  call: RecorderCall,
  startTime: string | null,
): Promise<Outcome> {
  const { executionId, stepId = null } = call
  switch (call.kind) {
    case 'startExecution':
      return { execution: await beginExecution(run, call.options) }
    case 'startStep':
      return { step: await beginStep(run, executionId, call.options) }
    case 'toolCall':
      await recordEntry(run, 'tool_call', executionId, stepId, call.options)
      return {}
    case 'decision':
      await recordEntry(run, 'ai_decision', executionId, stepId, call.options)
      return {}
    case 'retry':
      await stepOf(run, call, startTime).retry(call.options)
      return {}
    case 'finishStep':
      await stepOf(run, call, startTime).finish(call.options)
      return {}
    case 'heartbeat':
      return { alive: await executionRecorder(run, executionId, { startTime }).heartbeat() }
    case 'finish':
      await executionRecorder(run, executionId, { startTime }).finish(call.options)
      return {}
  }
}

const stepOf = (
  run: Run,
  { executionId, stepId, attempt }: OfStep<string, object>,
  startTime: string | null,
) => stepRecorder(run, { executionId, stepId, startTime, retries: attempt })

/** The call for the spool, with the current time, so that a replay does not change the times. */
export function timed(call: SpooledCall, startTime: string | null): SpooledCall {
  const { at } = call
  switch (call.kind) {
    case 'startExecution':
      return { ...call, options: { ...call.options, startTime: call.options.startTime ?? at } }
    case 'startStep':
      return { ...call, options: { ...call.options, startTime: call.options.startTime ?? at } }
    case 'finishStep': {
      const endTime = call.options.endTime ?? later(startTime, at)
      return { ...call, options: { ...call.options, endTime } }
    }
    case 'finish': {
      const endTime = call.options.endTime ?? later(startTime, at)
      return { ...call, options: { ...call.options, endTime } }
    }
    default:
      return call
  }
}

/** The start time is from the clock of the server, which may be ahead. */
const later = (start: string | null, at: string): string =>
  start !== null && Date.parse(start) >= Date.parse(at) ? start : at

/** Start times that are not in the database yet. */
export const startOf = (
  options: { startTime?: Date | string | undefined },
  now: Date,
): string | null => timeOf('startTime', options.startTime ?? now)

/** Thrown instead of a query: the call is checked, then it goes to the spool. */
export const AWAY = new Error('away')
export const nowhere: Run = async () => {
  throw AWAY
}

/** Null if the line is not a valid call, for example after a power failure or from another version of wfstore. */
export async function parsed(line: string): Promise<SpooledCall | null> {
  try {
    const call = JSON.parse(line) as SpooledCall
    const checked = await perform(nowhere, call, null).catch((error: unknown) => error)
    return checked === AWAY ? call : null
  } catch {
    return null
  }
}
