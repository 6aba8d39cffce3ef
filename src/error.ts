/**
 * The stable codes of errors. Programs check `code`; people read `message` and `hint`.
 * Only the command line maps them to exit codes (cli/main.ts).
 */
export type ErrorCode =
  /** The arguments of a call or of the command line are invalid. */
  | 'usage'
  /** No database is set, and this folder has no embedded database. */
  | 'no_database'
  /** The server is unreachable or has closed the connection. */
  | 'unreachable'
  /** The server refuses this role or password. */
  | 'access_denied'
  /** The server has no database of this name. */
  | 'database_missing'
  /** The database has no wfstore schema. */
  | 'schema_missing'
  /** The schema is older than this version of wfstore. */
  | 'schema_behind'
  /** The schema is newer than this version of wfstore. */
  | 'schema_ahead'
  /** The schema differs from its migrations. */
  | 'schema_differs'
  /** Another process holds the lock. */
  | 'locked'
  /** The same id was recorded before with other content. */
  | 'conflict'
  /** There is no row with this id. */
  | 'not_found'
  /** The role lacks a privilege. */
  | 'permission_denied'
  /** All other errors. */
  | 'failed'

export interface WfstoreErrorOptions {
  /** What to do, in one sentence. */
  hint?: string | undefined
  cause?: unknown
  /** The SQLSTATE from the server (default: the one of `cause`). */
  sqlState?: string | undefined
  /** The statement that failed; shown by --verbose. */
  sql?: string | undefined
}

export class WfstoreError extends Error {
  override readonly name = 'WfstoreError'
  readonly code: ErrorCode
  readonly hint: string | undefined
  /**
   * The SQLSTATE of PostgreSQL, such as '23505'; undefined if the error is not from a server.
   * https://www.postgresql.org/docs/current/errcodes-appendix.html
   */
  readonly sqlState: string | undefined
  readonly sql: string | undefined

  /** The bundled command line has a copy of this class, and an application may have two copies of wfstore. */
  static override [Symbol.hasInstance](value: unknown): value is WfstoreError {
    return value instanceof Error && value.name === 'WfstoreError'
  }

  constructor(code: ErrorCode, message: string, options: WfstoreErrorOptions = {}) {
    const { cause } = options
    super(message, cause === undefined ? undefined : { cause })
    this.code = code
    this.hint = options.hint
    this.sqlState = options.sqlState ?? (cause instanceof WfstoreError ? cause.sqlState : undefined)
    this.sql = options.sql
  }
}
