import { afterAll, beforeAll, expect, it } from 'vitest'
import { runCli } from '../support/cli.ts'
import type { TestDatabase } from '../support/database.ts'
import { createMigrated } from '../support/migrated.ts'

let database: TestDatabase
beforeAll(async () => {
  database = await createMigrated('timeout')
  // Each read of a run takes longer than the limit on any machine.
  await database.sql(
    `insert into workflow_executions (workflow_name, user_id, mode, model_id) values ('w', 'u', 'm', 'x');
     alter table workflow_executions rename to runs;
     create view workflow_executions as select runs.* from runs, lateral (select pg_sleep(60)) as slow;
     alter database ${database.name} set statement_timeout = '200ms'`,
  )
})
afterAll(() => database.drop())

it('a statement that statement_timeout ends says which settings have it, with exit code 1', async () => {
  const { code, stderr } = await runCli(['executions', 'list'], {
    env: { DATABASE_URL: database.url },
  })
  expect(code).toBe(1)
  expect(stderr).toContain('statement timeout; statement_timeout of the role, the database or')
})
