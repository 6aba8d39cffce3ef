import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { readdir, readFile, stat } from 'node:fs/promises'
import { describe } from '../../../db/query/errors.ts'
import { WfstoreError } from '../../../error.ts'
import { countLines } from '../../../transfer/lines/count.ts'
import { gunzip } from '../../../transfer/lines/gzip.ts'
import { Fault } from './report.ts'

/** A part of a file with its own checksum, or the whole file. */
export interface Piece {
  bytes: number
  sha256: string
}

const ALTERED = 'is damaged: its SHA-256 does not match'

export const readError = (path: string, cause: unknown): WfstoreError =>
  cause instanceof WfstoreError
    ? cause
    : new WfstoreError('failed', `cannot read ${path}: ${describe(cause).message}`, { cause })

/** @throws WfstoreError failed if the disk cannot be read */
export async function reading<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (cause) {
    throw cause instanceof Fault ? cause : readError(path, cause)
  }
}

export const namesIn = (folder: string): Promise<string[]> =>
  reading(folder, async () => (await readdir(folder)).sort())

/** The manifest of an archive of 25 TB has half of this. */
const LONGEST_MIB = 128

/** @throws Fault if it is too large for memory, or a pipe or a device, which may have no end */
export const textOf = (path: string): Promise<string> =>
  reading(path, async () => {
    const found = await stat(path)
    if (!found.isFile()) throw new Fault('is not a file')
    if (found.size > LONGEST_MIB * 1024 * 1024) throw new Fault(`is larger than ${LONGEST_MIB} MiB`)
    return readFile(path, 'utf8')
  })

/** The size of a file; undefined if it does not exist. */
export const sizeOf = async (path: string): Promise<number | undefined> =>
  (await stat(path).catch(() => undefined))?.size

/** The bytes that the pieces cover, from the start of the file. @throws Fault if they do not match */
async function* bytesOf(path: string, pieces: readonly Piece[]): AsyncGenerator<Buffer> {
  const bytes = pieces.reduce((sum, piece) => sum + piece.bytes, 0)
  if (bytes === 0) return
  const left = [...pieces]
  let hash = createHash('sha256')
  let done = 0
  const stream: AsyncIterable<Buffer> = createReadStream(path, {
    end: bytes - 1,
    highWaterMark: 256 * 1024,
  })
  for await (const chunk of stream) {
    for (let at = 0; at < chunk.length; ) {
      const piece = left[0] as Piece
      const part = chunk.subarray(at, at + piece.bytes - done)
      hash.update(part)
      done += part.length
      at += part.length
      if (done < piece.bytes) continue
      if (hash.digest('hex') !== piece.sha256) throw new Fault(ALTERED)
      left.shift()
      hash = createHash('sha256')
      done = 0
    }
    yield chunk
  }
  if (left.length > 0) throw new Fault('is truncated')
}

/** The uncompressed content of the file. @throws Fault if it is damaged or truncated */
export async function* contentOf(path: string, pieces: readonly Piece[]): AsyncGenerator<Buffer> {
  yield* gunzip(bytesOf(path, pieces))
}

/** @throws Fault if the file is not the one that was written */
export async function checkBytes(path: string, pieces: readonly Piece[]): Promise<void> {
  for await (const _ of bytesOf(path, pieces));
}

/** @throws Fault if the file is damaged */
export async function checkLines(
  path: string,
  pieces: readonly Piece[],
  lines: number,
): Promise<void> {
  await checkBytes(path, pieces)
  let counted = 0
  try {
    for await (const chunk of contentOf(path, pieces)) counted += countLines(chunk)
  } catch (error) {
    if (error instanceof WfstoreError || error instanceof Fault) throw error
    throw new Fault(`cannot be uncompressed: ${describe(error).message}`)
  }
  if (counted !== lines) throw new Fault(`has ${counted} lines, not ${lines}`)
}
