import { KINDS, type Kind } from './form.ts'

/** Every kind begins with another letter, which stands behind the '{"' of its line. */
const PLACE = 2
const KIND_OF = new Map(KINDS.map((kind) => [kind.charCodeAt(0), kind]))
const LF = 10

export type Counts = Record<Kind, number>

export const noLines = (): Counts => ({ execution: 0, step: 0, audit: 0, bill: 0, metric: 0 })

/** Counts the lines of an export by kind while its chunks, which end anywhere, go by. */
export function lineCounter(): { counts: Counts; add: (chunk: Uint8Array) => void } {
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
