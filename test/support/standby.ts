import { execFileSync } from 'node:child_process'
import { chmodSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import pg from 'pg'
import { startEmbedded, stopEmbedded, trustEmbedded } from '../../src/db/embedded/server.ts'
import { dataFolder } from './folder.ts'

/** A server of its own, in a folder of its own. */
export interface Server {
  /** The URL of a database, as the owner of everything. */
  url: (database?: string) => string
  /** Rows of a statement, as pg gives them. */
  sql: (text: string, database?: string) => Promise<Record<string, unknown>[]>
  start: () => Promise<void>
  /** Ends it as a crash does. */
  kill: () => Promise<void>
  stop: () => Promise<unknown>
}

export interface Replication {
  primary: Server
  standby: Server
  /** Waits until the standby has replayed everything that the primary has written. */
  caughtUp: () => Promise<void>
  drop: () => Promise<void>
}

/** Nothing here outlives the run, so nothing needs to reach the disk. */
const SETTINGS = { fsync: 'off', max_connections: '50', wal_retrieve_retry_interval: '100ms' }

/** A primary and a standby that streams from it, both real. The primary is filled before it is copied. */
export async function createReplication(
  label: string,
  fill: (primary: Server) => Promise<void>,
): Promise<Replication> {
  const base = dataFolder(label)
  chmodSync(base, 0o711)
  const [one, two] = [join(base, 'primary'), join(base, 'standby')]
  const primary = serverIn(one)
  await primary.start()
  await fill(primary)
  await primary.stop()
  // With the owners, which cpSync would not keep.
  execFileSync('cp', ['-a', one, two])
  writeFileSync(join(two, 'data/standby.signal'), '')
  trustEmbedded(two)
  await primary.start()
  const { searchParams } = new URL(primary.url())
  const standby = serverIn(two, {
    // A conflict of a query with the replay cancels the query at once.
    max_standby_streaming_delay: '0',
    primary_conninfo: `host=${searchParams.get('host')} port=${new URL(primary.url()).port} user=wfstore`,
  })
  await standby.start()
  const position = async (server: Server, text: string) =>
    (await server.sql(`select ${text} as at`))[0]?.at as string
  return {
    primary,
    standby,
    caughtUp: async () => {
      const wanted = await position(primary, 'pg_current_wal_lsn()')
      for (;;) {
        const [row] = await standby.sql(`select pg_last_wal_replay_lsn() >= '${wanted}' as done`)
        if (row?.done) return
        await wait(10)
      }
    },
    drop: async () => {
      await standby.kill()
      await primary.kill()
      rmSync(base, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 })
    },
  }
}

function serverIn(dir: string, settings: Record<string, string> = {}): Server {
  let endpoint: { socketDir?: string | undefined; port: number } | undefined
  const url = (database = 'wfstore') => {
    const { socketDir, port } = endpoint ?? { port: 0 }
    return `postgresql://wfstore@localhost:${port}/${database}?host=${encodeURIComponent(socketDir ?? '127.0.0.1')}`
  }
  const ended = async (pid: number) => {
    while (isAlive(pid)) await wait(10)
  }
  return {
    url,
    sql: async (text, database) => {
      const client = new pg.Client({ connectionString: url(database) })
      // The server may be killed.
      client.on('error', () => {})
      await client.connect()
      try {
        return (await client.query(text)).rows
      } finally {
        await client.end()
      }
    },
    start: async () => {
      const options = { create: true, path: process.env.PATH }
      endpoint = await startEmbedded(dir, { ...options, settings: { ...SETTINGS, ...settings } })
      // If root runs the tests, the servers run as another user, who has to reach the socket of the primary.
      chmodSync(dir, 0o711)
    },
    kill: async () => {
      const pid = pidIn(dir)
      if (pid === undefined) return
      // An immediate shutdown: to end only the postmaster would leave its processes.
      process.kill(pid, 'SIGQUIT')
      await ended(pid)
    },
    stop: () => stopEmbedded(dir),
  }
}

function pidIn(dir: string): number | undefined {
  try {
    const pid = Number.parseInt(readFileSync(join(dir, 'data/postmaster.pid'), 'utf8'), 10)
    return isAlive(pid) ? pid : undefined
  } catch {
    return undefined
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
