import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import pg from 'pg'
import { inject } from 'vitest'
import { citusUrl, createOnNodes, dropOnNodes, sealOnNodes, textsFor } from './citus.ts'
import { templatesOf } from './folder.ts'

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

/** WFSTORE_TEST_KEEP=1: keeps the databases and their server after the run. */
export const keepsDatabases = process.env.WFSTORE_TEST_KEEP === '1'

/** An empty database of its own on the shared server, until `drop`. */
export async function createDatabase(
  label = 'test',
  template = 'template1',
): Promise<TestDatabase> {
  const name = `${label.replace(/\W/g, '_').slice(0, 40)}_${randomBytes(4).toString('hex')}`
  if (citusUrl) await createOnNodes(name, template)
  else await onServer(`create database ${name} template ${template}`)
  const url = new URL(inject('serverUrl'))
  url.pathname = `/${name}`
  const client = await open(url.href)
  return {
    name,
    url: url.href,
    sql: async (text, values) => {
      let rows: Record<string, unknown>[] = []
      for (const piece of citusUrl ? textsFor(text) : [text])
        rows = (await client.query(piece, values as unknown[])).rows
      return rows
    },
    connect: () => open(url.href),
    drop: async () => {
      await client.end()
      if (keepsDatabases) return
      if (citusUrl) await dropOnNodes(name)
      else await onServer(`drop database if exists ${name} with (force)`)
    },
  }
}

const filled = new Map<string, Promise<string>>()

/**
 * A database filled by `fill`. This runs once for each `kind`; the other databases are copies. On a server of yours it
 * runs each time, because nothing may remain there for the next run.
 */
export async function createFilled(
  label: string,
  kind: string,
  fill: (database: TestDatabase) => Promise<unknown>,
): Promise<TestDatabase> {
  if (process.env.WFSTORE_TEST_DATABASE_URL) {
    const database = await createDatabase(label)
    await fill(database)
    return database
  }
  const template = filled.get(kind) ?? makeTemplate(kind, fill)
  filled.set(kind, template)
  return createDatabase(label, await template)
}

async function makeTemplate(
  kind: string,
  fill: (database: TestDatabase) => Promise<unknown>,
): Promise<string> {
  const template = `${templatesOf(inject('runFolder'))}${kind}`
  const lock = await open(inject('serverUrl'))
  try {
    // Other test files use it at the same time.
    await lock.query('select pg_advisory_lock(hashtextextended($1, 0))', [template])
    const { rowCount } = await lock.query('select from pg_database where datname = $1', [template])
    if (rowCount === 0) {
      const first = await createDatabase(kind)
      await fill(first)
      await seal(first, template)
    }
  } finally {
    await lock.end()
  }
  return template
}

/**
 * Makes a database a template of this name: PostgreSQL neither renames nor copies one while a session is connected to it.
 * On Citus it is distributed before.
 */
export async function seal(database: TestDatabase, as = database.name): Promise<void> {
  if (citusUrl) return sealOnNodes(database, as)
  await endSessions(database)
  if (as === database.name) return
  await onServer(`alter database ${database.name} rename to ${as}`)
  await onServer(`alter database ${as} allow_connections false`)
}

export const endSessions = ({ name }: TestDatabase): Promise<void> =>
  onServer('select pg_terminate_backend(pid, 60000) from pg_stat_activity where datname = $1', [
    name,
  ])

/**
 * Loads the database of the old application: 160 runs that it recorded itself.
 * @param options.full with everything that its set-up creates: row security, more columns and tables of its own
 */
export async function loadLegacy(
  database: TestDatabase,
  options: { data?: boolean; full?: boolean } = {},
): Promise<void> {
  await database.sql(fixture('legacy-schema.sql'))
  if (options.data !== false) await database.sql(fixture('legacy-data.sql'))
  if (options.full) await database.sql(fixture('legacy-full.sql'))
}

export const fixture = (name: string) =>
  readFileSync(new URL(`../fixtures/${name}`, import.meta.url), 'utf8')

/** A pool of an application. `end` returns before the server has ended its sessions, which `drop` then does. */
export function openPool(config: pg.PoolConfig): pg.Pool {
  const pool = new pg.Pool(config)
  pool.on('connect', (client) => client.on('error', () => {}))
  // That of an idle client reaches the pool.
  pool.on('error', () => {})
  return pool
}

async function open(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url })
  // A test that drops the database ends this connection; that is not an error of the test.
  client.on('error', () => {})
  await client.connect()
  return client
}

let server: pg.Pool | undefined

/** Connections that create and drop databases. They do not keep the process alive. */
async function onServer(text: string, values: string[] = []): Promise<void> {
  if (!server) {
    server = new pg.Pool({ connectionString: inject('serverUrl'), allowExitOnIdle: true })
    server.on('error', () => {})
  }
  await server.query(text, values)
}
