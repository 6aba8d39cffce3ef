/** So many of the newest statements say how far the clocks are apart: enough to find a quick one, few enough to follow drift. */
const SAMPLES = 16

export interface BatchClock {
  /** Whether a statement has told the server's time. */
  isKnown: () => boolean
  /**
   * The server's time at a moment of this process's, later than all it gave before; none where it is not known.
   * @param localMs by performance.now()
   */
  stamp: (localMs: number) => number | null
  /** A statement that was sent at `localMs` began at `serverMs`. */
  learn: (serverMs: number, localMs: number) => void
}

/**
 * The audit is in the order of its timestamps, and those are of the server's clock, as a run is judged by them; yet a row
 * that waits in a batch is older than the statement that writes it. Times are Unix times in milliseconds.
 */
export function batchClock(): BatchClock {
  const offsets: number[] = []
  /** The quickest statement is the nearest to the truth: a way to the server takes no less than no time. */
  let least = 0
  let last = 0
  return {
    isKnown: () => offsets.length > 0,
    stamp: (localMs) => {
      if (offsets.length === 0) return null
      last = Math.max(localMs + least, last + 0.001)
      return last
    },
    learn: (serverMs, localMs) => {
      // Rows of the first statement had no stamp: they are of the time before it.
      if (offsets.length === 0) last = serverMs
      offsets.push(serverMs - localMs)
      if (offsets.length > SAMPLES) offsets.shift()
      least = Math.min(...offsets)
    },
  }
}
