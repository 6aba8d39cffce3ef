import { inLayout, layoutOf } from '../distributed/by-layout.ts'
import { type Connection, type ConnectionPool, isPool, type Queryable } from './connection.ts'
import { decodeRows, type JsonForm, type RowOf, type Shape } from './decode.ts'
import { databaseError, endsSession } from './errors.ts'
import { openSession } from './session.ts'
import { bound, type Statement } from './sql.ts'

/** Runs a statement on the database of the store. */
export type Run = <S extends Shape>(statement: Statement, shape: S) => Promise<RowOf<S>[]>

/** Set per query, so that the settings of pg and of the application's pool do not change. */
const asText = { getTypeParser: () => (value: string | Buffer) => value.toString() }

/**
 * Runs one statement and decodes its rows.
 * @param how the name of the prepared statement, of which each text has its own, and how JSON columns are read
 * @throws WfstoreError for errors of the server or the connection
 */
export async function query<S extends Shape>(
  database: Queryable,
  statement: Statement,
  shape: S,
  { name, json }: { name?: string; json?: JsonForm } = {},
): Promise<RowOf<S>[]> {
  const { text, values } = bound(inLayout(statement, layoutOf(database)))
  const config = { text, values, types: asText }
  const named = name === undefined ? config : { ...config, name }
  const { rows } = isPool(database)
    ? await sendOnSession(database, named)
    : await sendOn(database, named)
  return decodeRows(shape, rows as Record<string, string | null>[], json)
}

/** Runs statements on one connection. */
export const runOn =
  (database: Queryable): Run =>
  (statement, shape) =>
    query(database, statement, shape)

type Config = Parameters<Connection['query']>[0]

async function sendOn(connection: Connection, config: Config) {
  try {
    return await connection.query(config)
  } catch (error) {
    throw databaseError(error, { sql: config.text, connection })
  }
}

/** Uses a connection of the pool, because only a connection knows whether it is lost. */
async function sendOnSession(pool: ConnectionPool, config: Config) {
  const { client, release } = await openSession(pool)
  let broken = false
  try {
    return await sendOn(client, config)
  } catch (error) {
    // After most errors of the server the connection is still usable.
    broken = endsSession(error)
    throw error
  } finally {
    release(broken)
  }
}
