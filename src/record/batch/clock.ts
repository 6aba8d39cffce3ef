/** The number of newest statements from which the clock difference is estimated. */
const SAMPLES = 16

export interface BatchClock {
  /** Whether the time of the server is known. */
  isKnown: () => boolean
  /**
   * Converts a time of this process to the time of the server, always increasing; undefined if it is not known.
   * @param localMs from performance.now()
   */
  stamp: (localMs: number) => number | null
  /** Reports that a statement sent at `localMs` started at `serverMs`. */
  learn: (serverMs: number, localMs: number) => void
}

/**
 * Audit entries are sorted by their time, which is from the clock of the server. A row in a batch is older than the statement
 * that writes it, so its time is computed from the local clock. Times are Unix times in milliseconds.
 */
export function batchClock(): BatchClock {
  const offsets: number[] = []
  /** The fastest statement gives the best estimate. */
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
      // Rows of the first statement have no time yet: they are older than it.
      if (offsets.length === 0) last = serverMs
      offsets.push(serverMs - localMs)
      if (offsets.length > SAMPLES) offsets.shift()
      least = Math.min(...offsets)
    },
  }
}
