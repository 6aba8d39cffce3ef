import type pg from 'pg'
import type { Queryable } from '../db/query/connection.ts'
import * as d from '../db/query/decode.ts'
import { query } from '../db/query/query.ts'
import { openSession } from '../db/query/session.ts'
import { checkSchema } from '../db/schema.ts'
import type { SiteConnection, SiteDatabase } from './site.ts'

/** A database over a pool of connections. */
export function siteDatabase(pool: Queryable): SiteDatabase {
  const unchecked: SiteDatabase['unchecked'] = async (signal, work) => {
    signal.throwIfAborted()
    const { client, release } = await openSession(pool)
    try {
      return await work(connectionOn(client))
    } finally {
      release(false)
    }
  }
  const use: SiteDatabase['read'] = (signal, work) =>
    unchecked(signal, async (connection) => {
      await checkSchema(connection.client)
      return work(connection)
    })
  return {
    name: () =>
      use(new AbortController().signal, async ({ run }) => {
        const [row] = await run('select current_database() as name', { name: d.text() })
        return row?.name ?? ''
      }),
    read: use,
    write: use,
    unchecked,
  }
}

const connectionOn = (client: pg.ClientBase): SiteConnection => ({
  client,
  run: (statement, shape) => query(client, statement, shape, { json: 'text' }),
})
