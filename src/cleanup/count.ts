import type pg from 'pg'
import * as d from '../db/query/decode.ts'
import { databaseError } from '../db/query/errors.ts'
import { query } from '../db/query/query.ts'
import { sql } from '../db/query/sql.ts'
import { rollback } from '../db/query/transaction.ts'
import { checkSchema } from '../db/schema.ts'
import { checkOptions, cutoffOf } from './cutoff.ts'
import { NO_TRANSACTION_TIMEOUT } from './lock.ts'
import { newestRuns } from './newest.ts'
import { CUTOFF, goes, reasons } from './tables.ts'
import type { CleanupCounts, CleanupOptions } from './types.ts'

const shape = {
  execution: d.count(),
  step: d.count(),
  audit: d.count(),
  metric: d.count(),
  running: d.count(),
  endedLater: d.count(),
  newest: d.count(),
  runKept: d.count(),
}

const statement = (keepLast: boolean) => `
with runs as (
  select count(*) filter (where ${goes('e', keepLast)}) as execution, ${reasons('e')}, count(*) as looked_at
  from workflow_executions e where e.start_time < ${CUTOFF}
), entries as (
  select count(*) filter (where k.execution_id is null) as audit, count(k.execution_id) as run_kept
  from audit_logs a
  left join workflow_executions k on k.execution_id = a.execution_id
    and not (k.start_time < ${CUTOFF} and ${goes('k', keepLast)})
  where a.timestamp < ${CUTOFF}
)
select r.execution, e.audit, e.run_kept, r.running, r.ended_later, r.looked_at - r.execution - r.running - r.ended_later as newest,
  (select count(*) from workflow_steps s join workflow_executions e using (execution_id)
   where e.start_time < ${CUTOFF} and ${goes('e', keepLast)}) as step,
  (select count(*) from observability_metrics m where m.timestamp < ${CUTOFF}) as metric
from runs r, entries e`

/**
 * What a cleanup would remove and keep, of one moment; it changes nothing.
 * @param timeoutMs of each statement; 0 waits as long as it takes
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
    const [row] = await query(client, statement(options.keepLast !== undefined), shape)
    await query(client, 'commit', {})
    const counts = row as d.RowOf<typeof shape>
    const { execution, step, audit, metric, runKept, ...runs } = counts
    return {
      cutoff,
      remove: { execution, step, audit, metric },
      kept: {
        execution: { ...runs, locked: 0 },
        audit: { runKept, locked: 0 },
        metric: { locked: 0 },
      },
    }
  } catch (error) {
    await rollback(client as pg.Client)
    throw databaseError(error, { connection: client })
  }
}
