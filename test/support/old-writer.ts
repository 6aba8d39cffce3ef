import { randomUUID } from 'node:crypto'
import { EventEmitter, once } from 'node:events'
import type pg from 'pg'
import type { TestDatabase } from './database.ts'

export interface OldWriter {
  /** Ids of the runs whose rows, one in each of the five tables, the server has acknowledged. */
  written: string[]
  /** Resolves when this many more runs are complete; rejects if a statement fails. */
  more: (runs: number) => Promise<void>
  stop: () => Promise<void>
}

/** Writes runs with the statements of the old application, each in its own transaction, one after the other. */
export async function startOldWriter(database: TestDatabase): Promise<OldWriter> {
  const client = await database.connect()
  const progress = new EventEmitter()
  const written: string[] = []
  let stopped = false
  const work = (async () => {
    while (!stopped) {
      const id = randomUUID()
      await writeRun(client, id)
      written.push(id)
      progress.emit('written')
    }
  })()
  // The waiting caller gets the error.
  work.catch(() => {})
  return {
    written,
    more: async (runs) => {
      const wanted = written.length + runs
      while (written.length < wanted) await Promise.race([once(progress, 'written'), work])
    },
    stop: async () => {
      stopped = true
      await work
      await client.end()
    },
  }
}

/** The run's id is that of each of its rows. */
async function writeRun(client: pg.Client, id: string): Promise<void> {
  const now = () => new Date().toISOString()
  await client.query(
    `insert into workflow_executions (execution_id, workflow_name, workflow_type, user_id, mode, model_id, start_time,
       status, total_cost, total_tokens, steps_total, steps_completed, steps_failed, metadata)
     values ($1, 'live', 'autonomous', 'live', 'Sales', 'm', $2, 'running', 0, 0, 1, 0, 0, '{}') returning *`,
    [id, now()],
  )
  for (const text of Object.values(OLD_INSERTS)) await client.query(text, [id, id, now()])
  await client.query(
    `update workflow_steps set status = 'success', end_time = $2, tokens_used = 100, cost = 0.012345 where step_id = $1 returning *`,
    [id, now()],
  )
  await client.query(
    `update workflow_executions set status = 'success', end_time = $2, total_cost = '0.012345', total_tokens = 100,
       steps_completed = 1 where execution_id = $1 returning *`,
    [id, now()],
  )
}

/** The tables other than workflow_executions. Values: the id of the run and of its step; the id of the row; a time. */
export const OLD_INSERTS = {
  workflow_steps: `insert into workflow_steps (execution_id, step_id, start_time, step_number, step_name, status)
    values ($1, $2, $3, 1, 'live', 'running') returning *`,
  audit_logs: `insert into audit_logs (execution_id, step_id, log_id, timestamp, user_id, action_type, action_details)
    values ($1, $1, $2, $3, 'live', 'tool_call', 'd') returning *`,
  observability_metrics: `insert into observability_metrics (metric_id, timestamp, user_id, metric_type, metric_value, dimensions)
    values ($2, $3, 'live', 'cost', 12.3456, jsonb_build_object('run', $1::uuid)) returning *`,
  billing_records: `insert into billing_records (execution_id, billing_id, timestamp, user_id, model_id, tokens_total,
      cost, billing_period) values ($1, $2, $3, 'live', 'm', 100, 0.012345, '2026-11') returning *`,
}
