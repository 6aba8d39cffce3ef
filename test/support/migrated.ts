import { migrateUp } from '../../src/db/migrate.ts'
import { createDatabase, loadLegacy, type TestDatabase } from './database.ts'

export const migrateOptions = {
  legacyTimeZone: 'UTC',
  lockWaitMs: 60_000,
  lockTimeoutMs: 2000,
  notice: () => {},
}

/** A database with the schema and nothing in it. */
export async function createMigrated(label: string): Promise<TestDatabase> {
  const database = await createDatabase(label)
  await migrate(database)
  return database
}

/** The database of the old application, adopted. */
export async function createAdopted(label: string): Promise<TestDatabase> {
  const database = await createDatabase(label)
  await loadLegacy(database)
  await migrate(database)
  return database
}

async function migrate(database: TestDatabase): Promise<void> {
  const client = await database.connect()
  await migrateUp(client, migrateOptions)
  await client.end()
}
