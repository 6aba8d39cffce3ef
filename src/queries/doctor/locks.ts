import type { Queryable } from '../../db/query/connection.ts'
import * as d from '../../db/query/decode.ts'
import { raw, sql } from '../../db/query/sql.ts'
import { formatDuration, plural } from '../../numbers.ts'
import { type DoctorFinding, finding } from './finding.ts'
import { everywhere, lockedTables, session } from './nodes.ts'
import type { Subject } from './subject.ts'
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
  everywhere(
    database,
    subject,
    sql`with waiting as (
       select l.pid, min(l.waitstart) as since from pg_locks l
       where not l.granted and l.pid <> pg_backend_pid() and exists (
         select from pg_locks t join ${lockedTables(subject)} ours on ours.oid = t.relation
         where t.pid = l.pid and t.locktype = 'relation' and t.database = ${raw(THIS_DATABASE)})
       group by l.pid
     )
     select ${session('a', subject)} as pid, ${raw(label('a'))} as name, extract(epoch from clock_timestamp() - w.since) * 1000 as waited_ms,
            case when b.pid > 0 then ${session('h', subject)} else b.pid end as blocker, ${raw(label('h'))} as blocker_name, b.pid in (select pid from waiting) as blocker_waits
     from waiting w
     left join lateral unnest(pg_blocking_pids(w.pid)) as b (pid) on true
     left join pg_stat_activity a on a.pid = w.pid
     left join pg_stat_activity h on h.pid = b.pid
     where clock_timestamp() - w.since >= current_setting('deadlock_timeout')::interval
     order by w.since, w.pid, b.pid`,
    waitShape,
  )

/** The holders of an exclusive lock on a table: a schema change, VACUUM FULL, LOCK TABLE. */
const readExclusive = (database: Queryable, subject: Subject) =>
  everywhere(
    database,
    subject,
    sql`select ${session('a', subject)} as pid, case when l.pid is null then format('prepared transaction %s', p.gid)
                           else format('pid %s (%s)', ${session('a', subject)}, ${raw(label('a'))}) end as holder,
            string_agg(distinct ours.name, ', ' order by ours.name) as tables,
            extract(epoch from clock_timestamp() - coalesce(p.prepared, a.xact_start)) * 1000 as age_ms,
            case when l.pid is null then format('rollback prepared %L', p.gid)
                 else format('select pg_terminate_backend(%s)', ${session('a', subject)}) end as fix
     from pg_locks l
     join ${lockedTables(subject)} ours on ours.oid = l.relation
     left join pg_stat_activity a using (pid)
     left join pg_prepared_xacts p on l.pid is null and l.virtualtransaction = '-1/' || p.transaction
     where l.granted and l.mode = 'AccessExclusiveLock' and l.pid is distinct from pg_backend_pid() and l.database = ${raw(THIS_DATABASE)}
     group by 1, holder, age_ms, fix order by 1`,
    {
      pid: d.nullable(d.count()),
      holder: d.text(),
      tables: d.text(),
      /** NULL if this role may not see it. */
      ageMs: d.nullable(d.number()),
      fix: d.text(),
    },
  )

/** Finds sessions that wait for a lock on our tables, and the sessions that block them. */
export async function inspectLocks(database: Queryable, subject: Subject): Promise<DoctorFinding> {
  const waits = await readWaits(database, subject)
  // A lock of a table of a distributed store is held on every node.
  const held = await readExclusive(database, subject)
  const exclusive = held.filter(
    ({ fix, tables }, place) =>
      held.findIndex((one) => one.fix === fix && one.tables === tables) === place,
  )
  const details = { waits, exclusive: exclusive.map(({ fix: _, ...row }) => row) }
  if (waits.length + exclusive.length === 0)
    return finding('locks', 'ok', 'no session waits for a lock', { details })
  const waiting = waits.map(
    ({ pid, name, waitedMs, blocker, blockerName }) =>
      `pid ${pid} (${name}) for ${formatDuration(waitedMs)}${blocker ? `, blocked by pid ${blocker} (${blockerName})` : ''}`,
  )
  const sessions = new Set(waits.map(({ pid }) => pid)).size
  const texts = [
    ...exclusive.map(
      ({ holder, tables, ageMs }) =>
        `${holder} holds an exclusive lock on ${tables}${ageMs === null ? '' : `, in a transaction of ${formatDuration(ageMs)}`}: no other session can read or write`,
    ),
    ...(sessions > 0
      ? [
          `${plural(sessions, 'session')} ${sessions === 1 ? 'waits' : 'wait'} for a lock: ${someOf(waiting, waiting.length)}`,
        ]
      : []),
  ]
  // A session that waits itself is not the cause.
  const roots = waits.filter(({ blocker, blockerWaits }) => blocker && !blockerWaits)
  const ends = roots.map(({ blocker }) => `select pg_terminate_backend(${blocker})`)
  const fix = [...new Set([...exclusive.map(({ fix }) => fix), ...ends])].join('; ')
  // A schema change holds such a lock for an instant, which is no problem.
  const closed = exclusive.some(
    ({ ageMs }) => ageMs === null || ageMs >= subject.limits.exclusiveMs,
  )
  return finding('locks', closed ? 'failed' : 'warning', enumerate(texts), {
    fix: fix || null,
    details,
  })
}
