import type { Run } from '../../db/query/query.ts'
import { WfstoreError } from '../../error.ts'
import { checkNames, type Names } from '../../options.ts'
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
  /** The number of rows that are written without waiting for more (default: 500). */
  maxRows?: number | undefined
  /** The maximum wait of a row before it is sent, in milliseconds (default: 200). */
  flushMs?: number | undefined
}

const OPTIONS: Names<BatchOptions> = { maxRows: true, flushMs: true }

/**
 * Collects rows and writes many in one statement. The promise of a row resolves when the row is committed, and rejects if it
 * cannot be written; other rows are not affected. Do not await each row before you add the next one: keep the promises, or
 * await `flush`.
 *
 * After a lost connection it tries again and writes nothing twice. A row that was rejected as `unreachable` may still be
 * written: with an id (`logId`, `stepId`) it can be added again, to this batch or to another.
 *
 * A batch has at most two statements in progress; other rows wait. If more than 64 million characters wait, a new row is
 * rejected as `failed`.
 */
export interface Batch {
  /** @throws WfstoreError usage, not_found (the run), conflict (the id has other content), failed, unreachable */
  audit: (entry: BatchEntry) => Promise<void>
  /**
   * Records a finished step and its audit entry, and adds its cost to the run. If the run has finished, the cost is also added
   * to its bill or, if the bill is paid or its period is closed, to a correction. Repeating it with the same id changes nothing.
   * @throws WfstoreError usage, not_found (the run), conflict (the id has other content), failed, unreachable
   */
  step: (step: BatchStep) => Promise<void>
  /** Writes all rows so far. @throws the error of a row that could not be written */
  flush: () => Promise<void>
  /** Writes all rows and closes the batch. A process that ends without `close` first waits until its rows are written. */
  close: () => Promise<void>
}

const MOST_FLIGHTS = 2
/** The maximum size of a statement in characters: the server holds it in memory as one message. */
const LARGEST_TEXT = 8_000_000
const LARGEST_BACKLOG = 64_000_000

/**
 * @param run runs a statement on a connection of the store, in its own transaction
 * @throws WfstoreError usage if an option is invalid
 */
export function openBatch(run: Run, options: BatchOptions = {}): Batch {
  checkNames('batch', options, OPTIONS)
  const maxRows = countOf('maxRows', options.maxRows, 1) ?? 500
  const flushMs = countOf('flushMs', options.flushMs) ?? 200
  const queue: BatchRow[] = []
  /** The number of rows in the queue and in statements in progress. */
  const unsettled = new Set<BatchRow>()
  /** The ids of rows in progress. */
  const busy = new Set<string>()
  const clock = batchClock()
  /** The number of characters of these rows, and of the queue alone. */
  let held = 0
  let queued = 0
  let flights = 0
  /** The number of rows at the head of the queue that do not wait any longer. */
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
    // The first statement is sent alone: it returns the time of the server, which the others need.
    while (flights < (clock.isKnown() ? MOST_FLIGHTS : 1) && queue.length > 0 && isDue()) {
      const rows = take()
      if (rows.length === 0) break
      launch(rows)
    }
    if (queue.length === 0 || due > 0) {
      clearTimeout(timer)
      timer = undefined
    } else {
      timer ??= setTimeout(sendAll, flushMs)
    }
  }

  function sendAll(): void {
    timer = undefined
    due = queue.length
    pump()
  }

  /** Takes the rows of the next statement from the queue. A row waits for an earlier row with the same id. */
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
  new WfstoreError('failed', `the batch is full: ${rows} rows are waiting for the database`, {
    hint: 'await the promises of rows, or flush, before you give more rows',
  })
