import { formatDuration, formatNumber } from '../../numbers.ts'
import type { Io } from '../io.ts'
import { type GlobalOptions, isData } from '../options/global.ts'

/** One line on the terminal's stderr that shows that a command works, and how far it is. */
export interface Progress {
  /** Sets what is done, such as 20 'rows read'. With `total` the line also shows the time left. */
  show: (count: number, label: string, total?: number) => void
  /** Keeps the line up to date while `work` runs. */
  during: <T>(work: () => Promise<T>) => Promise<T>
  clear: () => void
}

export const noProgress: Progress = { show: () => {}, during: (work) => work(), clear: () => {} }

/** What takes no longer than this shows nothing. */
const QUIET_MS = 1000
const TICK_MS = 1000
const SHORTEST_MS = 200
const CLEAR = '\r\x1b[K'

export function startProgress(io: Io): Progress {
  if (!io.stderr.isTTY) return noProgress
  const now = () => io.now().getTime()
  const start = now()
  let drawnAt = start
  let drawn = false
  let phase: Phase | undefined
  const draw = () => {
    drawnAt = now()
    if (drawnAt - start < QUIET_MS || io.signal.aborted) return
    const text = phase ? describe(phase, drawnAt) : 'working…'
    io.stderr.write(`${CLEAR}${text} (${seconds(drawnAt - start)})`)
    drawn = true
  }
  const clear = () => {
    if (drawn) io.stderr.write(CLEAR)
    drawn = false
  }
  // The work may not end, such as a read from the terminal.
  io.signal.addEventListener('abort', clear, { once: true })
  return {
    show: (count, label, total) => {
      const begun = phase ? { since: now(), from: count } : { since: start, from: 0 }
      phase = { ...(label === phase?.label ? phase : begun), count, label, total }
      if (now() - drawnAt >= SHORTEST_MS) draw()
    },
    during: (work) => whileTicking(io, TICK_MS, draw, work),
    clear,
  }
}

/** Calls `tick` at this interval while `work` runs, until an interruption. */
export async function whileTicking<T>(
  io: Io,
  ms: number,
  tick: () => void,
  work: () => Promise<T>,
): Promise<T> {
  const done = new AbortController()
  const signal = AbortSignal.any([done.signal, io.signal])
  const ticking = async () => {
    while (!signal.aborted) {
      await io.sleep(ms, signal)
      if (!signal.aborted) tick()
    }
  }
  // An aborted sleep rejects.
  const ticked = ticking().catch(() => {})
  try {
    return await work()
  } finally {
    done.abort()
    await ticked
  }
}

/** Shows progress while `work` runs. */
export async function withProgress<T>(
  io: Io,
  work: (show: Progress['show']) => Promise<T>,
): Promise<T> {
  const progress = startProgress(io)
  try {
    return await progress.during(() => work(progress.show))
  } finally {
    progress.clear()
  }
}

/** Progress for a list that is read page by page. Rows that go to the terminal one by one need none. */
export const listProgress = (io: Io, options: GlobalOptions): Progress =>
  io.stdout.isTTY && isData(options) ? noProgress : startProgress(io)

/** Shows the number of rows while `write` reads them. */
export async function showRows<Row>(
  { show, during, clear }: Progress,
  rows: AsyncIterable<Row>,
  write: (rows: AsyncIterable<Row>) => Promise<unknown>,
): Promise<void> {
  const counted = async function* () {
    let read = 0
    for await (const row of rows) {
      show(++read, 'rows read')
      yield row
    }
  }
  try {
    await during(() => write(counted()))
  } finally {
    clear()
  }
}

/** What is counted. A new label starts a new rate. */
interface Phase {
  count: number
  label: string
  total: number | undefined
  since: number
  /** The count at that time. */
  from: number
}

/** '2,000 of 10,000 rows removed, 2,000/s, 4s left' */
function describe({ count, label, total, since, from }: Phase, now: number): string {
  const rate = Math.round(((count - from) * 1000) / Math.max(now - since, 1))
  const of = total === undefined ? '' : ` of ${formatNumber(total)}`
  const left = total === undefined ? '' : timeLeft(total - count, rate)
  return `${formatNumber(count)}${of} ${label}, ${formatNumber(rate)}/s${left}`
}

/** A total may be out of date; then there is no time left to show. */
function timeLeft(count: number, rate: number): string {
  return count <= 0 || rate <= 0 ? '' : `, ${seconds(Math.ceil(count / rate) * 1000)} left`
}

const seconds = (ms: number): string =>
  formatDuration(Math.floor(ms / 1000) * 1000).replace('.0s', 's')
