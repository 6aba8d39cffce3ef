import { KINDS, type RowKind } from '../../tables/tables.ts'

export type LineCounts = Record<RowKind, number>

export const noLines = (): LineCounts => ({ execution: 0, step: 0, audit: 0, bill: 0, metric: 0 })

export const LF = 10

/** Every kind begins with another letter, which follows the '{"' of its line. */
const PLACE = 2
const KIND_OF = new Map(KINDS.map((kind) => [kind.charCodeAt(0), kind]))

/** Counts lines by kind in chunks, which may end anywhere. */
export function lineCounter(): { counts: LineCounts; add: (chunk: Uint8Array) => void } {
  const counts = noLines()
  /** Bytes of the line before the next chunk. */
  let before = 0
  return {
    counts,
    add: (chunk) => {
      let start = -before
      while (start < chunk.length) {
        const kind = KIND_OF.get(chunk[start + PLACE] ?? 0)
        if (kind) counts[kind]++
        const end = chunk.indexOf(LF, Math.max(start, 0))
        if (end === -1) break
        start = end + 1
      }
      before = chunk.length - start
    },
  }
}

/** How many lines end in the data. */
export function countLines(data: Buffer): number {
  let lines = 0
  for (let at = data.indexOf(LF); at !== -1; at = data.indexOf(LF, at + 1)) lines++
  return lines
}
