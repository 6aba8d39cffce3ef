import { query } from '../../src/db/query/query.ts'
import type { ExecutionRecorder } from '../../src/record/recorder/types.ts'
import { openPool, type TestDatabase } from '../support/database.ts'
import { createMigrated } from '../support/migrated.ts'
import { onLayout } from '../support/on-layout.ts'

export const OF = {
  workflowName: 'Weekly digest',
  userId: 'user_1',
  mode: 'Admin',
  modelId: 'gpt-4o',
}

export const step = (recorder: ExecutionRecorder, stepNumber = 1) =>
  recorder.startStep({ stepNumber, stepName: `step ${stepNumber}` })

type OfExecution = { executionId: string }

/** A store of its own, recorded in over 20 connections, and what it holds of one run. */
export async function createRecording(label: string) {
  const database: TestDatabase = await createMigrated(label)
  const pool = openPool({ connectionString: database.url, max: 20 })
  // A connection that a test ends while it is idle is no error of the test.
  pool.on('error', () => {})
  const recording = {
    database,
    /** Statements that were sent: each is one round trip. */
    sent: 0,
    run: onLayout((statement, shape) => {
      recording.sent++
      return query(pool, statement, shape)
    }),
    one: async (text: string, ...values: unknown[]) => (await database.sql(text, values))[0],
    runOf: ({ executionId }: OfExecution) =>
      recording.one(
        `select status, total_cost::text as cost, total_tokens::int as tokens, steps_completed as done, steps_failed as failed
         from workflow_executions where execution_id = $1`,
        executionId,
      ),
    billsOf: ({ executionId }: OfExecution) =>
      database.sql(
        `select cost::text, tokens_total::int as tokens, tokens_input::int as input, tokens_output::int as output,
                tokens_cache_read::int as cache_read, paid, user_id, model_id, billing_period
         from billing_records where execution_id = $1`,
        [executionId],
      ),
    entriesOf: async ({ executionId }: OfExecution) =>
      (
        await database.sql(
          `select action_type || ' ' || count(*) as entry from audit_logs where execution_id = $1 group by action_type order by 1`,
          [executionId],
        )
      ).map(({ entry }) => entry),
    everything: ({ executionId }: OfExecution) =>
      database.sql(
        `select (select to_jsonb(e) from workflow_executions e where execution_id = $1) as run,
           (select jsonb_agg(s order by step_id) from workflow_steps s where execution_id = $1) as steps,
           (select jsonb_agg(a order by log_id) from audit_logs a where execution_id = $1) as entries,
           (select jsonb_agg(b order by billing_id) from billing_records b where execution_id = $1) as bills`,
        [executionId],
      ),
    drop: async () => {
      await pool.end()
      await database.drop()
    },
  }
  return recording
}
