import type { Run } from '../../db/query/query.ts'
import { checkNames, type Names } from '../../options.ts'
import {
  amountOf,
  checkOrder,
  jsonOf,
  oneOf,
  optionalName,
  optionalText,
  type Tokens,
  timeOf,
  tokensOf,
} from '../../queries/table/validate.ts'
import type { StepStatus } from '../../tables/steps.ts'
import { endAttempt } from './attempts.ts'
import { type EntryOptions, recordEntry } from './entries.ts'

export type FinishedStepStatus = 'success' | 'failed' | 'skipped'

/** Tokens and cost of an attempt at a step. */
export interface Attempt {
  /** By class; a class that is left out was not reported. */
  tokens?: Tokens | undefined
  /**
   * US dollars: a decimal string, or a number, which is rounded to 12 decimals (default: what the price book gives for the
   * tokens, or 0 without a price).
   */
  cost?: string | number | undefined
  /** The provider of the model that was called (default: the one that the step started with). */
  provider?: string | undefined
  /** The model that was called (default: the one that the step started with). A step whose attempts call several models is several steps. */
  modelId?: string | undefined
  errorMessage?: string | undefined
}

const ATTEMPT_OPTIONS: Names<Attempt> = {
  tokens: true,
  cost: true,
  provider: true,
  modelId: true,
  errorMessage: true,
}

export interface FinishStep extends Attempt {
  status: FinishedStepStatus
  /** Any JSON value. */
  result?: unknown
  /** Not before the start: a Date, or RFC 3339 with a zone (default: now, by the server's clock). */
  endTime?: Date | string | undefined
}

const FINISH_OPTIONS: Names<FinishStep> = {
  ...ATTEMPT_OPTIONS,
  status: true,
  result: true,
  endTime: true,
}

/** A step that is being recorded. Tokens and costs of all attempts are added, because all of them were paid for. */
export interface StepRecorder {
  readonly stepId: string
  /** The number of retries. */
  readonly attempt: number
  /** Adds an audit entry of the step. @returns its id @throws WfstoreError conflict, not_found (the run), usage */
  toolCall: (entry: EntryOptions & { toolName: string }) => Promise<string>
  /** Adds an audit entry of the step. @returns its id @throws WfstoreError conflict, not_found (the run), usage */
  decision: (entry: EntryOptions) => Promise<string>
  /**
   * Starts the step again, after it failed or instead of finishing it. The cost of an unfinished attempt can be given here.
   * @throws WfstoreError conflict (the run has finished, or the step has succeeded or was retried elsewhere), usage
   */
  retry: (attempt?: Attempt) => Promise<void>
  /**
   * Ends the attempt and adds its cost to the step and to the run. If the run was finished or cancelled in the meantime, its
   * bill is increased or, if it is paid or its period is closed, corrected by another bill.
   * @throws WfstoreError not_found, conflict (finished with other values), usage
   */
  finish: (end: FinishStep) => Promise<void>
}

export interface StartedStep {
  executionId: string
  stepId: string
  startTime: string | null
  status: StepStatus
  /** The number of retries. */
  retries: number
}

export function stepRecorder(run: Run, started: Omit<StartedStep, 'status'>): StepRecorder {
  const { executionId, stepId, startTime } = started
  let attempt = started.retries
  return {
    stepId,
    get attempt() {
      return attempt
    },
    toolCall: (entry) => recordEntry(run, 'tool_call', executionId, stepId, entry),
    decision: (entry) => recordEntry(run, 'ai_decision', executionId, stepId, entry),
    retry: async (options = {}) => {
      checkNames('step.retry', options, ATTEMPT_OPTIONS)
      const over = attempt
      await endAttempt(run, { executionId, stepId, attempt: over, ...paidFor(options) })
      attempt = over + 1
    },
    finish: async (options) => {
      checkNames('step.finish', options, FINISH_OPTIONS)
      const status = oneOf('status', options.status, ['success', 'failed', 'skipped'])
      const result = jsonOf('result', options.result)
      const endTime = timeOf('endTime', options.endTime)
      checkOrder(startTime, endTime)
      const finish = { status, result, endTime }
      await endAttempt(run, { executionId, stepId, attempt, ...paidFor(options), finish })
    },
  }
}

const paidFor = ({ tokens, cost, provider, modelId, errorMessage }: Attempt) => ({
  tokens: tokensOf(tokens),
  cost: cost === undefined ? null : amountOf('cost', cost),
  provider: optionalName('provider', provider),
  modelId: optionalName('modelId', modelId),
  errorMessage: optionalText('errorMessage', errorMessage),
})
