import * as d from '../../db/query/decode.ts'
import { type Queryable, query } from '../../db/query/query.ts'
import { type Finding, finding } from './finding.ts'
import { OUR_TABLES, type Subject } from './subject.ts'
import { counted, enumerate, someOf, span } from './words.ts'

const THIS_DATABASE = '(select oid from pg_database where datname = current_database())'

/** A session in words; its state is NULL where this role may not see it. */
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
const readWaits = (database: Queryable, { schema, tables }: Subject) =>
  // Waits shorter than deadlock_timeout are daily life; the server logs only longer ones, too.
  query(
    database,
    `with waiting as (
       select l.pid, min(l.waitstart) as since from pg_locks l
       where not l.granted and l.pid <> pg_backend_pid() and exists (
         select from pg_locks t join ${OUR_TABLES} ours on ours.oid = t.relation
         where t.pid = l.pid and t.locktype = 'relation' and t.database = ${THIS_DATABASE})
       group by l.pid
     )
     select w.pid, ${label('a')} as name, extract(epoch from clock_timestamp() - w.since) * 1000 as waited_ms,
            b.pid as blocker, ${label('h')} as blocker_name, b.pid in (select pid from waiting) as blocker_waits
     from waiting w
     left join lateral unnest(pg_blocking_pids(w.pid)) as b (pid) on true
     left join pg_stat_activity a on a.pid = w.pid
     left join pg_stat_activity h on h.pid = b.pid
     where clock_timestamp() - w.since >= current_setting('deadlock_timeout')::interval
     order by w.since, w.pid, b.pid`,
    [schema, tables],
    waitShape,
  )

/** Sessions that let nobody else touch a table: a change of the schema, VACUUM FULL, LOCK TABLE. */
const readClosed = (database: Queryable, { schema, tables }: Subject) =>
  query(
    database,
    `select l.pid, ${label('a')} as name, string_agg(ours.relname, ', ' order by ours.relname) as tables
     from pg_locks l
     join ${OUR_TABLES} ours on ours.oid = l.relation
     left join pg_stat_activity a using (pid)
     where l.granted and l.mode = 'AccessExclusiveLock' and l.pid <> pg_backend_pid() and l.database = ${THIS_DATABASE}
     group by l.pid, 2 order by l.pid`,
    [schema, tables],
    { pid: d.count(), name: d.text(), tables: d.text() },
  )

/** Who waits for whom. */
export async function lookAtLocks(database: Queryable, subject: Subject): Promise<Finding> {
  const waits = await readWaits(database, subject)
  const closed = await readClosed(database, subject)
  const details = { waits, closed }
  if (waits.length + closed.length === 0)
    return finding('locks', 'ok', 'nobody waits for a lock on the tables', { details })
  const waiting = waits.map(
    ({ pid, name, waitedMs, blocker, blockerName }) =>
      `pid ${pid} (${name}) for ${span(waitedMs)}${blocker ? `, held up by pid ${blocker} (${blockerName})` : ''}`,
  )
  const sessions = new Set(waits.map(({ pid }) => pid)).size
  const texts = [
    ...closed.map(
      ({ pid, name, tables }) => `pid ${pid} (${name}) has closed ${tables} to everyone else`,
    ),
    ...(sessions > 0
      ? [
          `${counted(sessions, 'session')} ${sessions === 1 ? 'waits' : 'wait'} for a lock: ${someOf(waiting, waiting.length)}`,
        ]
      : []),
  ]
  // Whoever waits as well is not the cause.
  const roots = waits.filter(({ blocker, blockerWaits }) => blocker && !blockerWaits)
  const pids = new Set([...closed.map(({ pid }) => pid), ...roots.map(({ blocker }) => blocker)])
  const mend = [...pids].map((pid) => `select pg_terminate_backend(${pid})`).join('; ')
  return finding('locks', 'warning', enumerate(texts), { mend: mend || null, details })
}
