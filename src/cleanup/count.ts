import type pg from 'pg'
import * as d from '../db/query/decode.ts'
import { databaseError } from '../db/query/errors.ts'
import { query } from '../db/query/query.ts'
import { rollback } from '../db/query/transaction.ts'
import { checkSchema } from '../db/schema.ts'
import { checkOptions, cutoffOf } from './cutoff.ts'
import { assertAllFinite } from './finite.ts'
import { isFree, labelsOf, protectedColumns, readGuards, type Scope } from './guards.ts'
import { newestRunReader } from './newest-run.ts'
import { type CleanupPlace, storeOf } from './place.ts'
import { BEGIN_PLAN, readPlan } from './snapshot.ts'
import { CUTOFF, goes, reasons, type Walked } from './tables.ts'
import type { Cleaned, CleanupCounts, CleanupOptions, Removed } from './types.ts'

const shape = {
  execution: d.count(),
  unbilled: d.count(),
  step: d.count(),
  audit: d.count(),
  metric: d.count(),
  running: d.count(),
  endedLater: d.count(),
  newest: d.count(),
  runKept: d.count(),
  runsProtected: d.count(),
  runsBy: d.jsonText(),
  entriesProtected: d.count(),
  entriesBy: d.jsonText(),
  metricsProtected: d.count(),
  metricsBy: d.jsonText(),
}

/** A run of `alias` that goes. */
const leaves = (alias: string, scope: Scope) =>
  `${goes(alias, scope.keepLast)}${isFree(scope, 'execution', alias)}`

const statement = (scope: Scope) => `
with runs as (
  select count(*) filter (where ${leaves('e', scope)}) as execution, ${reasons('e')},
    count(*) filter (where ${leaves('e', scope)} and not exists (
      select from billing_records b where b.execution_id = e.execution_id)) as unbilled, count(*) as looked_at,
    ${protectedColumns(scope, 'execution', 'e', goes('e', scope.keepLast))}
  from workflow_executions e where e.start_time < ${CUTOFF}
), entries as (
  select count(*) filter (where k.execution_id is null) as old, count(k.execution_id) as run_kept,
    ${protectedColumns(scope, 'audit', 'a', 'k.execution_id is null')}
  from audit_logs a
  left join workflow_executions k on k.execution_id = a.execution_id
    and not (k.start_time < ${CUTOFF} and ${leaves('k', scope)})
  where a.timestamp < ${CUTOFF}
), metrics as (
  select count(*) as old, ${protectedColumns(scope, 'metric', 'm', 'true')}
  from observability_metrics m where m.timestamp < ${CUTOFF}
)
select r.execution, r.unbilled, e.old - e.protected as audit, e.run_kept, r.running, r.ended_later,
  r.looked_at - r.execution - r.running - r.ended_later - r.protected as newest,
  (select count(*) from workflow_steps s join workflow_executions e using (execution_id)
   where e.start_time < ${CUTOFF} and ${leaves('e', scope)}) as step,
  m.old - m.protected as metric,
  r.protected as runs_protected, r.protected_by as runs_by, e.protected as entries_protected,
  e.protected_by as entries_by, m.protected as metrics_protected, m.protected_by as metrics_by
from runs r, entries e, metrics m`

const ALL = `
  select (select count(*) from workflow_executions) as execution, (select count(*) from workflow_steps) as step,
    (select count(*) from audit_logs) as audit, (select count(*) from observability_metrics) as metric`

const allShape = { execution: d.count(), step: d.count(), audit: d.count(), metric: d.count() }

/**
 * Counts what a cleanup would remove and keep, in one snapshot. It changes nothing.
 * @param timeoutMs limit per statement; 0 means no limit
 * @throws WfstoreError usage, schema_missing, schema_behind, schema_ahead
 * @internal
 */
export async function countCleanup(
  client: pg.ClientBase,
  options: CleanupOptions,
  timeoutMs = 0,
): Promise<CleanupCounts> {
  checkOptions(options)
  const store = await storeOf(client, await checkSchema(client))
  const { keepLast } = options
  try {
    await client.query(BEGIN_PLAN)
    const cutoff = await cutoffOf(client, options)
    const scope: Scope = {
      guards: await readGuards(store),
      keepLast: keepLast !== undefined,
      together: 'all',
    }
    const newestRun = await newestRunReader(store, scope.keepLast)
    const read = async (place: CleanupPlace): Promise<Part> => {
      await assertAllFinite(place, scope)
      const [row] = await query(place.on, statement(scope), shape)
      const newest = await newestRun(place)
      const [all] = timeoutMs > 0 ? [] : await query(place.on, ALL, allShape)
      return { counts: row as Counts, newest, all }
    }
    const parts = await readPlan(store, { cutoff, keepLast }, read, timeoutMs)
    await query(client, 'commit', {})
    return { cutoff, ...countsOf(parts, scope) }
  } catch (error) {
    await rollback(client as pg.Client)
    throw databaseError(error, { connection: client })
  }
}

type Counts = d.RowOf<typeof shape>

/** The counts of one place. */
interface Part {
  counts: Counts
  newest: CleanupCounts['newestRun']
  all: Removed | undefined
}

type Counted = { [Name in keyof Counts as Counts[Name] extends number ? Name : never]: number }

function countsOf(parts: readonly Part[], scope: Scope): Omit<CleanupCounts, 'cutoff'> {
  const sum = (name: keyof Counted) => parts.reduce((all, { counts }) => all + counts[name], 0)
  const left = (kind: Cleaned) =>
    parts.reduce((rest, { all, counts }) => rest + (all?.[kind] ?? 0) - counts[kind], 0)
  const labels = (kind: Walked['kind'], name: 'runsBy' | 'entriesBy' | 'metricsBy') =>
    parts.flatMap(({ counts }) => labelsOf(scope, kind, counts[name]))
  const remove = eachKind(sum)
  return {
    remove,
    unbilled: sum('unbilled'),
    newestRun: remove.execution > 0 ? (parts.find(({ newest }) => newest)?.newest ?? null) : null,
    kept: {
      execution: {
        running: sum('running'),
        endedLater: sum('endedLater'),
        newest: sum('newest'),
        protected: sum('runsProtected'),
        locked: null,
      },
      audit: { runKept: sum('runKept'), protected: sum('entriesProtected'), locked: null },
      metric: { protected: sum('metricsProtected'), locked: null },
      protectedBy: [
        ...new Set([
          ...labels('execution', 'runsBy'),
          ...labels('audit', 'entriesBy'),
          ...labels('metric', 'metricsBy'),
        ]),
      ],
      lockedBy: [],
    },
    remain: parts.every(({ all }) => all) ? eachKind(left) : null,
  }
}

const eachKind = (of: (kind: Cleaned) => number): Removed => ({
  execution: of('execution'),
  step: of('step'),
  audit: of('audit'),
  metric: of('metric'),
})
