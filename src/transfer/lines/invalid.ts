/** A line that was not imported, and why. */
export interface InvalidLine {
  line: number
  reason: string
}

/** What is wrong with a line, in words that follow 'line 17: '. */
export class Invalid extends Error {}

export interface InvalidLines {
  /** Of `count` lines, the first that can be shown. */
  add: (lines: readonly InvalidLine[], count?: number) => void
  count: () => number
  /** The first 100 by their number. */
  first: () => InvalidLine[]
}

const SHOWN = 100

/** Collects any number of invalid lines, and keeps the first. */
export function collectInvalid(): InvalidLines {
  let total = 0
  let first: InvalidLine[] = []
  return {
    add: (lines, count = lines.length) => {
      total += count
      const last = first.length < SHOWN ? Number.POSITIVE_INFINITY : (first.at(-1)?.line ?? 0)
      const kept = lines.filter(({ line }) => line < last)
      if (kept.length === 0) return
      first = [...first, ...kept].sort((a, b) => a.line - b.line).slice(0, SHOWN)
    },
    count: () => total,
    first: () => first,
  }
}

const LONGEST = 60

/** A value of a line, short enough for a message. */
export const shown = (value: unknown): string => cut(written(value))

/** The name of a key without its quotes, on one line. */
export const bare = (name: string): string => cut(JSON.stringify(name).slice(1, -1))

const cut = (text: string): string => (text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text)

function written(value: unknown): string {
  try {
    return JSON.stringify(value) ?? String(value)
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    // JSON.parse reads any depth, but JSON.stringify calls itself for each level.
    return Array.isArray(value) ? '[…]' : '{…}'
  }
}
