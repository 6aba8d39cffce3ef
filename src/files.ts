import { randomBytes } from 'node:crypto'
import { chmod, readlink, realpath, rename, rm, stat } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import type { Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGzip } from 'node:zlib'
import { WfstoreError } from './error.ts'
import { isPassage, openPassage } from './passage.ts'
import { createFile } from './rights.ts'
import { syncFolder } from './sync-folder.ts'

/**
 * Writes a file completely or not at all: it writes a temporary file in the same folder, syncs it to disk and renames it.
 * An existing file is replaced only then. Of a link the target is written. A device or a FIFO is written directly and
 * stays. A name that ends in .gz is compressed. Only the owner may read a new file. A replaced one keeps its rights.
 * @param fileMode the rights of the file, also if it exists
 * @throws WfstoreError failed if the file cannot be written, and errors of `chunks`
 */
export async function writeWhole(
  path: string,
  chunks: AsyncIterable<Buffer>,
  { fileMode }: { fileMode?: number | undefined } = {},
): Promise<void> {
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
    if (await ours(isPassage(path))) {
      if (fileMode !== undefined)
        throw new WfstoreError('usage', `--file-mode cannot be used with ${path}: it is not a file`)
      return await write(await ours(openPassage(path)))
    }
    const file = await ours(behindLinks(path))
    const part = `${file}.${randomBytes(4).toString('hex')}.part`
    try {
      const handle = await ours(createFile(part))
      await write(handle.createWriteStream({ flush: true }))
      await ours(moveInto(file, part, fileMode))
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

async function moveInto(path: string, part: string, fileMode: number | undefined): Promise<void> {
  const known = await stat(path).catch(() => undefined)
  const mode = fileMode ?? known?.mode
  if (mode !== undefined) await chmod(part, mode & 0o777)
  await rename(part, path)
  await syncFolder(dirname(path))
}
