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
  kind?: 'entry' | 'run' | 'partial'
  message?: string | null
  /** Hours after AT; below 0 is the window before. */
  hour?: number
  user?: string
  workflow?: string
  run?: string
}

export async function fail(
  database: TestDatabase,
  { kind = 'entry', message = 'm', hour = 1, user = 'u', workflow = 'w', run }: Failing,
) {
  const time = `timestamptz '${AT}' + $1 * interval '1 hour'`
  if (kind === 'entry') {
    await database.sql(
      `insert into audit_logs (timestamp, user_id, action_type, action_details, success, error_message, execution_id)
       values (${time}, $2, 'tool_call', 'details', false, $3, $4)`,
      [hour, user, message, run],
    )
  } else {
    await database.sql(
      `insert into workflow_executions (start_time, user_id, workflow_name, mode, model_id, status, error_message, execution_id)
       values (${time}, $2, $3, 'm', 'x', $4, $5, coalesce($6::uuid, gen_random_uuid()))`,
      [hour, user, workflow, kind === 'run' ? 'failed' : 'partial', message, run],
    )
  }
}

export const clear = (database: TestDatabase) =>
  database.sql('delete from audit_logs; delete from workflow_executions')
