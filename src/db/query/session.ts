import type pg from 'pg'
import { WfstoreError } from '../../error.ts'
import { layoutOf, setLayout } from '../distributed/by-layout.ts'
import { type ConnectionPool, isPool, type Queryable } from './connection.ts'
import { databaseError, describe, hangUp } from './errors.ts'

/** One connection for statements that belong together. Release it with true if it cannot be used again. */
export interface Session {
  client: pg.ClientBase
  release: (broken: boolean) => void
}

/**
 * A connection of the pool, or the client itself.
 * @throws WfstoreError if the pool cannot connect; usage if the client is in a transaction, which would be ended
 */
export async function openSession(database: Queryable): Promise<Session> {
  if (!isPool(database)) {
    const client = database as pg.ClientBase
    if (isInTransaction(client)) {
      throw new WfstoreError('usage', 'the client is in a transaction, and this needs its own', {
        hint: 'commit it or roll it back first, or open the store on a Pool',
      })
    }
    return { client, release: () => {} }
  }
  try {
    const session = await checkOut(database)
    setLayout(session.client, layoutOf(database))
    return session
  } catch (error) {
    const known = databaseError(error)
    const answered = known === error || known.sqlState !== undefined
    if (answered || ('ending' in database && database.ending)) throw known
    // pg reports another error, but the server did not answer.
    const { message } = describe(error)
    throw new WfstoreError('unreachable', `cannot connect to the database: ${message}`, {
      hint: 'check that the server is running and that the pool has its address and password',
      cause: error,
    })
  }
}

function checkOut(pool: ConnectionPool): Promise<Session> {
  return new Promise((resolve, reject) => {
    pool.connect((error, connection) => {
      if (!connection) return reject(error)
      const client = connection as pg.PoolClient
      // The pool stops listening here. Without a listener an error would end the process.
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

/** Older versions of pg do not know it. */
export const isInTransaction = (client: Partial<pg.ClientBase>): boolean =>
  ['T', 'E'].includes(client.getTransactionStatus?.() ?? '')
