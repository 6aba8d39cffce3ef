import { setTimeout as delay } from 'node:timers/promises'
import type pg from 'pg'
import { WfstoreError } from '../../error.ts'
import * as d from '../query/decode.ts'
import { sqlStateOf } from '../query/errors.ts'
import { query } from '../query/query.ts'
import { sql } from '../query/sql.ts'

export type Notice = (line: string) => void

const POLL_MS = 200

/**
 * Holds the advisory lock of this name while `work` runs: one process per database at a time.
 * It polls. A session that waits inside pg_advisory_lock() keeps a snapshot, and CREATE INDEX CONCURRENTLY in the
 * session that holds the lock would wait for that snapshot: a deadlock.
 * @param options.doing what the holder does to the schema, for messages: 'migrating'
 * @throws WfstoreError locked after `waitMs`
 */
export async function withAdvisoryLock<T>(
  client: pg.Client,
  name: string,
  options: { waitMs: number; notice: Notice; doing: string },
  work: () => Promise<T>,
): Promise<T> {
  const deadline = performance.now() + options.waitMs
  const busy = `another process is ${options.doing} this schema`
  for (let noticed = false; !(await tryLock(client, name)); ) {
    const holder = await advisoryHolder(client, name)
    const left = deadline - performance.now()
    if (left <= 0) {
      throw new WfstoreError(
        'locked',
        `${busy}: ${holder ? `${holder.text}${holder.more}` : 'it has just finished'}`,
        {
          hint: holder ? `try again when it has finished; ${endIt(holder)}` : 'try again',
        },
      )
    }
    if (holder && !noticed) {
      noticed = true
      options.notice(`${busy}: waiting for ${holder.text}${holder.more}`)
    }
    await delay(Math.min(POLL_MS, left))
  }
  try {
    return await work()
  } finally {
    const unlock = sql`select pg_advisory_unlock(hashtextextended(${name}, 0))`
    await query(client, unlock, {}).catch(() => {})
  }
}

async function tryLock(client: pg.Client, name: string): Promise<boolean> {
  const statement = sql`select pg_try_advisory_lock(hashtextextended(${name}, 0)) as held`
  const [row] = await query(client, statement, { held: d.boolean() })
  return row?.held === true
}

const sessionShape = {
  pid: d.count(),
  application: d.nullable(d.text()),
  /** NULL if this role may not see it. */
  since: d.nullable(d.time()),
  user: d.nullable(d.text()),
  query: d.nullable(d.text()),
}

interface Session {
  pid: number
  text: string
  /** User and the first words of its last query, in parentheses. */
  more: string
}

async function advisoryHolder(client: pg.Client, name: string): Promise<Session | undefined> {
  const found = await query(
    client,
    sql`select l.pid, a.application_name as application, a.backend_start as since,
            a.usename as user, left(a.query, 200) as query
     from pg_locks l left join pg_stat_activity a using (pid)
     where l.locktype = 'advisory' and l.granted and l.objsubid = 1
       and l.database = (select oid from pg_database where datname = current_database())
       and ((l.classid::bigint << 32) | l.objid::bigint) = hashtextextended(${name}, 0)`,
    sessionShape,
  )
  return describeSession(found[0], 'connected')
}

/** The modes of sessions that lock or change rows. */
const OF_ROWS = ['RowShareLock', 'RowExclusiveLock']

/**
 * The session with the oldest transaction that holds a lock on one of the tables.
 * @param schema the current one if it is null
 * @param modes of the lock (default: any)
 */
async function tableHolder(
  client: pg.ClientBase,
  schema: string | null,
  tables: readonly string[],
  modes: readonly string[] | null = null,
) {
  const found = await query(
    client,
    sql`select l.pid, coalesce(nullif(a.application_name, ''), a.backend_type) as application, a.xact_start as since,
            a.usename as user, left(a.query, 200) as query
     from pg_locks l
     join pg_class c on c.oid = l.relation
     join pg_namespace n on n.oid = c.relnamespace
     left join pg_stat_activity a using (pid)
     where l.locktype = 'relation' and l.granted and l.pid <> pg_backend_pid()
       and l.database = (select oid from pg_database where datname = current_database())
       and n.nspname = coalesce(${schema}, current_schema()) and c.relname = any(${tables}::text[])
       and (${modes}::text[] is null or l.mode = any(${modes}::text[]))
     order by a.xact_start limit 1`,
    sessionShape,
  )
  return describeSession(found[0], 'in a transaction')
}

/** The session that has locked rows of these tables for the longest time, in words. */
export async function rowHolder(
  client: pg.ClientBase,
  tables: readonly string[],
): Promise<string | undefined> {
  const holder = await tableHolder(client, null, tables, OF_ROWS)
  return holder && `${holder.text}${holder.more}`
}

