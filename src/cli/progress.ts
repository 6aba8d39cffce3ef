import type { Io } from './context.ts'

export interface ProgressLine {
  /** `count` of what `label` says; a new label begins a new rate. */
  show: (count: number, label: string) => void
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
    show: (count, label) => {
      const now = io.now().getTime()
      if (label !== phase.label) phase = { label, since: now, from: phase.label === '' ? 0 : count }
      if (now - last < EVERY_MS) return
      last = now
      shown = true
      const rate = Math.round(((count - phase.from) * 1000) / Math.max(now - phase.since, 1))
      io.stderr.write(`${CLEAR}${grouped(count)} ${label}, ${grouped(rate)}/s`)
    },
    end: () => {
      if (shown) io.stderr.write(CLEAR)
    },
  }
}

const CLEAR = '\r\x1b[K'
const grouped = (count: number): string => count.toLocaleString('en')
