import { type ErrorCode, WfstoreError } from '../error.ts'
import { isTimeout } from './database.ts'

const STATUSES: Readonly<Record<ErrorCode, ErrorStatus>> = {
  usage: 400,
  access_denied: 403,
  permission_denied: 403,
  not_found: 404,
  conflict: 409,
  failed: 500,
  locked: 503,
  no_database: 503,
  unreachable: 503,
  database_missing: 503,
  schema_missing: 503,
  schema_behind: 503,
  schema_ahead: 503,
  schema_differs: 503,
}

export type ErrorStatus = 400 | 403 | 404 | 409 | 500 | 503 | 504

/** The status of an error. */
export function statusOf(error: unknown): ErrorStatus {
  if (isTimeout(error)) return 504
  return error instanceof WfstoreError ? STATUSES[error.code] : 500
}

/** The error that a client sees. What is unknown could contain anything, and is not shown. */
export const shownError = (error: unknown): WfstoreError =>
  error instanceof WfstoreError
    ? error
    : new WfstoreError('failed', 'the server has an error of its own')

/** Seconds after which a request with this error may succeed: a turn is free soon, a database takes longer. */
export const retryAfter = (error: unknown): string =>
  error instanceof WfstoreError && error.code === 'locked' ? '1' : '5'
