import { isUtf8 } from 'node:buffer'
import { hasMoreParts } from './keys.ts'
import { USUAL_LONGEST } from './longest.ts'

/** A line of a file, by its number from 1. */
export interface Line {
  number: number
  /** Undefined where the line cannot be read. */
  text?: string
  /** Why it cannot. */
  reason?: string
}

const LF = 10
const CR = 13

const MIB = 1024 * 1024
/** JSON.parse takes about 100 bytes for an array, an object or a key. */
const BYTES_PER_PART = 16
/** A shorter line cannot have enough of them to matter. */
const CHECKED_BYTES = MIB

/**
 * The lines of a source that are not empty, several at a time. They may end with LF or CRLF and follow a byte order mark.
 * @param longestMiB how long a line may be: it is in memory as a whole
 */
export async function* readLines(
  source: AsyncIterable<Buffer>,
  longestMiB = USUAL_LONGEST,
): AsyncGenerator<Line[]> {
  const longest = longestMiB * MIB
  let number = 0
  /** The beginning of a line whose end has not come yet. */
  let parts: Buffer[] = []
  let size = 0
  const end = (last: Buffer): Line | undefined => {
    const length = size + last.length
    // Of a line that is too long only the length is kept.
    const whole = length <= longest && parts.length > 0
    const bytes = whole ? Buffer.concat([...parts, last]) : last
    parts = []
    size = 0
    number++
    if (length > longest)
      return { number, reason: `is longer than ${longestMiB} MiB; --max-line raises the limit` }
    return decode(bytes, number, longest / BYTES_PER_PART)
  }
  for await (const chunk of source) {
    const lines: Line[] = []
    let start = 0
    for (;;) {
      // Millions of empty lines are read as fast as they come.
      while (size === 0 && chunk[start] === LF) {
        start++
        number++
      }
      const at = chunk.indexOf(LF, start)
      if (at === -1) break
      const line = end(chunk.subarray(start, at))
      if (line) lines.push(line)
      start = at + 1
    }
    const rest = chunk.subarray(start)
    size += rest.length
    if (size > longest) parts = []
    else if (rest.length > 0) parts.push(rest)
    if (lines.length > 0) yield lines
  }
  const line = end(Buffer.alloc(0))
  if (line) yield [line]
}

function decode(bytes: Buffer, number: number, mostParts: number): Line | undefined {
  const from = number === 1 && bytes.subarray(0, 3).toString('latin1') === '\xef\xbb\xbf' ? 3 : 0
  const to = bytes.at(-1) === CR ? bytes.length - 1 : bytes.length
  if (from >= to) return undefined
  if (!isUtf8(bytes)) return { number, reason: 'is not UTF-8' }
  const text = bytes.toString('utf8', from, to)
  if (bytes.length > CHECKED_BYTES && hasMoreParts(text, mostParts))
    return {
      number,
      reason: `has more than ${mostParts} arrays, objects and keys; --max-line raises the limit`,
    }
  return { number, text }
}
