import type { Layout } from '../distributed/layout.ts'
import type { Queryable } from '../query/connection.ts'
import { isRecoveryConflict, sqlStateOf } from '../query/errors.ts'
import { runOn } from '../query/query.ts'
import { openSession, type Session } from '../query/session.ts'
import { checkSchema } from '../schema.ts'
import { failureOf } from './failure.ts'
import { type Lag, readLag } from './lag.ts'
import { readNote, refusalOf, refusedNote, unusable } from './words.ts'

export interface ReplicaOptions {
  replica: Queryable
  /** What notes call it. */
  label: string
  primary: Queryable
  maxLagMs: number
  /** Checks the connection once, before it is used. */
  check?: (() => Promise<void>) | undefined
}

/** Where an answer is from, for people. `lag` is that of the replica that has answered; without it the primary has. */
export interface ReadFrom {
  note: string
  lag?: Lag
  layout?: Layout
}

export interface Replica {
  /** A session of the replica, if it can be used. The caller releases it. */
  open: () => Promise<{ session?: Session; from: ReadFrom }>
  /** The note if work on a session has failed and the primary does it; undefined if that would fail too. */
  failed: (error: unknown) => string | undefined
  /**
   * Runs work on a session of the replica. Undefined: the primary must answer, because the replica cannot be used, or has cancelled
   * the work twice, or is lost.
   * @param mayRepeat false if the work has begun to answer
   */
  run: <T>(
    work: (session: Session, from: ReadFrom) => Promise<T>,
    mayRepeat?: () => boolean,
  ) => Promise<{ value: T } | ReadFrom>
}

/** A replica that does not answer is not asked again for this time: a connection may take seconds to fail. */
const AWAY_MS = 10_000

export function replicaOn(options: ReplicaOptions): Replica {
  const { replica, label, primary, maxLagMs, check } = options
  let away: { until: number; why: string } | undefined
  let layout: Layout | undefined

  const judge = async (session: Session): Promise<ReadFrom> => {
    const lag = await readLag(runOn(session.client), maxLagMs, async () => runOn(primary))
    const refusal = refusalOf(lag, maxLagMs)
    if (refusal !== undefined) return { note: refusedNote(label, refusal) }
    if (layout === undefined) {
      await check?.()
      layout = await checkSchema(session.client)
    }
    return { note: readNote(label, lag), lag, layout }
  }

  const failed: Replica['failed'] = (error) => {
    const why = failureOf(error)
    return why === undefined ? undefined : refusedNote(label, why)
  }
  const open: Replica['open'] = async () => {
    if (away && performance.now() < away.until) return { from: { note: away.why } }
    away = undefined
    let session: Session | undefined
    try {
      session = await openSession(replica)
      const from = await judge(session)
      if (from.lag) return { session, from }
      session.release(false)
      return { from }
    } catch (error) {
      session?.release(sqlStateOf(error) === undefined)
      const note = refusedNote(label, unusable(error))
      if (!session) away = { until: performance.now() + AWAY_MS, why: note }
      return { from: { note } }
    }
  }

  return {
    open,
    failed,
    run: async (work, mayRepeat = () => true) => {
      for (let attempt = 0; ; attempt++) {
        const { session, from } = await open()
        if (!session) return from
        let broken = false
        try {
          return { value: await work(session, from) }
        } catch (error) {
          broken = sqlStateOf(error) === undefined
          const note = failed(error)
          if (note === undefined || !mayRepeat()) throw error
          if (attempt > 0 || !isRecoveryConflict(error)) return { note }
        } finally {
          session.release(broken)
        }
      }
    },
  }
}
