import type { ExecutionStatus } from '../../../tables/executions.ts'
import type { Facts, TracedRun } from '../types.ts'
import type { TraceState } from './due.ts'
import type { Defaults } from './rows.ts'

export interface ReconcileOptions extends Defaults {
  /** A run ends when its root has ended and nothing has arrived for this time. */
  quietMs: number
  /** A run without a root ends as failed when nothing has arrived for this time. */
  abandonMs: number
}

/** What was done with a trace. waiting: nothing yet. removed: it is no run, or its run was removed. */
export type TraceOutcome =
  | 'waiting'
  | 'removed'
  | 'recorded'
  | 'running'
  | 'ended'
  | 'late'
  | 'failed'

/** A trace whose run is written now. */
export interface TraceWork {
  traceId: string
  state: TraceState
  /** Undefined if the run does not exist. */
  status: ExecutionStatus | undefined
  isQuiet: boolean
  facts: readonly Facts[]
  /** The hashes of the steps that count the spans, by span id. */
  hashes: ReadonlyMap<string, string>
  action: 'view' | 'end' | 'late'
  run: TracedRun
}
