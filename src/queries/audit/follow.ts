import { byLayout } from '../../db/distributed/by-layout.ts'
import type { Layout } from '../../db/distributed/layout.ts'
import * as d from '../../db/query/decode.ts'
import type { Run } from '../../db/query/query.ts'
import { join, raw, type Sql, sql } from '../../db/query/sql.ts'
import { WfstoreError } from '../../error.ts'
import { timeBounds, within } from '../table/filter.ts'
import { page } from '../table/page.ts'
import { AUDIT, type AuditEntry, type AuditFilter, auditShape } from './audit.ts'

/** New audit entries: each entry that is committed after `start` is returned exactly once. */
export interface AuditFollow {
  /** The newest existing entries, oldest first. Call it once, before the first `poll`. */
  start: (limit: number) => Promise<AuditEntry[]>
  /**
   * The entries that were committed since the previous call, oldest first. Repeat a failed call, also on another
   * connection: no entry is lost. Do not make two calls at the same time.
   */
  poll: () => Promise<AuditEntry[]>
  /**
   * True if the age of other transactions is unknown, to this role or on a standby. Then entries of transactions that
   * take longer than LATE_MINUTES are missed.
   */
  isBlind: () => boolean
}

/**
 * An entry is followed if its timestamp is at most this much older than the start of its transaction. That leaves time for
 * batches and different clocks. An import of old entries is not followed.
 */
export const LATE_MINUTES = 5

/**
 * Entries become visible at commit, not in the order of their timestamps. So each statement reads the entries that the
 * snapshot of the previous statement may not have shown: those of transactions that are not older than the oldest
 * transaction running at that time. Known entries are skipped.
 *
 * A timestamp limits how far back the index is read. A transaction that was running at the previous snapshot started at
 * `window_start` of the statement before that, or later. It must be that one, because a statement takes its snapshot
 * before it reads pg_stat_activity: a transaction that commits between the two is in neither.
 */
const MOMENT = `
  select pg_snapshot_xmin(pg_current_snapshot())::text as horizon, pg_is_in_recovery() or bool_or(backend_type is null) as blind,
         least(clock_timestamp(), min(xact_start)) - interval '${LATE_MINUTES} minutes' as window_start
  from pg_stat_activity where datname = current_database()`

const momentShape = {
  /** The id of the oldest running transaction, without wraparound. */
  horizon: d.text(),
  windowStart: d.time(),
  blind: d.nullable(d.boolean()),
}
const knownShape = { logId: d.uuid(), timestamp: d.time() }

interface State {
  horizon: string
  /** `windowStart` of the statement before the last one: the next statement reads from here. */
  from: string
  /** `windowStart` of the last statement. */
  windowStart: string
}

/** @throws WfstoreError usage for an unknown filter */
export function followAudit(run: Run, { since, until, ...filter }: AuditFilter = {}): AuditFollow {
  /** Timestamps of the entries in the window, by id: a row that changes later is not a new entry. */
  const known = new Map<string, string>()
  let state: State | undefined
  let blind = false
  const bounds = timeBounds({ since, until })
  // An unknown filter is refused at once.
  const ofFilter = AUDIT.where(filter)

  /**
   * SQL: the previous snapshot may not have shown the row. The transactions of shards have ids of their nodes: there the known
   * entries are left out.
   */
  const isUnseen = (layout: Layout, horizon: string): Sql =>
    layout === 'single'
      ? // age() compares transaction ids correctly after a wraparound too.
        sql`age(a.xmin) <= age(${horizon}::xid8::xid)`
      : sql`a.log_id <> all(${[...known.keys()]}::uuid[])`

  /** Reads the window that begins at `from`; with `horizon` only entries that the previous snapshot may not have shown. */
  async function read<S extends d.Shape>(shape: S, from: string, horizon: string | null) {
    const entry = raw(`json_build_array(${d.jsonArrayOf(shape, 'a')})`)
    const statement = (layout: Layout) => {
      const conditions = [
        ...ofFilter,
        ...within('a.timestamp', bounds),
        sql`a.timestamp >= ${from}::timestamptz`,
        ...(horizon === null ? [] : [isUnseen(layout, horizon)]),
      ]
      return sql`with m as materialized (${raw(MOMENT)})
       select ${raw(d.selectList(momentShape, 'm'))}, case when a.log_id is not null then ${entry} end as entry
       from m left join (select * from audit_logs a where ${join(conditions, ' and ')}) a on true
       order by a.timestamp, a.log_id`
    }
    const rows = await run(byLayout(statement), {
      ...momentShape,
      entry: d.nullable(d.rows(shape)),
    })
    const { horizon: next, windowStart, blind: isBlind } = rows[0] as d.RowOf<typeof momentShape>
    state = { horizon: next, from: state?.windowStart ?? from, windowStart }
    blind ||= isBlind === true
    // Without entries there is one row, with the moment only.
    return rows.flatMap(({ entry }) => entry ?? [])
  }

  return {
    async start(limit) {
      const [moment] = await run(
        `select ${d.selectList(momentShape, 'm')} from (${MOMENT}) m`,
        momentShape,
      )
      const { windowStart } = moment as d.RowOf<typeof momentShape>
      // An existing entry is not new if it changes later, or if its transaction overlaps one that is still running.
      for (const { logId, timestamp } of await read(knownShape, windowStart, null))
        known.set(logId, timestamp)
      const { rows } = await page(run, AUDIT, { ...filter, since, until, limit })
      for (const { logId, timestamp } of rows) known.set(logId, timestamp)
      return rows.reverse()
    },

    async poll() {
      if (!state) throw new WfstoreError('usage', 'poll was called before start')
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
