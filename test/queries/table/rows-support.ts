import type pg from 'pg'
import type { Queryable } from '../../../src/db/query/connection.ts'
import { openStore, type Store } from '../../../src/index.ts'
import type { TestDatabase } from '../../support/database.ts'
import { createMigrated } from '../../support/migrated.ts'

export interface TestStore {
  database: TestDatabase
  client: pg.Client
  store: Store
  close: () => Promise<void>
}

/** A store on a database of its own, and another connection to check what it does. */
export async function createTestStore(label: string): Promise<TestStore> {
  const database = await createMigrated(label)
  const client = await database.connect()
  const store = openStore({ databaseUrl: database.url })
  const close = async () => {
    await store.close()
    await client.end()
    await database.drop()
  }
  return { database, client, store, close }
}

/** What is refused before anything is sent is refused on this one too. */
export const unasked: Queryable = {
  query: () => {
    throw new Error('the database was asked')
  },
}

export const RUN = { workflowName: 'w', userId: 'u', mode: 'm', modelId: 'x' }
export const UNKNOWN = '0193f1c2-7a5e-7c11-9d3e-2b6f0a4c8e57'
