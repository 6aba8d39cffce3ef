import type { Run } from '../../db/query/query.ts'
import {
  amountOf,
  checkOrder,
  jsonOf,
  oneOf,
  optionalText,
  type Tokens,
  timeOf,
  tokensOf,
} from '../../queries/table/validate.ts'
import { endAttempt } from './attempts.ts'
import { type EntryOptions, recordEntry } from './entries.ts'

export type FinishedStepStatus = 'success' | 'failed' | 'skipped'

/** What an attempt at a step has cost. */
export interface Attempt {
  tokens?: Tokens
  /** US dollars: a decimal string, or a number that is taken to 12 places. */
  cost?: string | number
  errorMessage?: string
}

export interface FinishStep extends Attempt {
  status: FinishedStepStatus
  result?: unknown
  /** The server's clock unless given. */
  endTime?: Date | string
}

/** A step that is being recorded. Tokens and costs of all its attempts add up, as all were paid for. */
export interface StepRecorder {
  readonly stepId: string
  /** How often it was retried. */
  readonly attempt: number
  toolCall: (entry: EntryOptions & { toolName: string }) => Promise<string>
  decision: (entry: EntryOptions) => Promise<string>
  /**
   * Begins the step anew, after it failed or instead of finishing it; what the attempt before has cost may be given
   * here where it was not finished.
   * @throws WfstoreError conflict (the run has finished, the step succeeded, or was retried otherwise), usage
   */
  retry: (attempt?: Attempt) => Promise<void>
  /**
   * Ends the attempt and adds what it has cost to the step and to its run. That holds for a run which was finished
   * or cancelled meanwhile as well: its bill is raised, or corrected by another where it is paid or its period closed.
   * @throws WfstoreError not_found, conflict (finished otherwise), usage
   */
  finish: (end: FinishStep) => Promise<void>
}

export interface StartedStep {
  executionId: string
  stepId: string
  startTime: string | null
  /** How often it was retried. */
  retries: number
}

export function stepRecorder(run: Run, started: StartedStep): StepRecorder {
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
      const over = attempt
      await endAttempt(run, { executionId, stepId, attempt: over, ...paidFor(options) })
      attempt = over + 1
    },
    finish: async (options) => {
      const status = oneOf('status', options.status, ['success', 'failed', 'skipped'])
      const result = jsonOf('result', options.result)
      const endTime = timeOf('endTime', options.endTime)
      checkOrder(startTime, endTime)
      const finish = { status, result, endTime }
      await endAttempt(run, { executionId, stepId, attempt, ...paidFor(options), finish })
    },
  }
}

const paidFor = ({ tokens, cost, errorMessage }: Attempt) => ({
  tokens: tokensOf(tokens),
  cost: amountOf('cost', cost),
  errorMessage: optionalText('errorMessage', errorMessage),
})
