import { afterAll, expect, it } from 'vitest'
import { TABLES } from '../../../src/db/adopt/legacy.ts'
import { createDatabase, loadLegacy, type TestDatabase } from '../../support/database.ts'
import { migrate, migrateOn, withClient } from '../../support/migrate.ts'

const databases: TestDatabase[] = []
afterAll(async () => {
  for (const database of databases) await database.drop()
})

async function makeFull(label: string): Promise<TestDatabase> {
  const database = await createDatabase(label)
  databases.push(database)
  await loadLegacy(database, { full: true })
  return database
}

it('the hint for a role that does not own the tables names only their owner', async () => {
  const database = await makeFull('not_owner')
  const role = `${database.name}_role`
  await database.sql(`create role ${role}; grant all on schema public to ${role}`)
  const asRole = withClient(database, async (client) => {
    await client.query(`set role ${role}; set row_security = off`)
    return migrateOn(client)
  })
  const [owner] = await database.sql('select current_user as name')
  await expect(asRole).rejects.toMatchObject({
    code: 'permission_denied',
    message: expect.not.stringContaining('row security'),
    hint: `nothing was changed; to fix this: run it as ${owner?.name}`,
  })
  await database.sql(`drop owned by ${role}; drop role ${role}`)
})

it('policies that hide rows from the owner of the tables too do not stop the statements of the application', async () => {
  const database = await makeFull('forced_owner')
  const role = `${database.name}_owner`
  await database.sql(`create role ${role}; grant all on schema public to ${role}`)
  for (const table of TABLES)
    await database.sql(
      `alter table ${table} owner to ${role}; alter table ${table} force row level security`,
    )
  const { notices } = await migrate(database)
  expect(notices.join('\n')).toContain(
    `warning: ${role}, the owner of workflow_executions, cannot read all rows of billing_records, workflow_executions, workflow_steps:`,
  )
  const id = '00000000-0000-4000-8000-000000000001'
  const totals = await withClient(database, async (client) => {
    await client.query(`set role ${role}; set app.current_user_id = 'user_1'`)
    await client.query(
      `insert into workflow_executions (execution_id, workflow_name, user_id, mode, model_id)
         values ('${id}', 'w', 'user_1', 'Sales', 'm');
       insert into workflow_steps (execution_id, step_id, step_number, step_name) values ('${id}', '${id}', 1, 's');
       update workflow_steps set status = 'success', tokens_used = 5, cost = 0.5 where step_id = '${id}';
       update workflow_executions set status = 'success', total_tokens = 5, total_cost = 0.5 where execution_id = '${id}';
       insert into billing_records (user_id, execution_id, model_id, tokens_total, cost, billing_period)
         values ('user_1', '${id}', 'm', 5, 0.5, '2026-11')`,
    )
    return client.query(
      'select total_tokens::int, total_cost::text from workflow_executions where execution_id = $1',
      [id],
    )
  })
  expect(totals.rows).toEqual([{ total_tokens: 5, total_cost: '0.5' }])
  await database.sql(`drop owned by ${role} cascade; drop role ${role}`)
})