const endIt = ({ pid }: Session) => `to end it, run \`select pg_terminate_backend(${pid})\``

function describeSession(
  row: d.RowOf<typeof sessionShape> | undefined,
  doing: string,
): Session | undefined {
  if (!row) return undefined
  const since = row.since ? `, ${doing} since ${row.since}` : ''
  return {
    pid: row.pid,
    text: `pid ${row.pid} (${row.application || 'no application_name'})${since}`,
    more: moreOf(row),
  }
}

/** Values in a query are never shown: its words end before the first of them. */
const FIRST_WORDS = /^\s*[a-z_][\w.]*(?:\s+[a-z_][\w.]*){0,5}/i

function moreOf({ user, query }: d.RowOf<typeof sessionShape>): string {
  const [words] = FIRST_WORDS.exec(query ?? '') ?? []
  const known = [
    ...(user ? [`user ${user}`] : []),
    ...(words ? [`last query: ${words.trim().replace(/\s+/g, ' ')} …`] : []),
  ]
  return known.length > 0 ? ` (${known.join('; ')})` : ''
}

/** The error for a table that another session holds, with the name of that session. */
export async function tableLocked(
  client: pg.ClientBase,
  table: string,
  cause: unknown,
): Promise<WfstoreError> {
  const holder = await tableHolder(client, null, [table]).catch(() => undefined)
  const who = holder ? `: ${holder.text}${holder.more}` : ''
  return new WfstoreError('locked', `table ${table} is locked by another session${who}`, {
    hint: holder ? `run it again later; ${endIt(holder)}` : 'run it again later',
    cause,
  })
}

const LOCK_TRIES = 8
const LONGEST_PAUSE_MS = 10_000

export interface LockOptions {
  schema: string
  /** The session that holds a lock on one of these is named in messages. */
  tables: readonly string[]
  lockTimeoutMs: number
  notice: Notice
}

/**
 * Repeats `attempt` if it could not get a lock within lock_timeout. The pauses grow, and let the sessions that
 * queued behind us do their work. An attempt undoes its changes before it throws.
 * @throws WfstoreError locked after the last attempt
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
      const who = holder ? `: ${holder.text} holds a lock on them${holder.more}` : ''
      if (tried === LOCK_TRIES) {
        throw new WfstoreError(
          'locked',
          `the tables are in use, gave up after ${tried} attempts${who}`,
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

/** lock_not_available, deadlock_detected and serialization_failure: another attempt may succeed. */
export const isLockFailure = (error: unknown): boolean =>
  ['55P03', '40P01', '40001'].includes(sqlStateOf(error) ?? '')

/**
 * Takes exclusive locks on the tables, inside a transaction. The timeout covers all of them together, because other
 * sessions wait behind us from the first lock on.
 */
export async function lockTables(
  client: pg.Client,
  tables: readonly string[],
  timeoutMs: number,
): Promise<void> {
  const [server] = await query(
    client,
    `select setting::bigint as ms from pg_settings where name = 'deadlock_timeout'`,
    { ms: d.count() },
  )
  let deadline = performance.now() + timeoutMs
  // Referencing tables first: a session that inserts into one locks it before the table it references.
  for (const [place, table] of [...tables].reverse().entries()) {
    const left = Math.max(1, Math.ceil(deadline - performance.now()))
    await setLockTimeout(client, left, 'transaction')
    await query(client, `lock table ${table} in access exclusive mode`, {})
    // From here on a writer may wait for us and hold what we wait for. We give up before the server checks for
    // deadlocks, because it might cancel the writer.
    if (place === 0) deadline = Math.min(deadline, performance.now() + (server?.ms ?? 1000) / 2)
  }
  await setLockTimeout(client, timeoutMs, 'transaction')
}

/**
 * Locks the tables against VACUUM until the transaction ends. Filling new columns brings an autovacuum, which gives way
 * only to a session that has waited for deadlock_timeout. This wait does not block writers; that of lockTables would.
 */
export async function keepVacuumAway(
  client: pg.Client,
  tables: readonly string[],
  timeoutMs: number,
): Promise<void> {
  await query(
    client,
    sql`select set_config('lock_timeout', (setting::bigint + ${timeoutMs}::bigint) || 'ms', true)
     from pg_settings where name = 'deadlock_timeout'`,
    {},
  )
  for (const table of tables)
    await query(client, `lock table ${table} in share update exclusive mode`, {})
}

/** 0 waits without limit. */
export async function setLockTimeout(
  client: pg.Client,
  ms: number,
  until: 'transaction' | 'session',
): Promise<void> {
  await query(
    client,
    sql`select set_config('lock_timeout', ${`${ms}ms`}, ${until === 'transaction'})`,
    {},
  )
}
