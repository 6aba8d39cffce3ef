// The parts of pg that wfstore uses, without its types: they are public, and an application may not have @types/pg.

/** A pg Client or PoolClient. */
export interface Connection {
  query(config: {
    /** The name of the prepared statement. */
    name?: string
    text: string
    values?: unknown[]
    types: { getTypeParser: () => (value: string | Buffer) => string }
  }): Promise<{ rows: unknown[] }>
}

/** A pg Pool, or our own pool. */
export interface ConnectionPool {
  connect(done: (error: Error | undefined, client: Connection | undefined) => void): void
}

export type Queryable = Connection | ConnectionPool

/** A client has a `connect` too, but a pool has no type parsers. */
export const isPool = (database: Queryable): database is ConnectionPool =>
  'connect' in database && !('setTypeParser' in database)
