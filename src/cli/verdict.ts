import { WfstoreError } from '../error.ts'

const verdicts = new WeakSet<WfstoreError>()

/** The error of a command that has printed all of its rows, and in which the rows say that something is wrong. */
export function verdict(message: string): WfstoreError {
  const error = new WfstoreError('failed', message)
  verdicts.add(error)
  return error
}

export const isVerdict = (error: unknown): error is WfstoreError =>
  error instanceof WfstoreError && verdicts.has(error)
