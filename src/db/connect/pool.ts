import pg from 'pg'
import type { ConnectionPool } from '../query/connection.ts'
import { hangUp } from '../query/errors.ts'
import { inTime, watchTls } from './attempt.ts'
import { assertSchemaTaken, connectError } from './errors.ts'
import type { Target } from './target.ts'

export interface LazyPool extends ConnectionPool {
  /** Waits for what is under way and ends all connections; the next query makes new ones. */
  close: () => Promise<void>
}

interface Opened {
  pool: pg.Pool
  target: Target
  plain: () => Target | undefined
}

/** A pool that chooses its database and connects when first used, and does not keep a process alive. */
export function lazyPool(choose: () => Promise<Target>): LazyPool {
  let opened: Promise<Opened> | undefined
  const open = (): Promise<Opened> => {
    opened ??= choose()
      .then(poolFor)
      .catch((error) => {
        // The next query chooses again: the database may exist by then.
        opened = undefined
        throw error
      })
    return opened
  }
  const checkOut = async (): Promise<pg.PoolClient> => {
    const current = open()
    const { pool, target, plain } = await current
    try {
      return await inTime(target, () => pool.connect())
    } catch (error) {
      const instead = plain()
      if (!instead) throw await connectError(error, target)
      if (opened === current) opened = Promise.resolve(poolFor(instead))
      return checkOut()
    }
  }
  return {
    connect: (done) => {
      checkOut().then(
        (client) => done(undefined, client),
        (error) => done(error, undefined),
      )
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
  const { config, plain } = watchTls(target)
  const { password } = config
  const pool = new pg.Pool({
    ...config,
    ...(typeof password === 'function' ? { password: hangingUp(password) } : {}),
    allowExitOnIdle: true,
    ...(target.schema === undefined ? {} : { verify }),
  })
  // A lost connection is replaced, or its query reports it; without listeners Node would end the process.
  pool.on('error', () => {})
  pool.on('connect', (client) => client.on('error', () => hangUp(client)))
  return { pool, target, plain }
}

/** Where no password is found, pg would leave the socket open (pg/lib/client.js), and the process could not end. */
function hangingUp(password: () => string | Promise<string>) {
  return async function (this: pg.Client) {
    try {
      return await password()
    } catch (error) {
      hangUp(this)
      throw error
    }
  }
}
