/**
 * What can go wrong, by a stable code. Programs branch on `code`, people read `message` and `hint`.
 * The command line alone knows which exit status belongs to which code (cli/main.ts).
 */
export type ErrorCode =
  /** A call or a command line that cannot be carried out as written. */
  | 'usage'
  /** No database is named and there is no embedded one here. */
  | 'no_database'
  /** The server cannot be reached, or ended the connection. */
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
  /** The schema is not what its migrations make. */
  | 'schema_differs'
  /** Another process holds the lock that this one needs. */
  | 'locked'
  /** The same thing was recorded before, but otherwise. */
  | 'conflict'
  /** There is no row with this id. */
  | 'not_found'
  /** The server refuses a statement for want of a privilege. */
  | 'permission_denied'
  /** Everything else. */
  | 'failed'

export interface ErrorOptions {
  /** One sentence: what to do about it. */
  hint?: string | undefined
  cause?: unknown
  /** The SQLSTATE of the server; that of the cause where it is left out. */
  sqlState?: string | undefined
  /** The statement that failed; shown by --verbose. */
  sql?: string | undefined
}

export class WfstoreError extends Error {
  override readonly name = 'WfstoreError'
  readonly code: ErrorCode
  readonly hint: string | undefined
  /**
   * The five characters by which PostgreSQL names an error, '23505' for instance; undefined where no server said it.
   * https://www.postgresql.org/docs/current/errcodes-appendix.html
   */
  readonly sqlState: string | undefined
  readonly sql: string | undefined

  constructor(code: ErrorCode, message: string, options: ErrorOptions = {}) {
    const { cause } = options
    super(message, cause === undefined ? undefined : { cause })
    this.code = code
    this.hint = options.hint
    this.sqlState = options.sqlState ?? (cause instanceof WfstoreError ? cause.sqlState : undefined)
    this.sql = options.sql
  }
}
