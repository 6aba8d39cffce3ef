import { isUtf8 } from 'node:buffer'

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

/**
 * The lines of a source that are not empty, several at a time. They may end with LF or CRLF and follow a byte order mark.
 * @param longest bytes that a line may have: it is in memory as a whole
 */
export async function* readLines(
  source: AsyncIterable<Buffer>,
  longest = Number.POSITIVE_INFINITY,
): AsyncGenerator<Line[]> {
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
    if (length <= longest) return decode(bytes, number)
    return { number, reason: `is longer than ${longest / 1024 / 1024} MiB` }
  }
  for await (const chunk of source) {
    const lines: Line[] = []
    let start = 0
    for (let at = chunk.indexOf(LF); at !== -1; at = chunk.indexOf(LF, start)) {
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

function decode(bytes: Buffer, number: number): Line | undefined {
  const from = number === 1 && bytes.subarray(0, 3).toString('latin1') === '\xef\xbb\xbf' ? 3 : 0
  const to = bytes.at(-1) === CR ? bytes.length - 1 : bytes.length
  if (from >= to) return undefined
  if (!isUtf8(bytes)) return { number, reason: 'is not UTF-8' }
  return { number, text: bytes.toString('utf8', from, to) }
}
