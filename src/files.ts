import { randomBytes } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { chmod, readlink, realpath, rename, rm, stat } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import type { Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGzip } from 'node:zlib'
import { WfstoreError } from './error.ts'
import { isPassage, openPassage } from './passage.ts'
import { syncFolder } from './sync-folder.ts'

/**
 * Writes a file completely or not at all: it writes a temporary file in the same folder, syncs it to disk and renames it.
 * An existing file is replaced only then. Of a link the target is written. A device or a FIFO is written directly and
 * stays. A name that ends in .gz is compressed.
 * @throws WfstoreError failed if the file cannot be written, and errors of `chunks`
 */
export async function writeWhole(path: string, chunks: AsyncIterable<Buffer>): Promise<void> {
  let failure: unknown
  /** Distinguishes errors of the file from errors of the source: a full disk is not a lost database connection. */
  const ours = <T>(work: Promise<T>): Promise<T> =>
    work.catch((error) => {
      failure ??= error
      throw error
    })
  const write = async (target: Writable) => {
    target.once('error', (error) => {
      failure ??= error
    })
    if (path.endsWith('.gz')) await pipeline(chunks, createGzip(), target)
    else await pipeline(chunks, target)
  }
  try {
    if (await ours(isPassage(path))) return await write(await ours(openPassage(path)))
    const file = await ours(behindLinks(path))
    const part = `${file}.${randomBytes(4).toString('hex')}.part`
    try {
      await write(createWriteStream(part, { flags: 'wx', flush: true }))
      await ours(moveInto(file, part))
    } catch (error) {
      await rm(part, { force: true }).catch(() => {})
      throw error
    }
  } catch (error) {
    if (error !== failure || error instanceof WfstoreError) throw error
    throw new WfstoreError('failed', `cannot write ${path}: ${(error as Error).message}`, {
      cause: error,
    })
  }
}

const MOST_LINKS = 40

/** The file that a path leads to, even if it does not exist yet. */
async function behindLinks(path: string): Promise<string> {
  let at = path
  for (let links = 0; links < MOST_LINKS; links++) {
    const target = await readlink(at).catch(() => undefined)
    if (target === undefined) return at
    at = resolve(await realpath(dirname(at)), target)
  }
  // A circle: the system says so.
  return realpath(path)
}

/** A file that is replaced keeps its rights. */
async function moveInto(path: string, part: string): Promise<void> {
  const known = await stat(path).catch(() => undefined)
  if (known) await chmod(part, known.mode & 0o777)
  await rename(part, path)
  await syncFolder(dirname(path))
}
