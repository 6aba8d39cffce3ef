import type pg from 'pg'
import { WfstoreError } from '../../error.ts'
import { databaseError, describe, hangUp } from './errors.ts'

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
  connect(done: (error: Error | undefined, client: pg.PoolClient | undefined) => void): void
}

export type Queryable = Connection | ConnectionPool

/** Clients have a `connect` too, but pools have no types of their own. */
export const isPool = (database: Queryable): database is ConnectionPool =>
  'connect' in database && !('setTypeParser' in database)

/** A connection of its own for statements that belong together; released with true where it cannot be used again. */
export interface Session {
  client: pg.ClientBase
  release: (broken: boolean) => void
}

/** A pool gives one of its connections; a client is one. @throws WfstoreError where the pool cannot connect */
export async function openSession(database: Queryable): Promise<Session> {
  if (!isPool(database)) return { client: database as pg.ClientBase, release: () => {} }
  try {
    return await checkOut(database)
  } catch (error) {
    const known = databaseError(error)
    const answered = known === error || known.sqlState !== undefined
    if (answered || ('ending' in database && database.ending)) throw known
    // No server has answered, whatever pg says of it.
    const { message } = describe(error)
    throw new WfstoreError('unreachable', `cannot connect to the database: ${message}`, {
      hint: 'check that the server is running and that the pool has its address and password',
      cause: error,
    })
  }
}

function checkOut(pool: ConnectionPool): Promise<Session> {
  return new Promise((resolve, reject) => {
    pool.connect((error, client) => {
      if (!client) return reject(error)
      // From here on the pool does not listen, and without a listener an error would end the process.
      const onError = () => hangUp(client)
      client.on('error', onError)
      resolve({
        client,
        release: (broken) => {
          client.off('error', onError)
          client.release(broken)
        },
      })
    })
  })
}
