import { onRun } from '../../../db/distributed/at.ts'
import type { InTransaction } from '../../../db/query/isolation.ts'
import type { Run } from '../../../db/query/query.ts'
import type { Bound } from '../../../db/query/sql.ts'
import { WfstoreError } from '../../../error.ts'
import type { Reconciled } from '../options.ts'
import {
  DUE_SHAPE,
  type DueTrace,
  LOCK_DUE,
  LOCK_QUIET,
  LOCK_THESE,
  START,
  UPDATE_TRACES,
} from './due.ts'
import { placesOf } from './places.ts'
import { writeTraces } from './traces.ts'
import type { ReconcileOptions, TraceOutcome } from './work.ts'

/** The number of traces in a transaction. */
export const BATCH = 50

/**
 * Writes the traces that are due, until none is left. Several processes can do it at once.
 * @param overdueMs only those that have been due for this time, so that no other process is about to write them
 * @returns the number of traces
 */
export async function reconcileDue(
  inTransaction: InTransaction,
  options: ReconcileOptions,
  isStopped: () => boolean = () => false,
  overdueMs = 0,
): Promise<number> {
  const limit = BATCH
  let traces = 0
  for (const at of await placesOf(inTransaction)) {
    while (!isStopped()) {
      const which = { ...LOCK_DUE({ ...options, overdueMs, limit }), ...at }
      const { due } = await reconcile(inTransaction, options, which)
      traces += due.length
      if (due.length < limit) break
    }
  }
  return traces
}

/** Writes the traces in which nothing has arrived for the quiet time, also if another process would write them later. */
export async function settleTraces(
  inTransaction: InTransaction,
  options: ReconcileOptions,
): Promise<Reconciled> {
  const done = { traces: 0, ended: 0, failed: 0 }
  for (const at of await placesOf(inTransaction)) await settleAt(inTransaction, options, at, done)
  return done
}

async function settleAt(
  inTransaction: InTransaction,
  options: ReconcileOptions,
  at: Pick<Bound, 'run'>,
  done: Reconciled,
): Promise<void> {
  const skipped: string[] = []
  for (let place = START; ; ) {
    const which = { ...LOCK_QUIET({ ...options, ...place, skipped, limit: BATCH }), ...at }
    const { due, outcomes } = await reconcile(inTransaction, options, which)
    const last = due.at(-1)
    if (!last) return
    place = { dueAt: last.dueAt, traceId: last.traceId }
    done.traces += due.length
    for (const [n, outcome] of outcomes.entries()) {
      if (outcome === 'ended' || outcome === 'failed') done[outcome] += 1
      if (outcome === 'waiting' || outcome === 'failed') skipped.push(due[n]?.traceId ?? '')
    }
  }
}

interface Batch {
  due: DueTrace[]
  outcomes: TraceOutcome[]
}

/** One transaction. If it fails because of a trace, each trace has one of its own, so that the others are written. */
export async function reconcile(
  inTransaction: InTransaction,
  options: ReconcileOptions,
  which: Bound,
): Promise<Batch> {
  let due: DueTrace[] = []
  const write = (these: Bound) =>
    inTransaction(async (run) => {
      due = await run(these, DUE_SHAPE)
      return writeTraces(run, due, options)
    })
  try {
    return { outcomes: await write(which), due }
  } catch (error) {
    if (due.length === 0 || !isOfATrace(error)) throw error
  }
  const all = due
  const outcomes: TraceOutcome[] = []
  for (const trace of all) {
    const these = { ...LOCK_THESE({ ...options, traces: [trace.traceId] }), run: trace.traceId }
    try {
      outcomes.push(...(await write(these)))
    } catch (error) {
      if (!isOfATrace(error)) throw error
      await inTransaction((run) => keepError(onRun(run, trace.traceId), trace, error, options))
      outcomes.push('failed')
    }
  }
  return { due: all, outcomes }
}

/** False if no other trace can be written either, such as for a lost connection. */
const isOfATrace = (error: unknown): boolean =>
  !(error instanceof WfstoreError) ||
  ['failed', 'conflict', 'not_found', 'locked', 'usage'].includes(error.code)

const LONGEST_ERROR = 500

async function keepError(
  run: Run,
  { traceId, state }: DueTrace,
  error: unknown,
  options: ReconcileOptions,
): Promise<void> {
  const message = error instanceof Error ? error.message : String(error)
  const [line = ''] = message.split('\n')
  const row = { trace_id: traceId, state, error: line.slice(0, LONGEST_ERROR), next: 'retry' }
  await run(UPDATE_TRACES({ ...options, traces: JSON.stringify([row]) }), {})
}
