import type pg from 'pg'
import { type ErrorCode, WfstoreError } from '../../error.ts'
import { renameShards } from '../distributed/shard-error.ts'

const MIGRATE = 'see `wfstore migrate status`, then run `wfstore migrate up`'

/** The meaning of SQLSTATEs for a user, https://www.postgresql.org/docs/current/errcodes-appendix.html. */
const byState: Record<string, { code: ErrorCode; hint?: string }> = {
  '28P01': {
    code: 'access_denied',
    hint: 'check the user and the password (PGPASSWORD, ~/.pgpass, or the URL)',
  },
  '28000': {
    code: 'access_denied',
    hint: 'check the user, and whether pg_hba.conf of the server admits it from this host',
  },
  '3D000': { code: 'database_missing', hint: 'check the name, or create it with createdb' },
  '42P01': { code: 'schema_missing', hint: MIGRATE },
  '3F000': { code: 'schema_missing', hint: MIGRATE },
  '42703': { code: 'schema_differs', hint: MIGRATE },
  '42883': { code: 'schema_differs', hint: MIGRATE },
  // Raised by the triggers of migrations/003_billing.sql.
  WF001: {
    code: 'conflict',
    hint: 'a closed month does not change; `wfstore billing correct` writes a correction to the open one',
  },
  WF003: {
    code: 'conflict',
    hint: 'nothing was changed; close it in a transaction of its own: begin isolation level read committed',
  },
  WF002: {
    code: 'conflict',
    hint: 'nothing was changed; `wfstore doctor --full` prints the statements that change these rows (check values)',
  },
  // Raised by migrations/007_costs.sql.
  WF004: {
    code: 'conflict',
    hint: 'nothing was changed; `wfstore doctor --full` prints the statement that adds the missing part as a line (check lines)',
  },
  WF005: { code: 'conflict', hint: 'add a newer price: `wfstore prices set`' },
  // Raised by migrations/layouts/distributed.sql.
  WF007: {
    code: 'conflict',
    hint: 'nothing was changed; write bills in a transaction with isolation level read committed',
  },
  WF006: { code: 'schema_differs', hint: 'nothing was changed; rename the column' },
  25006: {
    code: 'failed',
    hint: 'this server is a standby, or this session is read-only: use the URL of the primary',
  },
  '42501': {
    code: 'permission_denied',
    hint: 'ask the owner of the database for the privilege; `wfstore doctor` with this role says what is missing',
  },
  '22003': {
    code: 'failed',
    hint: 'check the numbers: one of them, or their sum, is too large for its column',
  },
  '54000': { code: 'failed', hint: 'use a shorter text: an index or its column cannot hold it' },
  '53300': {
    code: 'unreachable',
    hint: 'the server has no free connection: try again, or raise max_connections',
  },
  '57P01': {
    code: 'unreachable',
    hint: 'an administrator ended the connection, or the server is stopping: try again',
  },
  '57P02': { code: 'unreachable', hint: 'the server crashed: try again' },
  '57P03': { code: 'unreachable', hint: 'the server is starting or stopping: try again' },
}

/** Errors whose SQLSTATE means several things; the constraint, or the function of the server that raised them, tells which. */
function byRoutine(
  sqlState: string | undefined,
  routine: string | undefined,
  sql: string | undefined,
  constraint: string | undefined,
  message: string,
): { code: ErrorCode; hint: string } | undefined {
  // The error of a shard does not name the function.
  if (
    sqlState === '23514' &&
    (CHECK_OF_ALL_ROWS.test(routine ?? '') || / is violated by some row$/.test(message))
  )
    return {
      code: 'failed',
      hint: '`wfstore doctor --full` names the rows and prints the statements that change them (check values)',
    }
  if (sqlState === '23514' && constraint?.endsWith('_finite'))
    return { code: 'failed', hint: 'amounts and times are finite: neither NaN nor infinity' }
  if (sqlState === '23514' && constraint === 'billing_records_month')
    return { code: 'failed', hint: 'a billing period is a month, such as 2026-11' }
  if (sqlState === '23505' && /^(usage|audit)_history_pkey$/.test(constraint ?? ''))
    return {
      code: 'conflict',
      hint: 'the sequence of this table is behind its rows, as after logical replication: run `wfstore doctor` as the owner, which prints the statement',
    }
  if (
    sqlState === '42501' &&
    (routine === 'check_enable_rls' || / affected by row-level security /.test(message))
  )
    return { code: 'permission_denied', hint: ROW_SECURITY_HINT }
  if (isStray(sqlState, message)) return { code: 'failed', hint: 'try again on a new connection' }
  if (isConflict(sqlState, routine))
    return {
      code: 'failed',
      hint: 'the primary removed rows that this query on a standby reads: set hot_standby_feedback = on or increase max_standby_streaming_delay on the standby, then try again',
    }
  // A server names its functions; PgBouncer, which refuses transactions in statement mode, has none to name.
  if (sqlState === '08P01' && routine === undefined && /^\s*begin\b/i.test(sql ?? ''))
    return {
      code: 'usage',
      hint: 'the pooler is in statement mode: give the URL of the server itself, or of a pool in session or transaction mode',
    }
  return undefined
}

const isConflict = (sqlState: string | undefined, routine: string | undefined): boolean =>
  sqlState === '40001' && /^Process(Interrupts|RecoveryConflict)/.test(routine ?? '')

