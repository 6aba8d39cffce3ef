import type { Run } from '../../db/query/query.ts'
import { WfstoreError } from '../../error.ts'
import { countOf } from '../../queries/table/validate.ts'
import { batchClock } from './clock.ts'
import {
  type BatchEntry,
  type BatchRow,
  type BatchStep,
  type Content,
  entryContent,
  makeRow,
  stepContent,
} from './rows.ts'
import { writeRows } from './write.ts'

export interface BatchOptions {
  /** So many rows are written without waiting for more; 500 unless given. */
  maxRows?: number
  /** No row waits longer than this, in milliseconds, before it is sent; 200 unless given. */
  flushMs?: number
}

/**
 * Gathers rows and writes many in one statement. The promise of a row is its acknowledgement: it resolves once the row
 * is committed, and rejects where it cannot be written, without harm to the others. Do not await each row before the
 * next is given, or there is nothing to gather: keep the promises, or await `flush`.
 *
 * A connection that is lost is tried again, and writes nothing twice. A row that was rejected as `unreachable` may yet
 * be there: give it an id (`logId`, `stepId`), and it can be given again, to this batch or to another.
 *
 * Of a batch two statements are under way at most; what is given meanwhile waits. What waits is bounded, to 64 million
 * characters: beyond it a row is rejected as `failed` at once.
 */
export interface Batch {
  /** @throws WfstoreError usage, not_found (the run), conflict (the id is taken otherwise), failed, unreachable */
  audit: (entry: BatchEntry) => Promise<void>
  /**
   * Records a finished step and its audit entry, and adds what it has cost to its run, and to the bill of a run that has
   * finished, or to a correction of it where that is paid or its period closed. Repeated with the same id it changes nothing.
   * @throws WfstoreError usage, not_found (the run), conflict (the id is taken otherwise), failed,
   * unreachable
   */
  step: (step: BatchStep) => Promise<void>
  /** Writes all that was given so far. @throws the reason why one of these rows could not be written */
  flush: () => Promise<void>
  /**
   * The same, and takes no row from then on. A batch keeps no process alive: what was not acknowledged is lost where the
   * process ends without it.
   */
  close: () => Promise<void>
}

const MOST_FLIGHTS = 2
/** Of one statement, in characters: the server takes it as one message and holds it in memory. */
const LARGEST_TEXT = 8_000_000
const LARGEST_BACKLOG = 64_000_000

/**
 * @param run one statement on a connection of the store, each in a transaction of its own
 * @throws WfstoreError usage for options that are none
 */
export function openBatch(run: Run, options: BatchOptions = {}): Batch {
  const maxRows = countOf('maxRows', options.maxRows, 1) ?? 500
  const flushMs = countOf('flushMs', options.flushMs) ?? 200
  const queue: BatchRow[] = []
  /** Rows of the queue and of the statements that are under way. */
  const unsettled = new Set<BatchRow>()
  /** Ids of the rows that are under way. */
  const busy = new Set<string>()
  const clock = batchClock()
  /** Characters of these, and of the queue alone. */
  let held = 0
  let queued = 0
  let flights = 0
  /** So many rows at the head of the queue wait for nothing any more. */
  let due = 0
  let timer: NodeJS.Timeout | undefined
  let closed: Promise<void> | undefined

  function add(content: () => Content): Promise<void> {
    try {
      if (closed) throw new WfstoreError('usage', 'the batch is closed')
      const row = makeRow(content())
      if (held > 0 && held + row.size > LARGEST_BACKLOG) throw backlog(unsettled.size)
      queue.push(row)
      unsettled.add(row)
      held += row.size
      queued += row.size
      pump()
      return row.done
    } catch (error) {
      return Promise.reject(error)
    }
  }

  function pump(): void {
    const isDue = () => due > 0 || queue.length >= maxRows || queued >= LARGEST_TEXT
    // The first statement goes alone: it tells the server's time, by which all others are in order.
    while (flights < (clock.isKnown() ? MOST_FLIGHTS : 1) && queue.length > 0 && isDue()) {
      const rows = take()
      if (rows.length === 0) break
      launch(rows)
    }
    if (queue.length === 0 || due > 0) {
      clearTimeout(timer)
      timer = undefined
    } else {
      timer ??= setTimeout(sendAll, flushMs).unref()
    }
  }

  function sendAll(): void {
    timer = undefined
    due = queue.length
    pump()
  }

  /** The rows of the next statement, from the head of the queue. A row waits for one before it with its id. */
  function take(): BatchRow[] {
    let count = 0
    let text = 0
    for (const row of queue) {
      const fits = count < maxRows && (count === 0 || text + row.size <= LARGEST_TEXT)
      if (!fits || busy.has(row.id)) break
      busy.add(row.id)
      count++
      text += row.size
    }
    due = Math.max(0, due - count)
    queued -= text
    return queue.splice(0, count)
  }

  function launch(rows: BatchRow[]): void {
    flights++
    void writeRows(run, rows, clock).then(() => {
      flights--
      for (const row of rows) {
        unsettled.delete(row)
        busy.delete(row.id)
        held -= row.size
      }
      pump()
    })
  }

  async function flush(): Promise<void> {
    const rows = [...unsettled].map(({ done }) => done)
    sendAll()
    const ends = await Promise.allSettled(rows)
    const failed = ends.find(({ status }) => status === 'rejected')
    if (failed) throw (failed as PromiseRejectedResult).reason
  }

  return {
    audit: (entry) => add(() => entryContent(entry)),
    step: (step) => add(() => stepContent(step)),
    flush,
    close: () => {
      closed ??= flush()
      return closed
    },
  }
}

const backlog = (rows: number) =>
  new WfstoreError('failed', `the batch is full: ${rows} rows wait for the database`, {
    hint: 'await the promises of rows, or flush, before giving more',
  })
