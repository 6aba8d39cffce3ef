import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { basename } from 'node:path'
import { describe } from '../../../db/query/errors.ts'
import { WfstoreError } from '../../../error.ts'
import { LF } from '../../../transfer/lines/count.ts'
import { uncompressed } from '../../../transfer/lines/gzip.ts'
import { CLEANED, type Cleaned } from '../../types.ts'
import { type Mark, noRows, type StreamSums, unseal } from '../form.ts'
import { knownForm } from './folder.ts'
import { readError } from './read.ts'
import { Fault, type VerifiedArchive } from './report.ts'

/** The number of bytes that identify a line: '{"ex', '{"sy'. */
const PREFIX = 4
const ROWS = new Map<string, Cleaned>(CLEANED.map((kind) => [`{"${kind.slice(0, 2)}`, kind]))
const MARKS = ['archive', 'sync', 'manifest'].map((name) => `{"${name.slice(0, 2)}`)
const LONGEST_MARK = 16 * 1024 * 1024

/** Reads an archive from a stream, plain or compressed. A truncated one is covered up to its last mark. */
export async function verifyStream(
  path: string,
  { place = path }: { place?: string } = {},
): Promise<VerifiedArchive> {
  const read = () => uncompressed(createReadStream(path, { highWaterMark: 256 * 1024 }))
  const archive: VerifiedArchive = {
    place,
    form: 'stream',
    head: null,
    complete: false,
    files: [],
    lines: noRows(),
    bytes: 0,
    ignoredBytes: 0,
    problems: [],
    content: () => beginning(read(), archive.bytes),
  }
  const scan = createScan(archive)
  try {
    for await (const chunk of whole(read())) scan.add(chunk)
    scan.end()
  } catch (error) {
    archive.problems.push({ file: basename(place), problem: problemOf(path, error) })
  }
  if (!scan.begins()) {
    throw new WfstoreError('usage', `${place} is not an archive of wfstore`, {
      hint: 'name the folder of one or more archives, or the output file of `wfstore cleanup --archive -`, plain or gzip',
    })
  }
  return archive
}

/** Ignores truncated gzip data: the marks of the stream tell which part is complete. */
async function* whole(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  try {
    yield* source
  } catch (error) {
    if (describe(error).message !== 'unexpected end of file') throw error
  }
}

/** @throws WfstoreError if the content is not what is wrong */
function problemOf(path: string, error: unknown): string {
  if (error instanceof Fault) return error.message
  const { code, message } = describe(error)
  if (code?.startsWith('Z_')) return `cannot be uncompressed: ${message}`
  throw readError(path, error)
}

async function* beginning(source: AsyncIterable<Buffer>, bytes: number): AsyncGenerator<Buffer> {
  let left = bytes
  if (left === 0) return
  for await (const chunk of source) {
    yield chunk.subarray(0, left)
    left -= chunk.length
    if (left <= 0) return
  }
  throw new Fault('is truncated')
}

/** Counts and hashes the data and compares it with the marks. */
function createScan(archive: VerifiedArchive) {
  const hash = createHash('sha256')
  const lines = noRows()
  let begins = false
  /** The number of bytes so far. */
  let total = 0
  /** The number of the current line. */
  let number = 1
  /** The kind of the row that continues in the next chunk. */
  let row: Cleaned | undefined
  /** The beginning of a line whose kind is not known yet. */
  let held: Buffer = Buffer.alloc(0)

  const take = (data: Buffer) => {
    hash.update(data)
    total += data.length
  }
  const mark = (data: Buffer) => {
    if (archive.complete) throw new Fault('has data after its end')
    const value = unseal(data.toString('utf8', 0, data.length - 1)) as Mark | undefined
    const isHead = value !== undefined && 'archive' in value
    if (!value || 'segments' in value || isHead !== (total === 0))
      throw new Fault(`is damaged in line ${number}`)
    if (isHead) archive.head = knownForm(value.archive)
    else checkSums('sync' in value ? value.sync : value.manifest)
    take(data)
    archive.complete = 'manifest' in value
    archive.lines = { ...lines }
    archive.bytes = total
  }
  const checkSums = (sums: StreamSums) => {
    const found: StreamSums = {
      lines: { ...lines },
      bytes: total,
      sha256: hash.copy().digest('hex'),
    }
    if (JSON.stringify(found) !== JSON.stringify(sums))
      throw new Fault(`is damaged before line ${number}: its SHA-256 does not match`)
  }
  /** @returns the index of the next line; undefined if more data is needed first */
  const line = (data: Buffer, at: number): number | undefined => {
    const end = data.indexOf(LF, at) + 1
    if (row === undefined) {
      if (data.length - at < PREFIX && end === 0) return undefined
      const prefix = data.toString('latin1', at, at + PREFIX)
      if (number === 1) begins = prefix === MARKS[0]
      if (MARKS.includes(prefix)) {
        if (end === 0 && data.length - at > LONGEST_MARK)
          throw new Fault(`is damaged in line ${number}`)
        if (end === 0) return undefined
        mark(data.subarray(at, end))
        number++
        return end
      }
      row = ROWS.get(prefix)
      if (row === undefined || archive.head === null || archive.complete)
        throw new Fault(
          archive.complete ? 'has data after its end' : `is damaged in line ${number}`,
        )
    }
    take(data.subarray(at, end || data.length))
    if (end === 0) return data.length
    lines[row]++
    number++
    row = undefined
    return end
  }
  return {
    begins: () => begins,
    add: (chunk: Buffer) => {
      const data = held.length > 0 ? Buffer.concat([held, chunk]) : chunk
      held = Buffer.alloc(0)
      for (let at: number | undefined = 0; at < data.length; ) {
        const next = line(data, at)
        if (next === undefined) {
          held = data.subarray(at)
          return
        }
        at = next
      }
    },
    end: () => {
      if (archive.complete && held.length > 0) throw new Fault('has data after its end')
      archive.ignoredBytes = total + held.length - archive.bytes
    },
  }
}
