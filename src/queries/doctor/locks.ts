import type { Queryable } from '../../db/query/connection.ts'
import * as d from '../../db/query/decode.ts'
import { query } from '../../db/query/query.ts'
import { raw, sql } from '../../db/query/sql.ts'
import { formatDuration, plural } from '../../numbers.ts'
import { type Finding, finding } from './finding.ts'
import { ourTables, type Subject } from './subject.ts'
import { enumerate, someOf } from './words.ts'

const THIS_DATABASE = '(select oid from pg_database where datname = current_database())'

/** A session in words; its state is NULL if this role may not see it. */
const label = (alias: string) =>
  `coalesce(nullif(${alias}.application_name, ''), 'no application_name') || coalesce(', ' || ${alias}.state, '')`

const waitShape = {
  pid: d.count(),
  name: d.text(),
  waitedMs: d.number(),
  /** 0 is a prepared transaction. */
  blocker: d.nullable(d.count()),
  blockerName: d.nullable(d.text()),
  blockerWaits: d.nullable(d.boolean()),
}

/** Sessions that use our tables and wait for a lock. */
const readWaits = (database: Queryable, subject: Subject) =>
  // Waits shorter than deadlock_timeout are normal; log_lock_waits does not report them either.
  query(
    database,
    sql`with waiting as (
       select l.pid, min(l.waitstart) as since from pg_locks l
       where not l.granted and l.pid <> pg_backend_pid() and exists (
         select from pg_locks t join ${ourTables(subject)} ours on ours.oid = t.relation
         where t.pid = l.pid and t.locktype = 'relation' and t.database = ${raw(THIS_DATABASE)})
       group by l.pid
     )
     select w.pid, ${raw(label('a'))} as name, extract(epoch from clock_timestamp() - w.since) * 1000 as waited_ms,
            b.pid as blocker, ${raw(label('h'))} as blocker_name, b.pid in (select pid from waiting) as blocker_waits
     from waiting w
     left join lateral unnest(pg_blocking_pids(w.pid)) as b (pid) on true
     left join pg_stat_activity a on a.pid = w.pid
     left join pg_stat_activity h on h.pid = b.pid
     where clock_timestamp() - w.since >= current_setting('deadlock_timeout')::interval
     order by w.since, w.pid, b.pid`,
    waitShape,
  )

/** Sessions with an exclusive lock on a table: a schema change, VACUUM FULL, LOCK TABLE. */
const readExclusive = (database: Queryable, subject: Subject) =>
  query(
    database,
    sql`select l.pid, ${raw(label('a'))} as name, string_agg(ours.relname, ', ' order by ours.relname) as tables
     from pg_locks l
     join ${ourTables(subject)} ours on ours.oid = l.relation
     left join pg_stat_activity a using (pid)
     where l.granted and l.mode = 'AccessExclusiveLock' and l.pid <> pg_backend_pid() and l.database = ${raw(THIS_DATABASE)}
     group by l.pid, 2 order by l.pid`,
    { pid: d.count(), name: d.text(), tables: d.text() },
  )

/** Finds sessions that wait for a lock on our tables, and the sessions that block them. */
export async function inspectLocks(database: Queryable, subject: Subject): Promise<Finding> {
  const waits = await readWaits(database, subject)
  const exclusive = await readExclusive(database, subject)
  const details = { waits, exclusive }
  if (waits.length + exclusive.length === 0)
    return finding('locks', 'ok', 'no session waits for a lock', { details })
  const waiting = waits.map(
    ({ pid, name, waitedMs, blocker, blockerName }) =>
      `pid ${pid} (${name}) for ${formatDuration(waitedMs)}${blocker ? `, blocked by pid ${blocker} (${blockerName})` : ''}`,
  )
  const sessions = new Set(waits.map(({ pid }) => pid)).size
  const texts = [
    ...exclusive.map(
      ({ pid, name, tables }) => `pid ${pid} (${name}) holds an exclusive lock on ${tables}`,
    ),
    ...(sessions > 0
      ? [
          `${plural(sessions, 'session')} ${sessions === 1 ? 'waits' : 'wait'} for a lock: ${someOf(waiting, waiting.length)}`,
        ]
      : []),
  ]
  // A session that waits itself is not the cause.
  const roots = waits.filter(({ blocker, blockerWaits }) => blocker && !blockerWaits)
  const pids = new Set([...exclusive.map(({ pid }) => pid), ...roots.map(({ blocker }) => blocker)])
  const fix = [...pids].map((pid) => `select pg_terminate_backend(${pid})`).join('; ')
  return finding('locks', 'warning', enumerate(texts), { fix: fix || null, details })
}