/** True if a standby has cancelled the statement, because the primary removed rows that it reads. */
export const isRecoveryConflict = (error: unknown): boolean => {
  const { cause, routine } = (error ?? {}) as { cause?: unknown; routine?: string }
  return isConflict(sqlStateOf(error), routine ?? (cause as { routine?: string })?.routine)
}

const TIMEOUT = {
  code: 'failed',
  hint: "statement_timeout of the role, the database or the server ended it: `alter role <name> set statement_timeout = '10min'` raises it, PGOPTIONS='-c statement_timeout=0' turns it off for one command",
} as const

/** A cancelled statement has the same SQLSTATE. With messages in another language there is no hint. */
const isTimeout = (sqlState: string | undefined, message: string): boolean =>
  sqlState === '57014' && /statement[_ ]timeout/i.test(message)

/** The functions of the server that read the rows for a new or validated check. */
const CHECK_OF_ALL_ROWS = /^(ATRewriteTable|validateCheckConstraint)$/

/** What to do where policies hide rows of a table: a report would be a smaller number. */
export const ROW_SECURITY_HINT =
  'connect as the owner of the tables (without FORCE ROW LEVEL SECURITY) or as a role with BYPASSRLS: `wfstore doctor` prints the statement'

/** True if the server refuses a statement because policies would hide rows from it. */
export const hidesRows = ({ code, hint }: WfstoreError): boolean =>
  code === 'permission_denied' && hint === ROW_SECURITY_HINT

/**
 * True if the server refuses a row because of its values: the SQLSTATE classes of invalid data (22), constraints (23) and
 * limits (54), and errors that a trigger of the application raises (P0). Other rows are not affected.
 */
export const refusesRow = (error: unknown): error is WfstoreError =>
  error instanceof WfstoreError &&
  error.code === 'failed' &&
  /^(22|23|54|P0)/.test(error.sqlState ?? '')

interface Circumstances {
  /** The statement that failed. */
  sql?: string | undefined
  /** The connection that it was sent on. Its socket shows whether it is lost. */
  connection?: object | undefined
}

/** An error of pg as a WfstoreError. */
export function databaseError(
  error: unknown,
  { sql, connection }: Circumstances = {},
): WfstoreError {
  if (error instanceof WfstoreError) return error
  renameShards(error as Partial<pg.DatabaseError>)
  const { code, message } = describe(error)
  const sqlState = sqlStateOf(error)
  const { routine, constraint, hint: given } = error as Partial<pg.DatabaseError>
  const known =
    byRoutine(sqlState, routine, sql, constraint, message) ??
    (isTimeout(sqlState, message) ? TIMEOUT : byState[sqlState ?? ''])
  if (known) {
    const hint = sqlState === 'WF006' && given ? `nothing was changed; ${given}` : known.hint
    return new WfstoreError(known.code, message, { hint, cause: error, sqlState, sql })
  }
  const lost =
    sqlState === undefined
      ? NETWORK.test(code ?? '') || isLost(connection)
      : sqlState.startsWith(CONNECTION_EXCEPTION)
  if (lost) {
    return new WfstoreError('unreachable', `lost the connection to the database: ${message}`, {
      hint: 'try again; a transaction that was not committed was rolled back',
      cause: error,
      sqlState,
      sql,
    })
  }
  return new WfstoreError('failed', message, { cause: error, sqlState, sql })
}

/** The class of SQLSTATEs for connections that a server or a pooler ends. */
export const CONNECTION_EXCEPTION = '08'

/** Node's codes for network failures. */
const NETWORK = /^(ECONN|ENOTFOUND|EAI_|EHOST|ENET|ETIMEDOUT|EPIPE)/

/** The SQLSTATE of an error. Node also has codes of five letters ('EPIPE'), but only errors of a server have a severity. */
export function sqlStateOf(error: unknown): string | undefined {
  if (error instanceof WfstoreError) return error.sqlState
  const { code, severity } = (error ?? {}) as { code?: unknown; severity?: unknown }
  return severity !== undefined && typeof code === 'string' ? code : undefined
}

/**
 * True if a session is of no use after this error: it is lost, or Citus no longer sends its calls to the nodes of their shards, as after
 * errors in the plan of a subquery.
 */
export const endsSession = (error: unknown): boolean =>
  sqlStateOf(error) === undefined || isStray(sqlStateOf(error), (error as Error).message)

const isStray = (sqlState: string | undefined, message: string): boolean =>
  sqlState === '40001' && / have moved to another node$/.test(message)

/** True if a client has lost its server. pg has only messages for this (pg/lib/client.js), but the socket is destroyed. */
export const isLost = (connection: object | undefined): boolean =>
  (connection as Partial<pg.Client> | undefined)?.connection?.stream.destroyed === true

/** Closes the socket of a client immediately. */
export function hangUp(client: pg.ClientBase): void {
  ;(client as Partial<pg.Client>).connection?.stream.destroy()
}

/** One line of an error. For a host with several addresses Node puts the failures in an AggregateError. */
export function describe(error: unknown): { code: string | undefined; message: string } {
  const { code, message, errors } = error as { code?: string; message?: string; errors?: unknown[] }
  const inner = !message && errors?.[0] ? describe(errors[0]) : undefined
  const line = (inner?.message ?? message ?? String(error)).split('\n')[0] as string
  return { code: code ?? inner?.code, message: line }
}
