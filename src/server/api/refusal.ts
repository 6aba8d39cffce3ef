import { databaseError } from '../../db/query/errors.ts'
import { type ErrorCode, WfstoreError } from '../../error.ts'

const STATUS: Readonly<Record<ErrorCode, number>> = {
  usage: 400,
  permission_denied: 403,
  access_denied: 403,
  not_found: 404,
  conflict: 409,
  locked: 503,
  no_database: 503,
  unreachable: 503,
  database_missing: 503,
  schema_missing: 503,
  schema_behind: 503,
  schema_ahead: 503,
  schema_differs: 503,
  failed: 500,
}

/** An error that the server itself finds, with another status than its code has. */
export interface Refusal {
  status: number
  error: { code: string; message: string; hint?: string | undefined }
  headers?: Record<string, string>
}

const TIMED_OUT = '57014'
const RETRY_SECONDS = 1

/** What a client gets for an error. */
export function refusalOf(error: unknown, kind: 'read' | 'action' = 'read'): Refusal {
  const known = error instanceof WfstoreError ? error : databaseError(error)
  const { code, message, hint, sqlState } = known
  const status = statusOf(code, sqlState, kind)
  return {
    status,
    error: { code, message, hint },
    ...(status === 503 && { headers: { 'retry-after': String(RETRY_SECONDS) } }),
  }
}

function statusOf(code: ErrorCode, sqlState: string | undefined, kind: 'read' | 'action') {
  // Nobody but statement_timeout cancels a query of a client that waits.
  if (sqlState === TIMED_OUT) return 504
  return code === 'locked' && kind === 'action' ? 409 : STATUS[code]
}

export function refuse({ status, error, headers }: Refusal): Response {
  const { code, message, hint } = error
  const body = `${JSON.stringify({ error: { code, message, hint: hint ?? null } })}\n`
  return new Response(body, {
    status,
    headers: { 'content-type': 'application/json', ...headers },
  })
}
