import type { Run } from '../../db/query/query.ts'
import { timeOf } from '../../queries/table/validate.ts'
import { type EntryOptions, recordEntry } from '../recorder/entries.ts'
import {
  beginExecution,
  beginStep,
  executionRecorder,
  type FinishExecution,
  type StartExecution,
  type StartStep,
} from '../recorder/recorder.ts'
import { type Attempt, type FinishStep, type StartedStep, stepRecorder } from '../recorder/steps.ts'

interface OfExecution<Kind extends string, Options> {
  kind: Kind
  executionId: string
  stepId?: never
  options: Options
}

interface OfStep<Kind extends string, Options> {
  kind: Kind
  executionId: string
  stepId: string
  /** How often the step had been retried before. */
  attempt: number
  options: Options
}

/** A call of the recorder as data; with the ids that the library has made, so that it can be repeated. */
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

/** What a call gives, where it was done; and whether it never will be. */
export interface Outcome {
  execution?: { startTime: string }
  step?: StartedStep
  alive?: boolean
  refused?: boolean
}

/**
 * Makes the call through the ordinary recorder.
 * @param startTime of the run or the step that it ends, where it is known
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

/** The call as it goes to the spool: what began or ended did so now, not when it is replayed. */
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

/** The start is of the server's clock, which may be ahead of ours. */
const later = (start: string | null, at: string): string =>
  start !== null && Date.parse(start) >= Date.parse(at) ? start : at

/** When something began that the database has not been told of yet. */
export const startOf = (options: { startTime?: Date | string }, now: Date): string | null =>
  timeOf('startTime', options.startTime ?? now)
