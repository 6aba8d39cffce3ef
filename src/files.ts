import { randomBytes } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { createGzip } from 'node:zlib'
import { WfstoreError } from './error.ts'
import { syncFolder } from './sync-folder.ts'

/**
 * Writes a file that is there whole or not at all: beside its place first, to the disk, and then renamed. Its name says
 * whether it is compressed (.gz). What stood there before stays until then.
 * @throws WfstoreError failed where it cannot be written, and whatever `chunks` throws
 */
export async function writeWhole(path: string, chunks: AsyncIterable<Buffer>): Promise<void> {
  const part = `${path}.${randomBytes(4).toString('hex')}.part`
  const target = createWriteStream(part, { flags: 'wx', flush: true })
  let failure: Error | undefined
  // Told apart from what the source throws: a full disk is no lost database.
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
