// The shapes of pg that wfstore uses, without its types: they are public, and an application may have no @types/pg.

/** What takes statements: a pg Client or PoolClient. */
export interface Connection {
  query(config: {
    /** Under which the connection keeps the statement prepared. */
    name?: string
    text: string
    values?: unknown[]
    types: { getTypeParser: () => (value: string | Buffer) => string }
  }): Promise<{ rows: unknown[] }>
}

/** What gives connections: a pg Pool, or ours. */
export interface ConnectionPool {
  connect(done: (error: Error | undefined, client: Connection | undefined) => void): void
}

export type Queryable = Connection | ConnectionPool

/** Clients have a `connect` too, but pools have no types of their own. */
export const isPool = (database: Queryable): database is ConnectionPool =>
  'connect' in database && !('setTypeParser' in database)
