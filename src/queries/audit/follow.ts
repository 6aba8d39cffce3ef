import * as d from '../../db/query/decode.ts'
import type { Run } from '../../db/query/query.ts'
import { WfstoreError } from '../../error.ts'
import { bind, timeBounds, within } from '../table/filter.ts'
import { page } from '../table/page.ts'
import { AUDIT, type AuditEntry, type AuditFilter, auditShape } from './audit.ts'

/** The audit as it grows: every entry that is committed from `start` on comes exactly once. */
export interface AuditFollow {
  /** The newest entries there are, oldest first. Once, before the first `poll`. */
  start: (limit: number) => Promise<AuditEntry[]>
  /**
   * What was committed since the call before, oldest first. A call that failed is repeated, on another connection too,
   * and nothing is lost by it. Never two at once.
   */
  poll: () => Promise<AuditEntry[]>
  /**
   * Whether this role, or a standby, does not tell how long the transactions of others have been open: what one that
   * takes longer than LATE_MINUTES writes is missed.
   */
  isBlind: () => boolean
}

/**
 * An entry is followed where its timestamp is no older than so long before the transaction that writes it began: time for
 * batches and clocks that differ. An import of old entries is not followed.
 */
export const LATE_MINUTES = 5

/**
 * Entries can be seen when they are committed, in another order than that of their timestamps. So each statement asks for
 * what its own snapshot shows and that of the statement before may not have: entries whose transaction is not older than
 * the oldest one that was running then, but for those that are known already.
 *
 * A timestamp bounds how far back the index is read: a transaction that was open then began at the `oldest_start` that
 * was read before that snapshot was taken, or later. That is what the statement before it has read, because a statement
 * takes its snapshot first: whoever commits in between is in neither.
 */
const MOMENT = `
  select pg_snapshot_xmin(pg_current_snapshot())::text as horizon, pg_is_in_recovery() or bool_or(backend_type is null) as blind,
         least(clock_timestamp(), min(xact_start)) - interval '${LATE_MINUTES} minutes' as window_start
  from pg_stat_activity where datname = current_database()`

const momentShape = {
  /** The oldest transaction that was running, without wraparound. */
  horizon: d.text(),
  windowStart: d.time(),
  blind: d.nullable(d.boolean()),
}
const knownShape = { logId: d.uuid(), timestamp: d.time() }

interface State {
  horizon: string
  /** Of the statement before the last, which the next one reads from. */
  from: string
  /** Of the last statement. */
  windowStart: string
}

/** @throws WfstoreError usage for a filter that is none */
export function followAudit(run: Run, { since, until, ...filter }: AuditFilter = {}): AuditFollow {
  /** Timestamps of entries in the window, by id: a row that is changed later is not a new one. */
  const known = new Map<string, string>()
  let state: State | undefined
  let blind = false
  const bounds = timeBounds({ since, until })

  /** Reads the window from `from` on; with `horizon` only what a snapshot may not have shown. */
  async function read<S extends d.Shape>(shape: S, from: string, horizon: string | null) {
    const where = AUDIT.where(filter)
    within(where, 'a.timestamp', bounds)
    where.conditions.push(`a.timestamp >= ${bind(where, from)}::timestamptz`)
    if (horizon !== null) {
      // Ages compare as transactions do, over a wraparound too.
      where.conditions.push(`age(a.xmin) <= age(${bind(where, horizon)}::xid8::xid)`)
    }
    const rows = await run(
      `with m as materialized (${MOMENT})
       select ${d.selectList(momentShape, 'm')}, case when a.log_id is not null then ${d.jsonArrayOf(shape, 'a')} end as entry
       from m left join audit_logs a on ${where.conditions.join(' and ')} order by a.timestamp, a.log_id`,
      where.values,
      { ...momentShape, entry: d.nullable(d.json()) },
    )
    const { horizon: next, windowStart, blind: isBlind } = rows[0] as d.RowOf<typeof momentShape>
    state = { horizon: next, from: state?.windowStart ?? from, windowStart }
    blind ||= isBlind === true
    // The moment comes without an entry where there is none.
    const found = rows.flatMap(({ entry }) => (entry === null ? [] : [entry]))
    return d.decodeArrays(
      shape,
      found.map((entry) => JSON.parse(entry)),
    )
  }

  return {
    async start(limit) {
      const [moment] = await run(
        `select ${d.selectList(momentShape, 'm')} from (${MOMENT}) m`,
        [],
        momentShape,
      )
      const { windowStart } = moment as d.RowOf<typeof momentShape>
      // What is there already is not new when it is changed, or committed beside something that is still open.
      for (const { logId, timestamp } of await read(knownShape, windowStart, null))
        known.set(logId, timestamp)
      const { rows } = await page(run, AUDIT, { ...filter, since, until, limit })
      for (const { logId, timestamp } of rows) known.set(logId, timestamp)
      return rows.reverse()
    },

    async poll() {
      if (!state) throw new WfstoreError('usage', 'poll comes after start')
      const { from, horizon } = state
      const found = await read(auditShape, from, horizon)
      const entries = found.filter(({ logId }) => !known.has(logId))
      for (const { logId, timestamp } of entries) known.set(logId, timestamp)
      for (const [id, timestamp] of known) if (timestamp < from) known.delete(id)
      return entries
    },

    isBlind: () => blind,
  }
}
