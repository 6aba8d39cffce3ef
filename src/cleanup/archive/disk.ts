import { describe } from '../../db/query/errors.ts'
import { WfstoreError } from '../../error.ts'

const FULL = new Set(['ENOSPC', 'EDQUOT', 'EFBIG'])

/** What the disk says, as an error that names the file and what to do. */
export function diskError(file: string, error: unknown): WfstoreError {
  if (error instanceof WfstoreError) return error
  const { code = '', message } = describe(error)
  const hint = FULL.has(code)
    ? 'make room there, or name a folder on another disk, and run it again: what was not archived was not deleted'
    : 'mend that, or name another folder, and run it again: what was not archived was not deleted'
  return new WfstoreError('failed', `cannot write the archive ${file}: ${message}`, {
    hint,
    cause: error,
  })
}

/** What is written in words of the disk, as an error of that file. */
export async function onDisk<T>(file: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw diskError(file, error)
  }
}
