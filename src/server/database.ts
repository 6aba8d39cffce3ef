import type pg from 'pg'
import { assertDirect } from '../db/connect/pooler.ts'
import { setLayout } from '../db/distributed/by-layout.ts'
import type { ConnectionPool } from '../db/query/connection.ts'
import * as d from '../db/query/decode.ts'
import { databaseError, hangUp, isLost, sqlStateOf } from '../db/query/errors.ts'
import { type StatementNames, statementNames } from '../db/query/prepared.ts'
import { query, type Run } from '../db/query/query.ts'
import { isInTransaction, openSession, type Session } from '../db/query/session.ts'
import { bound } from '../db/query/sql.ts'
import { rollback } from '../db/query/transaction.ts'
import { type ReplicaOptions, replicaOn } from '../db/replica/replica.ts'
import { checkSchema } from '../db/schema.ts'
import { WfstoreError } from '../error.ts'
import {
  cancelSession,
  endReadOnly,
  type Former,
  type Mode,
  readFormer,
  restoreSession,
  setSession,
  settingsFor,
} from './session.ts'
import type { SiteConnection, SiteDatabase } from './site.ts'
import { createTurns } from './turns.ts'

export interface DatabaseOptions {
  /** Requests that use the database at once (default 8). The pool has at least one connection more. */
  queries?: number | undefined
  /** Requests that wait for their turn (default 100). More are refused as `locked`. */
  waiting?: number
  /** How long a request waits for its turn, in milliseconds (default 10 s). */
  waitMs?: number
  /** The limit for each statement of a reading request, in milliseconds (default 30 s). */
  statementTimeoutMs?: number | undefined
  /** Only the server uses the pool: its sessions keep the settings. Otherwise they are set back after each request. */
  own?: boolean
  /** A replica for reports. */
  replica?: ReplicaOptions | undefined
}

export const DEFAULT_QUERIES = 8
const DEFAULT_TIMEOUT_MS = 30_000

type Work<T> = (connection: SiteConnection) => Promise<T>

/** A database over a pool of connections. */
export function siteDatabase(
  pool: ConnectionPool,
  {
    queries = DEFAULT_QUERIES,
    waiting = 100,
    waitMs = 10_000,
    statementTimeoutMs = DEFAULT_TIMEOUT_MS,
    own: isOwn = false,
    replica,
  }: DatabaseOptions = {},
): SiteDatabase {
  const turns = createTurns({ atOnce: queries, waiting, waitMs })
  const settings = settingsFor(statementTimeoutMs)
  /** How each session of our own pool is set, and what identifies it. */
  const known = new WeakMap<pg.ClientBase, { mode: Mode; session: string }>()
  const names = isOwn ? statementNames() : undefined

  async function begin(
    client: pg.ClientBase,
    mode: Mode,
  ): Promise<{ session: string; former?: Former }> {
    const values = settings[mode]
    if (!isOwn)
      return { former: await readFormer(client, values), session: await setSession(client, values) }
    const last = known.get(client)
    if (last?.mode === mode) return last
    if (last?.mode === 'read') await endReadOnly(client)
    const session = await setSession(client, values)
    known.set(client, { mode, session })
    return { session }
  }

  const onSession = async <T>(mode: Mode, signal: AbortSignal, work: Work<T>): Promise<T> =>
    workOn(await openSession(pool), pool, mode, signal, work)

  /** Works on a session. When the signal is aborted the session is closed, and its statement cancelled. */
  async function workOn<T>(
    { client, release }: Session,
    on: ConnectionPool,
    mode: Mode,
    signal: AbortSignal,
    work: Work<T>,
  ): Promise<T> {
    let begun: { session: string; former?: Former } | undefined
    const hangsUp = () => hangUp(client)
    signal.addEventListener('abort', hangsUp)
    try {
      if (signal.aborted) hangsUp()
      begun = await begin(client, mode)
      return await beforeAbort(signal, work({ ...connectionOn(client, names), replica }))
    } catch (error) {
      // Statements that were sent together may still run.
      if (!isLost(client)) await rollback(client as pg.Client)
      throw signal.aborted ? signal.reason : timeoutOf(error, statementTimeoutMs)
    } finally {
      signal.removeEventListener('abort', hangsUp)
      await end({ client, release }, begun?.former)
      if (signal.aborted && begun) await cancel(on, begun.session)
    }
  }

  async function end({ client, release }: Session, former: Former | undefined): Promise<void> {
    if (!isLost(client)) {
      // The settings of a transaction that is open would end with it.
      if (isInTransaction(client)) await rollback(client as pg.Client)
      if (former) await restoreSession(client, former).catch(() => hangUp(client))
    }
    release(isLost(client))
  }

  /** A server does not notice that a client is gone until the statement ends. */
  async function cancel(on: ConnectionPool, session: string): Promise<void> {
    const other = await openSession(on).catch(() => undefined)
    if (!other) return
    await cancelSession(other.client, session).catch(() => {})
    other.release(isLost(other.client))
  }

  const own = once(() => assertOwnSessions(pool))
  const schema = once(() =>
    onSession('read', NEVER, async ({ client }) => void setLayout(pool, await checkSchema(client))),
  )

  const use =
    (mode: Mode, checks = true) =>
    async <T>(signal: AbortSignal, work: Work<T>): Promise<T> => {
      const endTurn = await turns.take(signal)
      try {
        await own.done()
        if (checks) await schema.done()
        return await onSession(mode, signal, work)
      } catch (error) {
        if (error instanceof WfstoreError && error.code.startsWith('schema_')) schema.forget()
        throw error
      } finally {
        endTurn()
      }
    }

  const read = use('read')
  const reports =
    replica &&
    replicaOn({
      ...replica,
      check: () => assertOwnSessions(replica.replica as ConnectionPool),
    })

  /** On the replica if there is one, else on the primary. A session is released by `reports`. */
  async function report<T>(signal: AbortSignal, work: Work<T>, mayRepeat?: () => boolean) {
    if (!reports) return read(signal, work)
    const endTurn = await turns.take(signal)
    const found = await reports
      .run(({ client }, from) => {
        const session = { client, release: () => {} }
        const on = replica?.replica as ConnectionPool
        return workOn(session, on, 'read', signal, (connection) => work({ ...connection, from }))
      }, mayRepeat)
      .finally(endTurn)
    if ('value' in found) return found.value
    return read(signal, (connection) => work({ ...connection, from: found }))
  }

  let name: string | undefined
  return {
    name: async () => {
      name ??= await read(NEVER, async ({ run }) => {
        const [row] = await run('select current_database() as name', { name: d.text() })
        return row?.name
      })
      return name ?? ''
    },
    read,
    report,
    write: use('write'),
    unchecked: use('write', false),
    load: turns.load,
  }
}

