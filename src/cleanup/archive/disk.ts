import { describe } from '../../db/query/errors.ts'
import { WfstoreError } from '../../error.ts'

const FULL = new Set(['ENOSPC', 'EDQUOT', 'EFBIG'])

/** An error of the disk with the name of the file and a hint. */
function diskError(file: string, error: unknown): WfstoreError {
  if (error instanceof WfstoreError) return error
  const { code = '', message } = describe(error)
  const hint = FULL.has(code)
    ? 'free disk space or name a folder on another disk, then run it again; rows that are not archived were not deleted'
    : 'fix the cause or name another folder, then run it again; rows that are not archived were not deleted'
  return new WfstoreError('failed', `cannot write the archive ${file}: ${message}`, {
    hint,
    cause: error,
  })
}

/** Runs `work` and converts errors of the disk. */
export async function onDisk<T>(file: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw diskError(file, error)
  }
}
