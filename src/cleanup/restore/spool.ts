import { createWriteStream } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { describe } from '../../db/query/errors.ts'
import { WfstoreError } from '../../error.ts'

/** Keeps a stream in a file while `work` runs: it is read twice, and nothing is restored before its end has come. */
export async function withSpooled<T>(
  stream: Readable,
  signal: AbortSignal | undefined,
  work: (path: string) => Promise<T>,
): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'wfstore-restore-')).catch((error) => {
    throw spoolError(tmpdir(), error)
  })
  try {
    const path = join(folder, 'archive')
    const file = createWriteStream(path, { flags: 'wx', mode: 0o600 })
    let full: unknown
    file.once('error', (error) => {
      full = error
    })
    await pipeline(stream, file, { signal }).catch((error) => {
      throw error === full ? spoolError(folder, error) : error
    })
    return await work(path)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

const spoolError = (folder: string, cause: unknown) =>
  new WfstoreError(
    'failed',
    `cannot keep standard input in ${folder}: ${describe(cause).message}`,
    {
      hint: 'nothing was restored; free disk space or set TMPDIR to a folder on another disk, or restore from a file',
      cause,
    },
  )
