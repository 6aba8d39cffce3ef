import type pg from 'pg'
import { databaseError } from './errors.ts'

/** Runs statements without values or rows. @throws WfstoreError with the statement */
export async function run(client: pg.Client, sql: string): Promise<void> {
  try {
    await client.query(sql)
  } catch (error) {
    throw databaseError(error, { sql, connection: client })
  }
}

/** Runs `work` in a transaction: commits it, or rolls all of it back. */
export async function transaction<T>(client: pg.Client, work: () => Promise<T>): Promise<T> {
  await run(client, 'begin isolation level read committed')
  try {
    const result = await work()
    await run(client, 'commit')
    return result
  } catch (error) {
    await rollback(client)
    throw error
  }
}

/** Ends the transaction, if there is one. On a lost connection the server has already ended it. */
export async function rollback(client: pg.Client): Promise<void> {
  await client.query('rollback').catch(() => {})
}
