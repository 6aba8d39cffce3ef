import { migrateUp } from '../../src/db/migrate/up.ts'
import { createDatabase, createFilled, loadLegacy, type TestDatabase } from './database.ts'
import { schemaOf } from './migrate.ts'

export const migrateOptions = {
  legacyTimeZone: 'UTC',
  lockWaitMs: 60_000,
  lockTimeoutMs: 2000,
  notice: () => {},
}

/** A database with the schema and nothing in it. */
export const createMigrated = (label: string): Promise<TestDatabase> =>
  createFilled(label, 'migrated', migrate)

/** The database of the old application, adopted. */
export const createAdopted = (label: string): Promise<TestDatabase> =>
  createFilled(label, 'adopted', async (database) => {
    await loadLegacy(database)
    await migrate(database)
  })

/** A fully set-up installation of the old application, adopted: row security, more columns and tables of its own. */
export const createAdoptedFull = (label: string): Promise<TestDatabase> =>
  createFilled(label, 'adopted_full', async (database) => {
    await loadLegacy(database, { full: true })
    await migrate(database)
  })

/** The schema that the migrations create on one server, in the form of `schemaOf`. */
export async function freshSchema(): Promise<string> {
  const database = await createDatabase('fresh')
  await migrate(database)
  const schema = await schemaOf(database)
  await database.drop()
  return schema
}

async function migrate(database: TestDatabase): Promise<void> {
  const client = await database.connect()
  await migrateUp(client, migrateOptions)
  await client.end()
}
