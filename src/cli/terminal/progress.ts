import { formatDuration } from '../../numbers.ts'
import type { Io } from '../io.ts'

export interface ProgressLine {
  /** `count` of what `label` says; a new label begins a new rate. With `total` it tells how long the rest will take. */
  show: (count: number, label: string, total?: number) => void
  /** Takes the line away. */
  end: () => void
}

const QUIET_MS = 1000
const EVERY_MS = 200

/** One line on a terminal's stderr that tells how far something is, once it takes longer than a second. */
export function progressLine(io: Io): ProgressLine {
  if (!io.stderr.isTTY) return { show: () => {}, end: () => {} }
  const start = io.now().getTime()
  let last = start + QUIET_MS - EVERY_MS
  let shown = false
  let phase = { label: '', since: start, from: 0 }
  return {
    show: (count, label, total) => {
      const now = io.now().getTime()
      if (label !== phase.label) phase = { label, since: now, from: phase.label === '' ? 0 : count }
      if (now - last < EVERY_MS) return
      last = now
      shown = true
      const rate = Math.round(((count - phase.from) * 1000) / Math.max(now - phase.since, 1))
      const rest = total === undefined ? '' : restOf(total - count, rate)
      const of = total === undefined ? '' : ` of ${grouped(total)}`
      io.stderr.write(`${CLEAR}${grouped(count)}${of} ${label}, ${grouped(rate)}/s${rest}`)
    },
    end: () => {
      if (shown) io.stderr.write(CLEAR)
    },
  }
}

/** A count may be out of date, and then nothing is said of what is left. */
function restOf(left: number, rate: number): string {
  if (left <= 0 || rate <= 0) return ''
  return `, ${formatDuration(Math.ceil(left / rate) * 1000).replace('.0s', 's')} left`
}

const CLEAR = '\r\x1b[K'
const grouped = (count: number): string => count.toLocaleString('en')
