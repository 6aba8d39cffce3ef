import { randomBytes } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { createGzip } from 'node:zlib'
import { WfstoreError } from './error.ts'
import { syncFolder } from './sync-folder.ts'

/**
 * Writes a file completely or not at all: it writes a temporary file in the same folder, syncs it to disk and renames it.
 * An existing file is replaced only then. A name that ends in .gz is compressed.
 * @throws WfstoreError failed if the file cannot be written, and errors of `chunks`
 */
export async function writeWhole(path: string, chunks: AsyncIterable<Buffer>): Promise<void> {
  const part = `${path}.${randomBytes(4).toString('hex')}.part`
  const target = createWriteStream(part, { flags: 'wx', flush: true })
  let failure: Error | undefined
  // Distinguish errors of the file from errors of the source: a full disk is not a lost database connection.
  target.once('error', (error) => {
    failure ??= error
  })
  try {
    if (path.endsWith('.gz')) await pipeline(chunks, createGzip(), target)
    else await pipeline(chunks, target)
    await moveInto(path, part).catch((error) => {
      failure = error
      throw error
    })
  } catch (error) {
    await rm(part, { force: true }).catch(() => {})
    if (error !== failure || error instanceof WfstoreError) throw error
    throw new WfstoreError('failed', `cannot write ${path}: ${(error as Error).message}`, {
      cause: error,
    })
  }
}

async function moveInto(path: string, part: string): Promise<void> {
  await rename(part, path)
  await syncFolder(dirname(path))
}
