import pg from 'pg'
import { describe, isConnectionError } from '../query/errors.ts'
import type { Queryable } from '../query/query.ts'
import { assertSchemaTaken, connectError } from './errors.ts'
import type { Target } from './target.ts'

export interface LazyPool extends Queryable {
  /** A connection of its own; the caller releases it, with true where it cannot be used again. */
  connect: () => Promise<pg.PoolClient>
  /** Waits for what is under way and ends all connections; the next query makes new ones. */
  close: () => Promise<void>
}

interface Opened {
  pool: pg.Pool
  target: Target
}

/** A pool that chooses its database and connects when first used, and does not keep a process alive. */
export function lazyPool(choose: () => Promise<Target>): LazyPool {
  let opened: Promise<Opened> | undefined
  const open = (): Promise<Opened> => {
    opened ??= choose()
      .then(poolFor)
      .catch((error) => {
        // Chosen again by the next query: somebody may have made the database meanwhile.
        opened = undefined
        throw error
      })
    return opened
  }
  const checkOut = async (): Promise<pg.PoolClient> => {
    const current = open()
    const { pool, target } = await current
    try {
      return await pool.connect()
    } catch (error) {
      const unsupported = /does not support SSL/.test(describe(error).message)
      if (!unsupported || !target.plainWhereUnsupported) throw connectError(error, target)
      const config = { ...target.config, ssl: false }
      if (opened === current)
        opened = Promise.resolve(poolFor({ ...target, config, plainWhereUnsupported: false }))
      return checkOut()
    }
  }
  return {
    connect: checkOut,
    query: async (config) => {
      const client = await checkOut()
      let lost = false
      try {
        return await client.query(config)
      } catch (error) {
        lost = isConnectionError(error)
        throw error
      } finally {
        client.release(lost)
      }
    },
    close: async () => {
      const last = opened
      opened = undefined
      await last?.then(
        ({ pool }) => pool.end(),
        () => {},
      )
    },
  }
}

function poolFor(target: Target): Opened {
  const verify = (client: pg.Client, done: (error?: Error) => void) => {
    assertSchemaTaken(client, target).then(() => done(), done)
  }
  const pool = new pg.Pool({
    ...target.config,
    allowExitOnIdle: true,
    ...(target.schema === undefined ? {} : { verify }),
  })
  // A lost connection is reported by its query, or replaced; without listeners Node would end the process.
  pool.on('error', () => {})
  pool.on('connect', (client) => client.on('error', () => {}))
  return { pool, target }
}
