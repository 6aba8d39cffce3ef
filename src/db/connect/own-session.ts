import type pg from 'pg'
import type { Queryable } from '../query/query.ts'
import type { LazyPool } from './pool.ts'

/** A connection for statements that belong together; released with true where it cannot be used again. */
export type Session = () => Promise<{ client: pg.ClientBase; release: (lost: boolean) => void }>

export function sessionOf(database: Queryable | pg.Pool | LazyPool | pg.ClientBase): Session {
  const isPool = 'connect' in database && !('processID' in database)
  if (!isPool) return async () => ({ client: database as pg.ClientBase, release: () => {} })
  return async () => {
    const client = await (database as LazyPool).connect()
    const lose = () => {}
    // A connection lost while nothing is asked of it is reported by what is asked next.
    client.on('error', lose)
    return {
      client,
      release: (lost) => {
        client.off('error', lose)
        client.release(lost)
      },
    }
  }
}
