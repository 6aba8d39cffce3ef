import type pg from 'pg'
import { query, type Run } from '../../src/db/query/query.ts'
import { startExecution } from '../../src/record/recorder/recorder.ts'
import type { ExecutionRecorder } from '../../src/record/recorder/types.ts'
import { uuidv7 } from '../../src/uuid.ts'
import { waitingOnNodes } from './citus.ts'
import { openPool, type TestDatabase } from './database.ts'
import { onLayout } from './on-layout.ts'

export interface Connections {
  run: Run
  pool: pg.Pool
  /** The number of batch statements sent, and the most that ran at the same time. */
  sent: () => number
  mostAtOnce: () => number
  close: () => Promise<void>
}

/** The environment of a batch, with a count of its statements. */
export function connections(url: string): Connections {
  const pool = openPool({ connectionString: url, max: 8, application_name: 'engine' })
  // Some tests end the connection.
  pool.on('error', () => {})
  const send = onLayout((statement, shape) => query(pool, statement, shape))
  let sent = 0
  let active = 0
  let most = 0
  return {
    pool,
    run: async (statement, shape) => {
      sent++
      most = Math.max(most, ++active)
      try {
        return await send(statement, shape)
      } finally {
        active--
      }
    },
    sent: () => sent,
    mostAtOnce: () => most,
    close: () => pool.end(),
  }
}

/** In the order of their ids, which differs from the order in the table. */
export async function startRuns(run: Run, count: number): Promise<ExecutionRecorder[]> {
  const of = { workflowName: 'w', userId: 'u', mode: 'm', modelId: 'gpt-4o' }
  const ids = Array.from({ length: count }, () => uuidv7(Date.now())).sort()
  const runs: ExecutionRecorder[] = []
  for (const executionId of ids.reverse())
    runs.unshift(await startExecution(run, { ...of, executionId }))
  return runs
}

/** Runs whose totals, bill or audit do not match their steps. There must never be one. */
export const falseBooks = (database: TestDatabase) =>
  database.sql(`
    select e.execution_id, to_jsonb(e) as run, s.*, b.*, a.*
    from workflow_executions e
    cross join lateral (
      select coalesce(sum(cost), 0) as cost, coalesce(sum(tokens_used), 0) as tokens, count(*) as steps,
        sum(tokens_input) as input, sum(tokens_cache_read) as cache,
        count(*) filter (where status = 'success') as done, count(*) filter (where status = 'failed') as failed
      from workflow_steps where execution_id = e.execution_id) s
    cross join lateral (
      select count(*) filter (where corrects is null) as bills, sum(cost) as billed, sum(tokens_total) as billed_tokens, sum(tokens_input) as billed_input,
        sum(tokens_cache_read) as billed_cache
      from billing_records where execution_id = e.execution_id) b
    cross join lateral (
      select count(*) as ends, coalesce(sum(cost), 0) as ends_cost from audit_logs
      where execution_id = e.execution_id and action_type = 'step_end') a
    where (e.total_cost, e.total_tokens, e.steps_completed, e.steps_failed) <> (s.cost, s.tokens, s.done, s.failed)
      or (a.ends, a.ends_cost) <> (s.steps, s.cost) or b.bills <> (e.status <> 'running')::int
      or e.status <> 'running' and (b.billed, b.billed_tokens, b.billed_input, b.billed_cache)
        is distinct from (s.cost, s.tokens::numeric, s.input, s.cache)`)

/** Resolves to the session of an engine that waits for a lock, once there is one. */
export async function waitingEngine(database: TestDatabase): Promise<number> {
  for (;;) {
    const [row] = await database.sql(
      `select pid from pg_stat_activity
       where datname = current_database() and application_name = 'engine' and (wait_event_type = 'Lock' or pid = any($1))`,
      [await waitingOnNodes(database.sql)],
    )
    if (row) return row.pid as number
  }
}
