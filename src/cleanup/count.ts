import type pg from 'pg'
import * as d from '../db/query/decode.ts'
import { databaseError } from '../db/query/errors.ts'
import { query } from '../db/query/query.ts'
import { sql } from '../db/query/sql.ts'
import { rollback } from '../db/query/transaction.ts'
import { checkSchema } from '../db/schema.ts'
import { checkOptions, cutoffOf } from './cutoff.ts'
import { assertAllFinite } from './finite.ts'
import { isFree, labelsOf, protectedColumns, readGuards, type Scope } from './guards.ts'
import { NO_TRANSACTION_TIMEOUT } from './lock.ts'
import { newestRuns } from './newest.ts'
import { readNewestRun } from './newest-run.ts'
import { CUTOFF, goes, reasons } from './tables.ts'
import type { CleanupCounts, CleanupOptions } from './types.ts'

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
  await checkSchema(client)
  try {
    await client.query(
      `begin isolation level repeatable read read only; set local statement_timeout = 0; set local row_security = off; set local time zone 'UTC'; ${NO_TRANSACTION_TIMEOUT}`,
    )
    const cutoff = await cutoffOf(client, options)
    const newest = options.keepLast ? await newestRuns(client, options.keepLast) : '[]'
    const timeout = `${timeoutMs}ms`
    await query(
      client,
      sql`select set_config('wfstore.cutoff', ${cutoff}, true), set_config('wfstore.newest', ${newest}, true),
              set_config('statement_timeout', ${timeout}, true)`,
      {},
    )
    const scope: Scope = {
      guards: await readGuards(client),
      keepLast: options.keepLast !== undefined,
      together: 'all',
    }
    await assertAllFinite(client, scope)
    const [row] = await query(client, statement(scope), shape)
    const newestRun = await readNewestRun(client, scope.keepLast)
    const [all] = timeoutMs > 0 ? [] : await query(client, ALL, allShape)
    await query(client, 'commit', {})
    const { execution, unbilled, step, audit, metric, runKept, ...rest } = row as d.RowOf<
      typeof shape
    >
    const remove = { execution, step, audit, metric }
    return {
      cutoff,
      remove,
      unbilled,
      newestRun: execution > 0 ? newestRun : null,
      kept: {
        execution: {
          running: rest.running,
          endedLater: rest.endedLater,
          newest: rest.newest,
          protected: rest.runsProtected,
          locked: null,
        },
        audit: { runKept, protected: rest.entriesProtected, locked: null },
        metric: { protected: rest.metricsProtected, locked: null },
        protectedBy: [
          ...labelsOf(scope, 'execution', rest.runsBy),
          ...labelsOf(scope, 'audit', rest.entriesBy),
          ...labelsOf(scope, 'metric', rest.metricsBy),
        ],
        lockedBy: [],
      },
      remain: all
        ? {
            execution: all.execution - execution,
            step: all.step - step,
            audit: all.audit - audit,
            metric: all.metric - metric,
          }
        : null,
    }
  } catch (error) {
    await rollback(client as pg.Client)
    throw databaseError(error, { connection: client })
  }
}
