/** A batch that takes longer is followed by one of half its size, one that takes less than a quarter by one of twice. */
const SLOW_MS = 400
const QUICK_MS = 100
const FIRST_SIZE = 1000
export const LARGEST_BATCH = 20_000

/** By default the server has so much rest after a batch as a part of the time that the batch took. */
const REST = 0.1

export interface Pace {
  /** Rows that the next batch looks at. */
  size: () => number
  /** A batch of this size took so long, from its begin to its commit. */
  took: (ms: number) => void
  /** A batch could not get its locks: the next one asks for half of them. Gives false where it asked for one only. */
  shrink: () => boolean
  /** Milliseconds to rest after the last batch. */
  rest: () => number
}

/** How much a batch takes on, so that no writer waits for it longer than some 0.4 s. */
export function paceOf(options: {
  batchSize?: number | undefined
  pauseMs?: number | undefined
}): Pace {
  const largest = options.batchSize ?? LARGEST_BATCH
  let size = Math.min(FIRST_SIZE, largest)
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
