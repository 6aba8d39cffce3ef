import { isLockFailure, rowHolder } from '../db/migrate/lock.ts'
import { refusesRow } from '../db/query/errors.ts'
import {
  type Position,
  type RemovedBatch,
  removeBatch,
  START,
  stepOver,
  type Work,
} from './batch.ts'
import { refusalOf } from './guards.ts'
import { endOf, mergeHistory } from './history.ts'
import { type Pace, paceOf } from './pace.ts'
import type { CleanupPlace } from './place.ts'
import { WALKED, type Walked } from './tables.ts'
import type { CleanupOptions, Kept, Removed } from './types.ts'

export interface Limits extends Pick<CleanupOptions, 'batchSize' | 'pauseMs' | 'progress'> {
  /** The number of rows of the first batch of a table. */
  firstSize?: number | undefined
  /** Whether no further batch may start. */
  over: () => boolean
  /** Waits between two batches. */
  rest: (ms: number, place: CleanupPlace) => Promise<void>
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
      lockedBy: [],
    },
    batches: 0,
  }
  for (const walked of WALKED) {
    const streak = { refused: 0 }
    for (const place of work.places) {
      if (!walk.complete) return walk
      await walkPlace(work, place, walked, limits, walk, streak)
    }
  }
  return walk
}

/** The rows of a table that errors have kept since the last one was removed, on all shards. */
interface Streak {
  refused: number
}

async function walkPlace(
  work: Work,
  place: CleanupPlace,
  walked: Walked,
  limits: Limits,
  walk: Walk,
  streak: Streak,
): Promise<void> {
  const history = walked.kind === 'metric' ? undefined : walked.kind
  const begin = history && (await endOf(place, history))
  const shared = await walkThrough(work, place, walked, limits, walk, streak)
  if (history && begin !== undefined && shared.length > 0) {
    await mergeHistory(place, history, begin, shared).catch((error) => {
      // A sum may not fit its column; the rows then stay apart.
      if (!isLockFailure(error) && !refusesRow(error)) throw error
    })
  }
}

/** @returns the quarter hours that two batches share */
async function walkThrough(
  work: Work,
  place: CleanupPlace,
  walked: Walked,
  limits: Limits,
  walk: Walk,
  streak: Streak,
): Promise<string[]> {
  const pace = paceOf(limits)
  const shared = new Set<string>()
  for (let at: Position | null = START; at !== null; ) {
    if (limits.over()) {
      walk.complete = false
      break
    }
    const batch = await patiently(
      work,
      place,
      walked,
      at,
      pace,
      limits,
      streak.refused < MOST_REFUSED,
    )
    if (batch === null) {
      walk.complete = false
      break
    }
    if (batch.removed > 0) streak.refused = 0
    else if (batch.refused) streak.refused++
    count(walk, walked, batch)
    if (batch.quarter !== null) shared.add(batch.quarter)
    limits.progress?.(walk.removed)
    at = batch.next
    if (at !== null) await limits.rest(pace.rest(), place)
  }
  return [...shared]
}

/** If errors keep this number of rows and none is removed, they keep all: a row at a time would take very long. */
const MOST_REFUSED = 20

const TRIES = 3
const FIRST_PAUSE_MS = 100

interface Attempt extends RemovedBatch {
  locked: number
  lockedBy?: string | undefined
  refused: boolean
}

/**
 * Retries a batch that is blocked by another session, or contains a row that the server refuses to remove, with smaller
 * and smaller batches. A single row is skipped.
 * @param skips whether a row that an error keeps may be skipped
 * @returns null if the time is over before a batch is done
 */
async function patiently(
  work: Work,
  place: CleanupPlace,
  walked: Walked,
  at: Position,
  pace: Pace,
  limits: Limits,
  skips: boolean,
): Promise<Attempt | null> {
  for (let tried = 1; ; tried++) {
    try {
      const began = performance.now()
      const batch = await removeBatch(work, place, walked, at, pace.size())
      pace.took(performance.now() - began)
      return { ...batch, locked: 0, refused: false }
    } catch (error) {
      const refusal = refusalOf(error)
      if (refusal ? !refusal.byKey && !skips : !isLockFailure(error)) throw error
      if (limits.over()) return null
      if (tried >= TRIES && !pace.shrink()) {
        const batch = await stepOver(work, place, walked, at)
        if (!refusal) {
          const lockedBy = await rowHolder(
            work.client,
            walked.kind === 'execution' ? [walked.table, 'workflow_steps'] : [walked.table],
          )
          return { ...batch, locked: batch.visited, lockedBy, refused: false }
        }
        const [kept, protectedBy] = [batch.visited, [refusal.label]]
        return { ...batch, locked: 0, refused: !refusal.byKey, protected: kept, protectedBy }
      }
      if (tried < TRIES && !refusal) await limits.rest(FIRST_PAUSE_MS * tried, place)
    }
  }
}

function count(walk: Walk, { kind }: Walked, batch: Attempt): void {
  walk.batches++
  walk.removed[kind] += batch.removed
  walk.removed.step += batch.steps
  const { execution, audit, metric } = walk.kept
  walk.kept[kind].protected += batch.protected
  for (const label of batch.protectedBy)
    if (!walk.kept.protectedBy.includes(label)) walk.kept.protectedBy.push(label)
  const { lockedBy } = batch
  if (lockedBy !== undefined && !walk.kept.lockedBy.includes(lockedBy))
    walk.kept.lockedBy.push(lockedBy)
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
