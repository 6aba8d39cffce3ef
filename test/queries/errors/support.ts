import { randomUUID } from 'node:crypto'
import { query, type Run } from '../../../src/db/query/query.ts'
import type { TestDatabase } from '../../support/database.ts'

/** Runs each statement on a connection of its own, so it reads the settings of the database again. */
export const runOn =
  (database: () => TestDatabase): Run =>
  async (statement, shape) => {
    const client = await database().connect()
    try {
      return await query(client, statement, shape)
    } finally {
      await client.end()
    }
  }

/** Where the window of these failures begins. */
export const AT = '2026-11-20T00:00:00.000000Z'
export const DAY = { since: AT, until: '2026-11-21T00:00:00Z' }

export interface Failing {
  status?: 'failed' | 'partial' | 'cancelled' | 'success'
  message?: string | null
  /** Hours after AT; below 0 is the window before. */
  hour?: number
  user?: string
  workflow?: string
  run?: string
  /** The error messages of its failed steps, each with the audit entries that the recorder writes. */
  steps?: (string | null)[]
}

/** A run with its steps, and a failed audit entry for the end of each and of the run. */
export async function fail(
  database: TestDatabase,
  {
    status = 'failed',
    message = 'm',
    hour = 1,
    user = 'u',
    workflow = 'w',
    run = randomUUID(),
    steps = [],
  }: Failing,
) {
  const time = `timestamptz '${AT}' + $1 * interval '1 hour'`
  await database.sql(
    `insert into workflow_executions (start_time, user_id, workflow_name, mode, model_id, status, error_message, execution_id, steps_failed)
     values (${time}, $2, $3, 'm', 'x', $4, $5, $6, $7)`,
    [hour, user, workflow, status, message, run, steps.length],
  )
  await database.sql(
    `insert into audit_logs (timestamp, user_id, action_type, action_details, success, error_message, execution_id)
     values (${time}, $2, 'workflow_end', 'details', $3, $4, $5)`,
    [hour, user, status === 'success', message, run],
  )
  for (const [index, error] of steps.entries()) {
    const step = randomUUID()
    await database.sql(
      `insert into workflow_steps (execution_id, step_id, step_number, step_name, tool_name, status, error_message)
       values ($1, $2, $3, $4, $5, 'failed', $6)`,
      [run, step, index + 1, `step ${index + 1}`, `tool ${index + 1}`, error],
    )
    for (const action of ['tool_call', 'step_end'])
      await database.sql(
        `insert into audit_logs (timestamp, user_id, action_type, action_details, success, error_message, execution_id, step_id)
         values (${time}, $2, $3, 'details', false, $4, $5, $6)`,
        [hour, user, action, error, run, step],
      )
  }
}

export const clear = (database: TestDatabase) =>
  database.sql(
    'delete from audit_logs; delete from workflow_executions; delete from usage_history; delete from audit_history',
  )
