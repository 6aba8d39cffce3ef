import { type ErrorCode, WfstoreError } from '../../error.ts'

const MIGRATE = 'run `wfstore migrate status` to see, `wfstore migrate up` to mend'

/** SQLSTATEs, https://www.postgresql.org/docs/current/errcodes-appendix.html, and what they mean to a user. */
const byState: Record<string, { code: ErrorCode; hint?: string }> = {
  '28P01': {
    code: 'access_denied',
    hint: 'check the user and the password (PGPASSWORD, ~/.pgpass, or the URL)',
  },
  '28000': {
    code: 'access_denied',
    hint: 'check the user; or else the server does not admit it from here: see its pg_hba.conf',
  },
  '3D000': { code: 'database_missing', hint: 'check the name, or make it with createdb' },
  '42P01': { code: 'schema_missing', hint: MIGRATE },
  '3F000': { code: 'schema_missing', hint: MIGRATE },
  '42703': { code: 'schema_differs', hint: MIGRATE },
  '42883': { code: 'schema_differs', hint: MIGRATE },
  // Raised by the triggers of migrations/003_billing.sql.
  WF001: {
    code: 'conflict',
    hint: 'a closed month stays as it is; `wfstore billing correct` writes a correction into the open one',
  },
  25006: {
    code: 'failed',
    hint: 'this server is a standby, or this session may only read: give the URL of the primary',
  },
  '42501': { code: 'permission_denied', hint: 'ask the owner of the database for the privilege' },
  '53300': {
    code: 'unreachable',
    hint: 'the server has no connection left: try again, or raise max_connections',
  },
  '57P01': {
    code: 'unreachable',
    hint: 'an administrator ended the connection, or the server is stopping: try again',
  },
  '57P02': { code: 'unreachable', hint: 'the server crashed: try again' },
  '57P03': { code: 'unreachable', hint: 'the server is starting or stopping: try again' },
}

/** Whatever pg throws, as a WfstoreError; `sql` is the statement that was under way. */
export function databaseError(error: unknown, sql?: string): WfstoreError {
  if (error instanceof WfstoreError) return error
  const { code, message } = describe(error)
  const known = byState[code ?? '']
  if (known) return new WfstoreError(known.code, message, { hint: known.hint, cause: error, sql })
  if (isConnectionError(error)) {
    return new WfstoreError('unreachable', `lost the connection to the database: ${message}`, {
      hint: 'try again; what was not committed was not done',
      cause: error,
      sql,
    })
  }
  return new WfstoreError('failed', message, { cause: error, sql })
}

/** Did the network or the socket fail, rather than the server answer? */
export function isConnectionError(error: unknown): boolean {
  const { code, message } = describe(error)
  return (
    /^(ECONN|ENOTFOUND|EAI_|EHOST|ENET|ETIMEDOUT|EPIPE|ENOENT|EACCES|08)/.test(code ?? '') ||
    /connection terminated|timeout expired|timeout exceeded|not queryable|SSL connection/i.test(
      message,
    )
  )
}

/** One line of a driver's error; Node gathers the failures of several addresses of a host in an AggregateError. */
export function describe(error: unknown): { code: string | undefined; message: string } {
  const { code, message, errors } = error as { code?: string; message?: string; errors?: unknown[] }
  const inner = !message && errors?.[0] ? describe(errors[0]) : undefined
  const line = (inner?.message ?? message ?? String(error)).split('\n')[0] as string
  return { code: code ?? inner?.code, message: line }
}
