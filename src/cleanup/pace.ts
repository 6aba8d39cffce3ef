/** After a slower batch the size is halved. After a batch that takes less than a quarter of this, the size is doubled. */
const SLOW_MS = 400
const QUICK_MS = 100
const FIRST_SIZE = 1000
/** The first batch if each deleted row may take long. */
export const CAREFUL_SIZE = 10
export const LARGEST_BATCH = 20_000

/** The default pause after a batch, as a share of its time. */
const REST = 0.1

export interface Pace {
  /** The number of rows of the next batch. */
  size: () => number
  /** Reports the size of a batch and its time from begin to commit. */
  took: (ms: number) => void
  /** Reports that a batch could not get its locks. Halves the size; returns false if the size was 1. */
  shrink: () => boolean
  /** The pause after the last batch in milliseconds. */
  rest: () => number
}

/** Adjusts the batch size so that no writer waits longer than about 0.4 s. */
export function paceOf(options: {
  batchSize?: number | undefined
  pauseMs?: number | undefined
  firstSize?: number | undefined
}): Pace {
  const largest = options.batchSize ?? LARGEST_BATCH
  let size = Math.min(options.firstSize ?? FIRST_SIZE, largest)
  let last = 0
  return {
    size: () => size,
    took: (ms) => {
      last = ms
      if (ms > SLOW_MS) size = Math.max(1, Math.floor(size / 2))
      else if (ms < QUICK_MS) size = Math.min(largest, size * 2)
    },
    shrink: () => {
      if (size === 1) return false
      size = Math.ceil(size / 2)
      return true
    },
    rest: () => options.pauseMs ?? last * REST,
  }
}
