import { expect } from 'vitest'
import type { TestDatabase } from '../../support/database.ts'
import { migrateOn, untilBlocked, withClient } from '../../support/migrate.ts'

/** Migrates, and ends the session of the migration when it waits for another one, which begins a transaction with `blocking`. */
export async function endWhileBlocked(database: TestDatabase, blocking: string): Promise<void> {
  const blocker = await database.connect()
  await blocker.query(blocking)
  await withClient(database, async (client) => {
    const [{ pid }] = (await client.query('select pg_backend_pid() as pid')).rows
    const ended = expect(migrateOn(client)).rejects.toMatchObject({ code: 'unreachable' })
    await untilBlocked(database, pid)
    await database.sql('select pg_terminate_backend($1::int)', [pid])
    await ended
  })
  await blocker.query('rollback')
  await blocker.end()
}
