import { expect, it } from 'vitest'
import { openStore } from '../../src/index.ts'
import { citusUrl } from '../support/citus.ts'
import { openPool } from '../support/database.ts'
import { createMigrated } from '../support/migrated.ts'
import { OF } from './recording.ts'

it('statements of engines are prepared on a pool of the caller, and never on a client of the caller', async () => {
  const database = await createMigrated('named')
  await database.sql(`with run as (insert into workflow_executions (workflow_name, user_id, mode, model_id) select 'w', 'u', 'm', 'm' from generate_series(1, 5000) returning execution_id),
   s as (insert into workflow_steps (execution_id, step_number, step_name) select execution_id, 1, 's' from run), a as (insert into audit_logs (execution_id, user_id, action_type, action_details) select execution_id, 'u', 't', 'd' from run)
   insert into billing_records (user_id, execution_id, model_id, billing_period) select 'u', execution_id, 'm', '2024-12' from run`)
  const pool = openPool({ connectionString: database.url, max: 1 })
  const client = await database.connect()
  await client.query('begin')
  for (const [db, prepared] of [
    // The tables of the coordinator are empty, so a distributed store prepares nothing.
    [pool, citusUrl ? 0 : 1],
    [client, 0],
  ] as const) {
    const store = openStore({ pool: db })
    for (let n = 0; n < 30; n++) await store.startExecution(OF)
    const { rows } = await db.query(
      'select count(*)::int as statements from pg_prepared_statements',
    )
    expect(rows).toEqual([{ statements: prepared }])
  }
  await client.query('commit')
  await client.end()
  const own = openStore({ databaseUrl: database.url })
  for (let n = 0; n < 30; n++) await own.startExecution(OF)
  await own.close()
  await pool.end()
  await database.drop()
})
