import { appendFileSync } from 'node:fs'
import pg from 'pg'
import { expect } from 'vitest'
import { distribute as spread } from '../../src/db/distributed/distribute.ts'
import { splitStatements } from '../../src/db/migrate/files.ts'
import { WfstoreError } from '../../src/error.ts'
import { NEWEST } from './migrations.ts'

/**
 * With WFSTORE_TEST_CITUS_URL, a database of a Citus coordinator, each template that the tests migrate is distributed over
 * the nodes of this database, and so are its copies. The role may create databases on every node.
 */
export const citusUrl = process.env.WFSTORE_TEST_CITUS_URL

interface Node {
  host: string
  port: number
  /** Connections to the database of the URL there. They do not keep the process alive. */
  pool: pg.Pool
}

/** The coordinator first. */
const nodes = (() => {
  let found: Promise<Node[]> | undefined
  return () => {
    found ??= findNodes()
    return found
  }
})()

async function findNodes(): Promise<Node[]> {
  const pool = new pg.Pool({ connectionString: citusUrl, max: 2, allowExitOnIdle: true })
  const { rows } = await pool.query<{ nodename: string; nodeport: number; groupid: number }>(
    `select nodename, nodeport, groupid from pg_dist_node where noderole = 'primary' order by groupid`,
  )
  const found = rows.map(({ nodename: host, nodeport: port, groupid }) => {
    if (groupid === 0) return { host, port, pool }
    const connectionString = on(citusUrl as string, host, port)
    return { host, port, pool: new pg.Pool({ connectionString, max: 2, allowExitOnIdle: true }) }
  })
  for (const node of found) node.pool.on('error', () => {})
  if (found[0]?.pool !== pool)
    throw new Error('WFSTORE_TEST_CITUS_URL needs citus_set_coordinator_host()')
  return found
}

function on(url: string, host: string, port: number): string {
  const other = new URL(url)
  other.hostname = host
  other.port = String(port)
  return other.href
}

/** Runs a statement on the coordinator, and on each worker that has this database. Resolves to the number of nodes. */
async function whereIs(name: string, text: string, values: unknown[] = []): Promise<number> {
  const [coordinator, ...workers] = await nodes()
  const reached = await Promise.all([
    coordinator?.pool.query(text, values),
    ...workers.map(async ({ pool }) => {
      const { rowCount } = await pool.query('select from pg_database where datname = $1', [name])
      return rowCount === 1 && pool.query(text, values)
    }),
  ])
  return reached.filter((one) => one).length
}

/** Creates a database. Of a distributed template each node copies its own. */
export async function createOnNodes(name: string, template: string): Promise<void> {
  const text = `create database ${name} template ${template}`
  const reached = await whereIs(/^template[01]/.test(template) ? '' : template, text)
  if (reached < 2) return
  // The settings of a template are not copied. Tests that change triggers need this one.
  await (await nodes())[0]?.pool.query(
    `alter database ${name} set citus.enable_unsafe_triggers = on`,
  )
  const report = process.env.WFSTORE_TEST_CITUS_USED
  if (report) appendFileSync(report, `${expect.getState().testPath}\n`)
}

/** `with (force)` waits for no session that is beginning, such as that of the daemon of Citus. */
export async function dropOnNodes(name: string): Promise<void> {
  await endSessions(name)
  await whereIs(name, `drop database if exists ${name} with (force)`)
}

/** Ends all sessions of a database; no other can begin. */
async function endSessions(name: string): Promise<void> {
  await whereIs(name, `alter database ${name} allow_connections false`)
  const end = 'select pg_terminate_backend(pid, 60000) from pg_stat_activity where datname = $1'
  await whereIs(name, end, [name])
}

/** Distributes a database if it is migrated, and makes it a template: no session can begin, also none of the daemon of Citus. */
export async function sealOnNodes({ name, url }: { name: string; url: string }, as: string) {
  await distribute(name, url)
  await endSessions(name)
  if (as !== name) await whereIs(name, `alter database ${name} rename to ${as}`)
}

const SETTING =
  /\b(set local (?:session_replication_role|wfstore\.\w+) = [^;]+|set session_replication_role = replica|set session_replication_role = origin|reset session_replication_role);?/g

/**
 * The texts to send one after the other instead of this one. A setting of the session reaches other nodes only inside a transaction
 * that has asked for it, so what is between `replica` and `origin` becomes one; and Citus sends its whole text to them.
 */
export const textsFor = (text: string): string[] =>
  text
    .split(SETTING)
    .flatMap((piece) => {
      if (/^set local /.test(piece)) return [TELL, piece]
      if (/^set .* = replica$/.test(piece))
        return ['begin', TELL, piece.replace('set', 'set local')]
      if (/^(re)?set session_replication_role/.test(piece)) return ['commit']
      // Citus sends the whole text of a change of a table to the workers.
      return /\b(alter|create|drop|truncate)\b/i.test(piece) ? splitStatements(piece) : piece
    })
    .filter((piece) => piece.trim() !== '')

const TELL = "set local citus.propagate_set_commands = 'local'"

/** The sessions of the coordinator that wait for a lock on any node. */
export async function waitingOnNodes(sql: (text: string) => Promise<Record<string, unknown>[]>) {
  if (!citusUrl) return []
  const [view] = await sql(`select to_regclass('citus_lock_waits') is not null as exists`)
  if (!view?.exists) return []
  const rows = await sql('select (waiting_gpid % 10000000000)::int as pid from citus_lock_waits')
  return rows.map(({ pid }) => pid as number)
}

/** Drops each database whose name begins with this. */
export async function dropAllOnNodes(prefix: string): Promise<void> {
  for (const { pool } of await nodes()) {
    const { rows } = await pool.query<{ datname: string }>(
      'select datname from pg_database where starts_with(datname, $1)',
      [prefix],
    )
    for (const { datname } of rows) await pool.query(`drop database ${datname} with (force)`)
  }
}

async function distribute(name: string, url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    if (!(await isMigrated(client))) return
    await joinNodes(client, { name, url })
    await spread(client, {
      shards: 4,
      lockWaitMs: 60_000,
      lockTimeoutMs: 30_000,
      notice: () => {},
      confirm: async () => {},
    })
  } catch (error) {
    // Some databases of an application cannot be distributed.
    if (!(error instanceof WfstoreError)) throw error
    process.stderr.write(`tests: ${name} stays on one server: ${error.message}\n`)
  } finally {
    await client.end()
  }
}

/** Makes a database that of a coordinator, with the workers of the URL. */
export async function joinNodes(
  client: pg.Client,
  { name, url }: { name: string; url: string },
): Promise<void> {
  const [coordinator, ...workers] = await nodes()
  for (const { host, port, pool } of workers) {
    await pool.query(`create database ${name}`)
    const worker = new pg.Client({ connectionString: on(url, host, port) })
    await worker.connect()
    await worker.query('create extension citus')
    await worker.end()
  }
  await client.query('create extension citus')
  await client.query('select citus_set_coordinator_host($1, $2)', [
    coordinator?.host,
    coordinator?.port,
  ])
  for (const { host, port } of workers)
    await client.query('select citus_add_node($1, $2)', [host, port])
}

async function isMigrated(client: pg.Client): Promise<boolean> {
  const { rows } = await client.query(`select to_regclass('wfstore_migrations') is not null as has`)
  if (!rows[0]?.has) return false
  const { rowCount } = await client.query('select from wfstore_migrations where name = $1', [
    NEWEST,
  ])
  return rowCount === 1
}
