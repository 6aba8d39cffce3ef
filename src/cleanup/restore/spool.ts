import { createWriteStream } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { diskError } from '../archive/disk.ts'

/** Keeps a stream in a file while `work` runs: it is read twice, and nothing is restored before its end has come. */
export async function withSpooled<T>(
  stream: Readable,
  work: (path: string) => Promise<T>,
): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'wfstore-restore-'))
  try {
    const path = join(folder, 'archive')
    const file = createWriteStream(path, { flags: 'wx', mode: 0o600 })
    let full: unknown
    file.once('error', (error) => {
      full = error
    })
    await pipeline(stream, file).catch((error) => {
      throw error === full ? diskError(path, error) : error
    })
    return await work(path)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
