import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import pg from 'pg'
import { inject } from 'vitest'

export interface TestDatabase {
  name: string
  /** libpq URL, for the command line and for psql. */
  url: string
  /** Rows of a statement, as pg gives them. */
  sql: (text: string, values?: unknown[]) => Promise<Record<string, unknown>[]>
  /** Another connection to the same database; the caller ends it. */
  connect: () => Promise<pg.Client>
  drop: () => Promise<void>
}

/**
 * An empty database of its own on the shared server. Dropped by `drop`; a failing run keeps nothing because the
 * server goes with it, unless WFSTORE_TEST_DATABASE_URL names a server of yours.
 */
export async function createDatabase(label = 'test'): Promise<TestDatabase> {
  const server = process.env.WFSTORE_TEST_DATABASE_URL ?? inject('serverUrl')
  const name = `${label.replace(/\W/g, '_').slice(0, 40)}_${randomBytes(4).toString('hex')}`
  await once(server, `create database ${name}`)
  const url = new URL(server)
  url.pathname = `/${name}`
  const client = await open(url.href)
  return {
    name,
    url: url.href,
    sql: async (text, values) => (await client.query(text, values as unknown[])).rows,
    connect: () => open(url.href),
    drop: async () => {
      await client.end()
      await once(server, `drop database if exists ${name} with (force)`)
    },
  }
}

/** Makes this database the one that the old application left: 160 runs that it recorded itself. */
export async function loadLegacy(
  database: TestDatabase,
  options: { data?: boolean } = {},
): Promise<void> {
  await database.sql(fixture('legacy-schema.sql'))
  if (options.data !== false) await database.sql(fixture('legacy-data.sql'))
}

export const fixture = (name: string) =>
  readFileSync(new URL(`../fixtures/${name}`, import.meta.url), 'utf8')

async function open(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url })
  // A test that drops the database ends this connection; that is not an error of the test.
  client.on('error', () => {})
  await client.connect()
  return client
}

async function once(url: string, text: string): Promise<void> {
  const client = await open(url)
  try {
    await client.query(text)
  } finally {
    await client.end()
  }
}
