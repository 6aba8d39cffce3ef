import * as d from '../query/decode.ts'
import type { Run } from '../query/query.ts'
import { sql } from '../query/sql.ts'

/**
 * How far a database is behind the primary. `ms` is the most it can be: the time since the last commit that it has replayed, or 0
 * if it has replayed everything that the primary had written when it was asked.
 */
export type Lag =
  | { ms: number /** What keeps it behind, if that is known. */; because?: string | undefined }
  /** Why it is not known. */
  | { unknown: string }

/** Everything is qualified, because the schema of the replica is checked afterwards. */
const STATE = `
select standby, age,
  case when standby then pg_catalog.pg_get_wal_replay_pause_state() operator(pg_catalog.<>) 'not paused' else false end as paused,
  exists (select from pg_catalog.pg_stat_wal_receiver) as receives
from (select pg_catalog.pg_is_in_recovery() as standby, pg_catalog.date_part('epoch',
  pg_catalog.clock_timestamp() operator(pg_catalog.-) pg_catalog.pg_last_xact_replay_timestamp()) as age) as state`

export const PAUSED = 'its replay is paused'
export const NO_STANDBY: Lag = { unknown: 'it is not a standby' }

/**
 * Judges how far behind a database is. On a primary where nothing is written, the time since the last commit grows although
 * nothing is missing. So if that is more than allowed, the primary is asked for its position in the log. (What the receiver of a
 * standby reports does not suffice: it knows its own sender, which may be gone, or itself a standby that is behind.)
 * @param primary opens the primary; called only if it must be asked
 */
export async function readLag(
  replica: Run,
  maxLagMs: number,
  primary: () => Promise<Run>,
): Promise<Lag> {
  const [state] = await replica(STATE, {
    standby: d.boolean(),
    age: d.nullable(d.number()),
    paused: d.boolean(),
    receives: d.boolean(),
  })
  if (!state?.standby) return NO_STANDBY
  // The clocks of two servers differ.
  const age = state.age === null ? undefined : Math.max(0, state.age * 1000)
  if (age !== undefined && age <= maxLagMs) return { ms: age }
  const position = await primary()
    .then(readPosition)
    .catch(() => undefined)
  if (position && (await hasReached(replica, position))) return { ms: 0 }
  if (age === undefined) return { unknown: 'it has replayed no transaction since its start' }
  const because = state.paused
    ? PAUSED
    : state.receives
      ? undefined
      : 'it receives nothing from the primary'
  return { ms: age, because }
}

/** A position in the write-ahead log of a primary. */
interface Position {
  /** Identifies the cluster, which its replicas share. */
  system: string
  /** Changes when a standby is promoted. */
  timeline: string
  lsn: string
  /** The first transaction that had not ended. */
  xmax: string
}

async function readPosition(run: Run): Promise<Position | undefined> {
  const [position] = await run(
    `select (select system_identifier from pg_catalog.pg_control_system()) as system, lsn,
       pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot())::pg_catalog.text as xmax,
       pg_catalog.left(pg_catalog.pg_walfile_name(lsn), 8) as timeline
     from (select pg_catalog.pg_current_wal_lsn() as lsn) as current`,
    { system: d.text(), timeline: d.text(), lsn: d.text(), xmax: d.text() },
  )
  return position
}

/** How often a replica is asked whether it has reached a position, and the seconds between. What it lacks is often on its way. */
const ASKED = 10
const BETWEEN_S = 0.05

/**
 * Whether a replica has replayed a position: of the same cluster, and on the same timeline, because a server that was promoted
 * continues with other content from the same position. All transactions that had ended there suffice: a primary that only reads
 * may write a part of a record, such as a page with a hint, and the rest of it much later.
 */
async function hasReached(
  replica: Run,
  { system, timeline, lsn, xmax }: Position,
): Promise<boolean> {
  const shape = { same: d.boolean(), reached: d.boolean() }
  for (let asked = 0; asked < ASKED; asked++) {
    const [row] = await replica(
      sql`select (select system_identifier::pg_catalog.text from pg_catalog.pg_control_system()) operator(pg_catalog.=) ${system}
        and pg_catalog.upper(pg_catalog.lpad(pg_catalog.to_hex(greatest(
          (select timeline_id from pg_catalog.pg_control_checkpoint()),
          (select min_recovery_end_timeline from pg_catalog.pg_control_recovery()),
          (select received_tli from pg_catalog.pg_stat_wal_receiver))), 8, '0')) operator(pg_catalog.=) ${timeline} as same,
        (pg_catalog.pg_last_wal_replay_lsn() operator(pg_catalog.>=) ${lsn}::pg_catalog.pg_lsn
          or pg_catalog.pg_snapshot_xmin(pg_catalog.pg_current_snapshot()) operator(pg_catalog.>=) ${xmax}::pg_catalog.xid8) as reached
      from pg_catalog.pg_sleep(${asked === 0 ? 0 : BETWEEN_S})`,
      shape,
    )
    if (!row?.same) return false
    if (row.reached) return true
  }
  return false
}
