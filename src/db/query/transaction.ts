import type pg from 'pg'
import { databaseError } from './errors.ts'

/** Runs statements that give no rows. @throws WfstoreError with the statement */
export async function run(client: pg.Client, sql: string): Promise<void> {
  try {
    await client.query(sql)
  } catch (error) {
    throw databaseError(error, { sql, connection: client })
  }
}

/** Commits what `work` does, or undoes all of it. */
export async function transaction<T>(client: pg.Client, work: () => Promise<T>): Promise<T> {
  await run(client, 'begin')
  try {
    const result = await work()
    await run(client, 'commit')
    return result
  } catch (error) {
    await rollback(client)
    throw error
  }
}

/** Ends a transaction, if there is one. On a lost connection the server has done so already. */
export async function rollback(client: pg.Client): Promise<void> {
  await client.query('rollback').catch(() => {})
}
