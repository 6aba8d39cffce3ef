import * as d from '../db/query/decode.ts'
import type { Run } from '../db/query/query.ts'
import { conditionsOf, type TimeLimit } from './table/filter.ts'
import { type List, type ListOptions, type Page, page } from './table/page.ts'

/** SQL: true if a session holds the lock of a cleanup of these tables. */
const CLEANUP_IS_RUNNING = `exists (
  select from pg_locks l, (
    select hashtextextended('wfstore cleanup ' || n.nspname, 0) as key
    from pg_class t join pg_namespace n on n.oid = t.relnamespace where t.oid = 'wfstore_cleanups'::regclass) ours
  where l.locktype = 'advisory' and l.granted and l.objsubid = 1
    and l.database = (select oid from pg_database where datname = current_database())
    and ((l.classid::bigint << 32) | l.objid::bigint) = ours.key)`

/** SQL of the outcome: a cleanup that is 'running' without a lock was killed. */
export const outcomeOf = (alias: string): string =>
  `case when ${alias}.outcome = 'running' and not ${CLEANUP_IS_RUNNING} then 'interrupted' else ${alias}.outcome end`

const isRunning = (alias: string) => `${outcomeOf(alias)} = 'running'`

/** `stopped`: by its time limit or a signal. `interrupted`: killed. */
export type CleanupOutcome = 'running' | 'done' | 'stopped' | 'failed' | 'interrupted'

/** A cleanup. Its counts are exact even if it was killed, because the transactions that delete rows also count them. */
const cleanupShape = {
  cleanupId: d.uuid(),
  /** RFC 3339 in UTC, like the other times. */
  startedAt: d.time(),
  /** Null while it is running and if it was killed. */
  endedAt: d.nullable(d.time()),
  /** Milliseconds, until now while it is running; null if it was killed. */
  durationMs: d.nullable(
    d.number(
      `round(extract(epoch from case when ${isRunning('c')} then greatest(now(), c.started_at) else c.ended_at end - c.started_at) * 1000)`,
    ),
  ),
  /** Rows older than this were removed. */
  cutoff: d.time(),
  keepLast: d.nullable(d.count()),
  outcome: d.word<CleanupOutcome>(outcomeOf('c')),
  executionsRemoved: d.count(),
  stepsRemoved: d.count(),
  auditRemoved: d.count(),
  metricsRemoved: d.count(),
  /** Old rows that foreign keys of an application protected; null if the cleanup did not visit all rows. */
  rowsProtected: d.nullable(d.count()),
  /** The folder, or '-' for a pipe; null without an archive. */
  archive: d.nullable(d.text()),
  errorMessage: d.nullable(d.text()),
}
export type PastCleanup = d.RowOf<typeof cleanupShape>

export interface CleanupFilter {
  /** Cleanups that started at this instant or later. */
  since?: TimeLimit | undefined
  /** Cleanups that started before this instant. */
  until?: TimeLimit | undefined
}

export const CLEANUPS: List<typeof cleanupShape, CleanupFilter> = {
  name: 'cleanups',
  table: 'wfstore_cleanups',
  alias: 'c',
  shape: cleanupShape,
  key: 'startedAt',
  keyType: 'timestamptz',
  id: 'cleanupId',
  order: 'desc',
  where: (filter) => conditionsOf<CleanupFilter>({}, filter),
}

/** Past and running cleanups, newest first. @throws WfstoreError usage */
export const listCleanups = (
  run: Run,
  options: CleanupFilter & ListOptions<PastCleanup> = {},
): Promise<Page<PastCleanup>> => page(run, CLEANUPS, options)