const NEVER = new AbortController().signal

/** Work that is done once, and again after a failure: the database may be right by then. */
function once(work: () => Promise<void>) {
  let doing: Promise<void> | undefined
  const forget = () => {
    doing = undefined
  }
  const done = (): Promise<void> => {
    doing ??= work().catch((error) => {
      forget()
      throw error
    })
    return doing
  }
  return { done, forget }
}

function connectionOn(client: pg.ClientBase, names: StatementNames | undefined): SiteConnection {
  const run: Run = (statement, shape) => query(client, statement, shape, { json: 'text' })
  return { client, run, byId: names ? preparedOn(client, names, run) : run }
}

/** Prepares queries with values. A name that the server refuses in a transaction aborts it: only then the request fails. */
const preparedOn =
  (client: pg.ClientBase, names: StatementNames, run: Run): Run =>
  async (given, shape) => {
    const { text, values } = bound(given)
    const isQuery = values.length > 0 && /^\s*(select|with)\b/.test(text)
    const name = isQuery ? await names.of(text, run) : undefined
    if (name !== undefined) {
      try {
        return await query(client, { text, values }, shape, { name, json: 'text' })
      } catch (error) {
        if (!names.isRefused(error) || isInTransaction(client)) throw error
      }
    }
    return run(given, shape)
  }

/** What the work returns. If the signal is aborted first, the rest of the work is not awaited. */
function beforeAbort<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason)
    if (signal.aborted) abort()
    signal.addEventListener('abort', abort)
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort))
  })
}

/**
 * Settings of a session that is shared with other connections would reach them.
 * @throws WfstoreError usage if a pooler shares them
 */
async function assertOwnSessions(pool: ConnectionPool): Promise<void> {
  const sessions: Session[] = []
  const open = async (): Promise<pg.Client> => {
    const session = await openSession(pool)
    sessions.push(session)
    return session.client as pg.Client
  }
  try {
    await assertDirect(await open(), open)
  } finally {
    // The others are closed.
    for (const [index, { client, release }] of sessions.entries())
      release(index > 0 || isLost(client))
  }
}

/** The SQLSTATE of a statement that was cancelled, for example because it took too long. */
export const CANCELLED = '57014'

/** True for a statement that was cancelled because it took too long. */
export const isTimeout = (error: unknown): boolean =>
  error instanceof WfstoreError && error.sqlState === CANCELLED

function timeoutOf(error: unknown, ms: number): unknown {
  if (sqlStateOf(error) !== CANCELLED) return error
  return new WfstoreError('failed', `the query takes longer than ${ms / 1000} s`, {
    hint: 'ask for a shorter time, or for fewer rows',
    cause: error,
    sqlState: CANCELLED,
    sql: databaseError(error).sql,
  })
}
