import { isLockFailure } from '../db/migrate/lock.ts'
import {
  type Position,
  type RemovedBatch,
  removeBatch,
  START,
  stepOver,
  type Work,
} from './batch.ts'
import { refusingKey } from './guards.ts'
import { endOf, mergeHistory } from './history.ts'
import { type Pace, paceOf } from './pace.ts'
import { WALKED, type Walked } from './tables.ts'
import type { CleanupOptions, Kept, Removed } from './types.ts'

export interface Limits extends Pick<CleanupOptions, 'batchSize' | 'pauseMs' | 'progress'> {
  /** The number of rows of the first batch of a table. */
  firstSize?: number | undefined
  /** Whether no further batch may start. */
  over: () => boolean
  /** Waits between two batches. */
  rest: (ms: number) => Promise<void>
}

export interface Walk {
  /** Whether all rows were visited. */
  complete: boolean
  removed: Removed
  kept: Kept
  batches: number
}

/** Walks through the tables in batches. */
export async function walkAll(work: Work, limits: Limits): Promise<Walk> {
  const walk: Walk = {
    complete: true,
    removed: { execution: 0, step: 0, audit: 0, metric: 0 },
    kept: {
      execution: { running: 0, endedLater: 0, newest: 0, protected: 0, locked: 0 },
      audit: { runKept: 0, protected: 0, locked: 0 },
      metric: { protected: 0, locked: 0 },
      protectedBy: [],
    },
    batches: 0,
  }
  for (const walked of WALKED) {
    if (!walk.complete) break
    const history = walked.kind === 'metric' ? undefined : walked.kind
    const begin = history && (await endOf(work.client, history))
    const shared = await walkThrough(work, walked, limits, walk)
    if (history && begin !== undefined && shared.length > 0) {
      await mergeHistory(work.client, history, begin, shared).catch((error) => {
        if (!isLockFailure(error)) throw error
      })
    }
  }
  return walk
}

/** @returns the quarter hours that two batches share */
async function walkThrough(
  work: Work,
  walked: Walked,
  limits: Limits,
  walk: Walk,
): Promise<string[]> {
  const pace = paceOf(limits)
  const shared = new Set<string>()
  for (let at: Position | null = START; at !== null; ) {
    if (limits.over()) {
      walk.complete = false
      break
    }
    const batch = await patiently(work, walked, at, pace, limits)
    if (batch === null) {
      walk.complete = false
      break
    }
    count(walk, walked, batch)
    if (batch.quarter !== null) shared.add(batch.quarter)
    limits.progress?.(walk.removed)
    at = batch.next
    if (at !== null) await limits.rest(pace.rest())
  }
  return [...shared]
}

const TRIES = 3
const FIRST_PAUSE_MS = 100

/**
 * Retries a batch that is blocked by another session, or contains a row that a foreign
 * key protects, with smaller and smaller batches. A single row is skipped.
 * @returns null if the time is over before a batch is done
 */
async function patiently(
  work: Work,
  walked: Walked,
  at: Position,
  pace: Pace,
  limits: Limits,
): Promise<(RemovedBatch & { locked: number }) | null> {
  for (let tried = 1; ; tried++) {
    try {
      const began = performance.now()
      const batch = await removeBatch(work, walked, at, pace.size())
      pace.took(performance.now() - began)
      return { ...batch, locked: 0 }
    } catch (error) {
      const key = refusingKey(error)
      if (!key && !isLockFailure(error)) throw error
      if (limits.over()) return null
      if (tried >= TRIES && !pace.shrink()) {
        const batch = await stepOver(work, walked, at)
        if (!key) return { ...batch, locked: batch.visited }
        return { ...batch, locked: 0, protected: batch.visited, protectedBy: [key] }
      }
      if (tried < TRIES && !key) await limits.rest(FIRST_PAUSE_MS * tried)
    }
  }
}

function count(walk: Walk, { kind }: Walked, batch: RemovedBatch & { locked: number }): void {
  walk.batches++
  walk.removed[kind] += batch.removed
  walk.removed.step += batch.steps
  const { execution, audit, metric } = walk.kept
  walk.kept[kind].protected += batch.protected
  for (const label of batch.protectedBy)
    if (!walk.kept.protectedBy.includes(label)) walk.kept.protectedBy.push(label)
  if (kind === 'execution') {
    execution.running += batch.kept.running
    execution.endedLater += batch.kept.endedLater
    execution.newest += batch.kept.newest
    execution.locked += batch.locked
  } else if (kind === 'audit') {
    audit.runKept += batch.visited - batch.removed - batch.locked - batch.protected
    audit.locked += batch.locked
  } else {
    metric.locked += batch.locked
  }
}
