import type { Names } from '../../options.ts'
import type { Tags } from '../../tables/column.ts'
import type { ExecutionStatus } from '../../tables/executions.ts'
import type { EntryOptions } from './entries.ts'
import type { StepRecorder } from './steps.ts'

export interface StartExecution {
  /** What the engine runs: 'Lead enrichment'. A dimension of cost and stats, so choose few names and keep them. */
  workflowName: string
  /** The user who pays for the run: each bill names one. */
  userId: string
  /** The part of your application that starts the run: 'Sales', 'Marketing'. A dimension of cost and stats; choose few names. */
  mode: string
  /** The main model of the run: 'gpt-4o'. Its bill names it. */
  modelId: string
  /** How the run came about: 'autonomous', 'manual', 'template' or a word of yours. No report counts by it (default: 'autonomous'). */
  workflowType?: string | undefined
  /** The planned number of steps, for the progress of the run (default: 0, unknown). */
  stepsTotal?: number | undefined
  /** An object of your own data, written as JSON (default: {}). */
  metadata?: object | undefined
  /** Text by name, at most 20: { team: 'sales' }. Filters and costs by tag use them; its bill has a copy. */
  tags?: Tags | undefined
  /** The conversation that the run belongs to. */
  sessionId?: string | undefined
  /** The run that starts this one, such as the run of the agent that calls a sub-agent. Its cost is not added to that run. */
  parentExecutionId?: string | undefined
  /** A UUID (default: a new UUIDv7). With your own id the call can be repeated from another process. */
  executionId?: string | undefined
  /** A Date, or RFC 3339 with a zone (default: now, by the server's clock). */
  startTime?: Date | string | undefined
}

export const START_OPTIONS: Names<StartExecution> = {
  workflowName: true,
  userId: true,
  mode: true,
  modelId: true,
  workflowType: true,
  stepsTotal: true,
  metadata: true,
  tags: true,
  sessionId: true,
  parentExecutionId: true,
  executionId: true,
  startTime: true,
}

export interface StartStep {
  /** The place of the step in its run, a whole number from 0. Steps are listed in this order. */
  stepNumber: number
  /** One or a few words: 'search'. */
  stepName: string
  stepDescription?: string | undefined
  /** The tool that the step uses. The filter `toolName` finds runs by it. */
  toolName?: string | undefined
  /** Any JSON value. */
  toolParameters?: unknown
  /** The provider of the model: 'openai'. */
  provider?: string | undefined
  /** The model that the step calls (default: the model of the run). */
  modelId?: string | undefined
  /** A UUID (default: a new UUIDv7). With your own id the call can be repeated from another process. */
  stepId?: string | undefined
  /** A Date, or RFC 3339 with a zone (default: now, by the server's clock). */
  startTime?: Date | string | undefined
}

export const STEP_OPTIONS: Names<StartStep> = {
  stepNumber: true,
  stepName: true,
  stepDescription: true,
  toolName: true,
  toolParameters: true,
  provider: true,
  modelId: true,
  stepId: true,
  startTime: true,
}

export interface FinishExecution {
  /** 'partial' means that some steps succeeded and others did not. */
  status: Exclude<ExecutionStatus, 'running'>
  errorMessage?: string | undefined
  /** Not before the start: a Date, or RFC 3339 with a zone (default: now, by the server's clock). */
  endTime?: Date | string | undefined
}

export const FINISH_OPTIONS: Names<FinishExecution> = {
  status: true,
  errorMessage: true,
  endTime: true,
}

/** A run that is being recorded. */
export interface ExecutionRecorder {
  readonly executionId: string
  /** @throws WfstoreError not_found, conflict (the run has finished, or the step exists with other values), usage */
  startStep: (step: StartStep) => Promise<StepRecorder>
  /**
   * Records a step around `work`: it starts the step, calls `work`, and finishes the step as success, or as failed with the
   * message of the error if `work` throws. Call `step.finish` in `work` to give tokens, cost or another status.
   * @returns what `work` returns
   * @throws the error of `work`; WfstoreError as `startStep`, and conflict if a step with this id has already ended: then `work`
   * is not called
   */
  step: <T>(step: StartStep, work: (step: StepRecorder) => T | Promise<T>) => Promise<T>
  /** Adds an audit entry without a step. @returns its id */
  decision: (entry: EntryOptions) => Promise<string>
  /** Adds an audit entry without a step. @returns its id */
  toolCall: (entry: EntryOptions & { toolName: string }) => Promise<string>
  /** Shows that the engine is alive, if it writes nothing for a long time. Returns false if the run has finished. */
  heartbeat: () => Promise<boolean>
  /**
   * Finishes the run and writes its bill: the cost of all its steps, in the current month of the billing zone. Steps that have
   * not ended become `skipped`, without an end time; if one ends later, its status, cost and tokens still count.
   * @throws WfstoreError not_found, conflict if it was finished with other values, usage
   */
  finish: (end: FinishExecution) => Promise<void>
  /** Finishes the run as cancelled and bills its cost. */
  cancel: (reason?: string) => Promise<void>
}
