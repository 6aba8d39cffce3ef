import pg from 'pg'
import type { ConnectionPool } from '../query/connection.ts'
import { hangUp } from '../query/errors.ts'
import { attempt, inTime } from './attempt.ts'
import { connectClient, reachedBy } from './connect.ts'
import { assertSchemaTaken, connectError } from './errors.ts'
import { assertSession } from './server-kind.ts'
import type { Target } from './target.ts'

export interface LazyPool extends ConnectionPool {
  /** Waits for running queries and ends all connections. The next query makes new ones. */
  close: () => Promise<void>
}

interface Opened {
  pool: pg.Pool
  target: Target
  instead: (error: unknown) => Target | undefined
  /** True if there are several servers. If one is lost, another may be reachable. */
  chosen: boolean
}

/**
 * A pool that chooses its database and connects on first use. It does not keep the process alive.
 * @param connections the most at once
 */
export function lazyPool(choose: () => Promise<Target>, connections = 10): LazyPool {
  let opened: Promise<Opened> | undefined
  const open = (): Promise<Opened> => {
    opened ??= choose()
      .then((target) => openPool(target, connections))
      .catch((error) => {
        // The next query chooses again, because the database may exist by then.
        opened = undefined
        throw error
      })
    return opened
  }
  const checkOut = async (again = true): Promise<pg.PoolClient> => {
    const current = open()
    const { pool, target, instead, chosen } = await current
    try {
      return await inTime(target, () => pool.connect())
    } catch (error) {
      const next = instead(error)
      if (next) {
        if (opened === current) opened = Promise.resolve(poolFor(next, chosen, connections))
        return checkOut(again)
      }
      const known = await connectError(error, target)
      if (!chosen || !again || known.code !== 'unreachable') throw known
      // The server is chosen again. Queries on the old pool finish first.
      if (opened === current) opened = undefined
      pool.end().catch(() => {})
      return checkOut(false)
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

/** A pool has one server: the first one that is reachable and of the right kind. */
async function openPool(target: Target, connections: number): Promise<Opened> {
  if (!target.others && target.session !== 'prefer-standby')
    return poolFor(target, false, connections)
  const client = await connectClient(target)
  const found = reachedBy(client) ?? target
  await client.end()
  return poolFor(found, true, connections)
}

function poolFor(target: Target, chosen: boolean, max: number): Opened {
  const { config, Client, instead } = attempt(target)
  const { password } = config
  const { schema, session } = target
  const verify = (client: pg.Client, done: (error?: Error) => void) => {
    assertSession(client, target)
      .then(() => assertSchemaTaken(client, target))
      .then(() => done(), done)
  }
  const pool = new pg.Pool({
    ...config,
    ...(typeof password === 'function' ? { password: hangingUp(password) } : {}),
    Client,
    max,
    allowExitOnIdle: true,
    ...(schema === undefined && session === undefined ? {} : { verify }),
  })
  // The pool replaces a lost connection, or its query reports the loss. Without listeners Node would end the process.
  pool.on('error', () => {})
  pool.on('connect', (client) => client.on('error', () => hangUp(client)))
  return { pool, target, instead, chosen }
}

/** If there is no password, pg leaves the socket open (pg/lib/client.js). The process would then not end. */
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
