import { isUtf8 } from 'node:buffer'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGunzip } from 'node:zlib'
import { WfstoreError } from '../../error.ts'

/** A line of a file, by its number from 1. */
export interface Line {
  number: number
  /** Undefined where the line cannot be read. */
  text?: string
  /** Why not. */
  reason?: string
}

export type Source = AsyncIterable<Uint8Array | string>

const LF = 10
const CR = 13

/** A line beyond this many bytes is an error: it would have to stand in memory as a whole. */
const LONGEST_LINE = 64 * 1024 * 1024

/**
 * The lines of a source that hold anything, some at a time: plain or compressed with gzip, with or without a byte order
 * mark, ended by LF or CRLF.
 * @throws WfstoreError usage where the compressed file is damaged
 */
export async function* readLines(source: Source): AsyncGenerator<Line[]> {
  let number = 0
  /** The beginning of a line whose end has not come yet. */
  let parts: Buffer[] = []
  let size = 0
  const end = (last: Buffer): Line | undefined => {
    const length = size + last.length
    // Of a line that is too long nothing is kept but its length.
    const bytes =
      length > LONGEST_LINE ? last : parts.length > 0 ? Buffer.concat([...parts, last]) : last
    parts = []
    size = 0
    return decode(bytes, ++number, length)
  }
  for await (const chunk of uncompressed(source)) {
    const lines: Line[] = []
    let start = 0
    for (let at = chunk.indexOf(LF); at !== -1; at = chunk.indexOf(LF, start)) {
      const line = end(chunk.subarray(start, at))
      if (line) lines.push(line)
      start = at + 1
    }
    const rest = chunk.subarray(start)
    size += rest.length
    if (size > LONGEST_LINE) parts = []
    else if (rest.length > 0) parts.push(rest)
    if (lines.length > 0) yield lines
  }
  const line = end(Buffer.alloc(0))
  if (line) yield [line]
}

function decode(bytes: Buffer, number: number, length: number): Line | undefined {
  if (length > LONGEST_LINE) {
    return { number, reason: `is longer than ${LONGEST_LINE / 1024 / 1024} MiB` }
  }
  const from = number === 1 && bytes.subarray(0, 3).toString('latin1') === '\xef\xbb\xbf' ? 3 : 0
  const to = bytes[length - 1] === CR ? length - 1 : length
  if (from >= to) return undefined
  if (!isUtf8(bytes)) return { number, reason: 'is not UTF-8' }
  return { number, text: bytes.toString('utf8', from, to) }
}

const GZIP = '\x1f\x8b'

async function* uncompressed(source: Source): AsyncGenerator<Buffer> {
  const chunks = buffers(source)
  let first: Buffer = Buffer.alloc(0)
  while (first.length < GZIP.length) {
    const { value, done } = await chunks.next()
    if (done) break
    first = first.length === 0 ? value : Buffer.concat([first, value])
  }
  const all = startingWith(first, chunks)
  if (first.toString('latin1', 0, GZIP.length) !== GZIP) yield* all
  else yield* gunzip(all)
}

async function* startingWith(first: Buffer, rest: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  if (first.length > 0) yield first
  yield* rest
}

async function* buffers(source: Source): AsyncGenerator<Buffer> {
  for await (const chunk of source) {
    yield typeof chunk === 'string'
      ? Buffer.from(chunk)
      : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)
  }
}

async function* gunzip(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const unzip = createGunzip()
  // Errors of either reach the reader through the iteration of the last stream.
  pipeline(Readable.from(source), unzip).catch(() => {})
  try {
    yield* unzip
  } catch (cause) {
    const { code, message } = cause as { code?: string; message: string }
    if (!code?.startsWith('Z_')) throw cause
    throw new WfstoreError('usage', `the compressed file is damaged: ${message}`, {
      hint: 'nothing was imported; make or copy the file again',
      cause,
    })
  }
}
