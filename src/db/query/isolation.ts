import type pg from 'pg'
import type { Layout } from '../distributed/layout.ts'
import { isPool, type Queryable } from './connection.ts'
import { endsSession, sqlStateOf } from './errors.ts'
import { query, type Run } from './query.ts'
import { isInTransaction, openSession } from './session.ts'
import { run as execute, rollback } from './transaction.ts'

/**
 * Statements of the recorder are written for the isolation level read committed. At another level, which a role, a database or
 * the application may set, the server refuses them while others change the same run, and a repetition may be refused as often.
 * A statement that is refused is repeated in a transaction at read committed: at the usual level nothing is sent twice.
 * @param database in a transaction of the application the statement is not repeated, because it is aborted
 */
export const atReadCommitted =
  (database: Queryable, run: Run): Run =>
  async (statement, shape) => {
    try {
      return await run(statement, shape)
    } catch (error) {
      if (!REFUSED.includes(sqlStateOf(error) ?? '')) throw error
      if (!isPool(database) && isInTransaction(database as pg.ClientBase)) throw error
      return inReadCommitted(database, (client) => query(client, statement, shape))
    }
  }

/** A serialization failure; a period that can only be closed at read committed (migrations/003_billing.sql). */
const REFUSED = ['40001', 'WF003']

/** Runs `work` in a transaction. @param settings statements for its beginning */
export interface InTransaction {
  <T>(work: (run: Run) => Promise<T>, settings?: readonly string[]): Promise<T>
  layout: () => Promise<Layout>
}

/** Runs `work` in a transaction at read committed on one connection, with settings for this transaction. */
export async function inReadCommitted<T>(
  database: Queryable,
  work: (client: pg.ClientBase) => Promise<T>,
  settings: readonly string[] = [],
): Promise<T> {
  const { client, release } = await openSession(database)
  let broken = false
  try {
    const begin = ['begin isolation level read committed', ...settings]
    await execute(client as pg.Client, begin.join('; '))
    const result = await work(client)
    await execute(client as pg.Client, 'commit')
    return result
  } catch (error) {
    broken = endsSession(error)
    if (!broken) await rollback(client as pg.Client)
    throw error
  } finally {
    release(broken)
  }
}
