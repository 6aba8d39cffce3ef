import { setTimeout as delay } from 'node:timers/promises'
import type pg from 'pg'
import { WfstoreError } from '../../error.ts'
import * as d from '../query/decode.ts'
import { query } from '../query/query.ts'

export type Notice = (line: string) => void

const POLL_MS = 200

/**
 * Holds the advisory lock of this name while `work` runs: one process of the database at a time.
 * It is polled for. A session that waits inside pg_advisory_lock() keeps a snapshot, and CREATE INDEX CONCURRENTLY
 * in the session that holds the lock would wait for that snapshot to go: a deadlock.
 * @param options.doing what its holder does to the schema, in words: 'migrating'
 * @throws WfstoreError locked after `waitMs`
 */
export async function withAdvisoryLock<T>(
  client: pg.Client,
  name: string,
  options: { waitMs: number; notice: Notice; doing: string },
  work: () => Promise<T>,
): Promise<T> {
  const deadline = performance.now() + options.waitMs
  const other = `another process is ${options.doing} this schema`
  for (let told = false; !(await tryLock(client, name)); ) {
    const holder = await advisoryHolder(client, name)
    const left = deadline - performance.now()
    if (left <= 0) {
      throw new WfstoreError('locked', `${other}: ${holder?.text ?? 'it has just ended'}`, {
        hint: holder ? `try again when it has finished; ${endIt(holder)}` : 'try again',
      })
    }
    if (holder && !told) {
      told = true
      options.notice(`${other}: waiting for ${holder.text}`)
    }
    await delay(Math.min(POLL_MS, left))
  }
  try {
    return await work()
  } finally {
    await client.query('select pg_advisory_unlock(hashtextextended($1, 0))', [name]).catch(() => {})
  }
}

async function tryLock(client: pg.Client, name: string): Promise<boolean> {
  const text = 'select pg_try_advisory_lock(hashtextextended($1, 0)) as held'
  const [row] = await query(client, text, [name], { held: d.boolean() })
  return row?.held === true
}

const sessionShape = {
  pid: d.count(),
  application: d.nullable(d.text()),
  /** NULL where this role may not see it. */
  since: d.nullable(d.time()),
}

interface Session {
  pid: number
  text: string
}

async function advisoryHolder(client: pg.Client, name: string): Promise<Session | undefined> {
  const found = await query(
    client,
    `select l.pid, a.application_name as application, a.backend_start as since
     from pg_locks l left join pg_stat_activity a using (pid)
     where l.locktype = 'advisory' and l.granted and l.objsubid = 1
       and l.database = (select oid from pg_database where datname = current_database())
       and ((l.classid::bigint << 32) | l.objid::bigint) = hashtextextended($1, 0)`,
    [name],
    sessionShape,
  )
  return describeSession(found[0], 'connected')
}

async function tableHolder(client: pg.Client, schema: string, tables: readonly string[]) {
  const found = await query(
    client,
    `select l.pid, coalesce(nullif(a.application_name, ''), a.backend_type) as application, a.xact_start as since
     from pg_locks l
     join pg_class c on c.oid = l.relation
     join pg_namespace n on n.oid = c.relnamespace
     left join pg_stat_activity a using (pid)
     where l.locktype = 'relation' and l.granted and l.pid <> pg_backend_pid()
       and l.database = (select oid from pg_database where datname = current_database())
       and n.nspname = $1 and c.relname = any($2::text[])
     order by a.xact_start limit 1`,
    [schema, tables],
    sessionShape,
  )
  return describeSession(found[0], 'in a transaction')
}

const endIt = ({ pid }: Session) => `\`select pg_terminate_backend(${pid})\` ends it`

function describeSession(
  row: d.RowOf<typeof sessionShape> | undefined,
  doing: string,
): Session | undefined {
  if (!row) return undefined
  const since = row.since ? `, ${doing} since ${row.since}` : ''
  return {
    pid: row.pid,
    text: `pid ${row.pid} (${row.application || 'no application_name'})${since}`,
  }
}

const LOCK_TRIES = 8
const LONGEST_PAUSE_MS = 10_000

export interface LockOptions {
  schema: string
  /** Whose locks are looked at to say for whom we wait. */
  tables: readonly string[]
  lockTimeoutMs: number
  notice: Notice
}

/**
 * Tries `attempt` again where it could not get a lock within lock_timeout, with pauses that grow, in which the
 * queue that has formed behind us is served. An attempt undoes what it did before it throws.
 * @throws WfstoreError locked after the last try
 */
export async function withLockRetries<T>(
  client: pg.Client,
  options: LockOptions,
  attempt: () => Promise<T>,
): Promise<T> {
  for (let tried = 1; ; tried++) {
    try {
      return await attempt()
    } catch (error) {
      if (!isLockFailure(error)) throw error
      const holder = await tableHolder(client, options.schema, options.tables)
      const who = holder ? `: ${holder.text} has a lock on them` : ''
      if (tried === LOCK_TRIES) {
        throw new WfstoreError(
          'locked',
          `the tables are in use, gave up after ${tried} tries${who}`,
          {
            hint: holder
              ? `try again when it has finished; ${endIt(holder)}`
              : 'try again at a quieter time',
            cause: error,
          },
        )
      }
      if (tried === 1) options.notice(`the tables are in use, trying again${who}`)
      await delay(Math.min(options.lockTimeoutMs * 2 ** Math.min(tried - 1, 3), LONGEST_PAUSE_MS))
    }
  }
}

/** lock_not_available, deadlock_detected and serialization_failure: another try may succeed. */
export function isLockFailure(error: unknown): boolean {
  const state = (error instanceof WfstoreError ? error.cause : error) as
    | { code?: unknown }
    | undefined
  return ['55P03', '40P01', '40001'].includes(String(state?.code))
}

/**
 * Locks the tables against everyone, inside a transaction, and waits for all of them together no longer than the
 * timeout: whoever comes to the first waits behind us from then on.
 */
export async function lockTables(
  client: pg.Client,
  tables: readonly string[],
  timeoutMs: number,
): Promise<void> {
  const [server] = await query(
    client,
    `select setting::bigint as ms from pg_settings where name = 'deadlock_timeout'`,
    [],
    { ms: d.count() },
  )
  let deadline = performance.now() + timeoutMs
  // Those that refer to others first: whoever inserts into one has it before it locks what it refers to.
  for (const [place, table] of [...tables].reverse().entries()) {
    const left = Math.max(1, Math.ceil(deadline - performance.now()))
    await setLockTimeout(client, left, 'transaction')
    await query(client, `lock table ${table} in access exclusive mode`, [], {})
    // From here on a writer may wait for us that has what we wait for. We give up before the server looks for a
    // deadlock, and might choose the writer as its victim.
    if (place === 0) deadline = Math.min(deadline, performance.now() + (server?.ms ?? 1000) / 2)
  }
  await setLockTimeout(client, timeoutMs, 'transaction')
}

/** 0 waits for ever. */
export async function setLockTimeout(
  client: pg.Client,
  ms: number,
  until: 'transaction' | 'session',
): Promise<void> {
  await query(
    client,
    "select set_config('lock_timeout', $1, $2)",
    [`${ms}ms`, until === 'transaction'],
    {},
  )
}
