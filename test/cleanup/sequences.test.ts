import { afterAll, beforeAll, expect, it } from 'vitest'
import { runCli } from '../support/cli.ts'
import type { TestDatabase } from '../support/database.ts'
import { createMigrated } from '../support/migrated.ts'

let database: TestDatabase
const role = () => `${database.name}_cleaner`
beforeAll(async () => {
  database = await createMigrated('sequences')
})
afterAll(async () => {
  await database.sql(`drop owned by ${role()} cascade; drop role ${role()}`)
  await database.drop()
})

/** As on the subscriber of logical replication: the rows have ids, but no id was taken from the sequence. */
async function replicate(): Promise<void> {
  await database.sql(`
    truncate usage_history, audit_history, workflow_executions cascade;
    alter sequence usage_history_history_id_seq restart; alter sequence audit_history_history_id_seq restart;
    insert into usage_history overriding system value
      select n, '2024-01-01', 'u', 'w', 'm', 'x', 'success', 1, 1, 1, 1, 1, 0, 0, 0, '2024-01-01' from generate_series(1, 3) as n;
    insert into workflow_executions (workflow_name, user_id, mode, model_id, status, start_time, end_time) values
      ('w', 'u', 'm', 'x', 'success', '2024-02-01', '2024-02-01'), ('w', 'u', 'm', 'x', 'success', now(), now())`)
}
const run = (words: string, url = database.url) =>
  runCli([...words.split(' ')], { env: { DATABASE_URL: url } })
const totals = () =>
  database.sql('select total_executions, total_cost::text as cost from user_workflow_summary')
const SET =
  "select setval('usage_history_history_id_seq', (select max(history_id) from usage_history))"

it('doctor names the tables whose next id is taken, with the statement', async () => {
  await replicate()
  const { stdout } = await run('doctor -o tsv --columns check,state,finding,fix')
  expect(stdout).toContain(
    `sequences\tfailed\tthe sequence of usage_history is behind the rows, as after logical replication: the next insert fails\t${SET}\n`,
  )
  await database.sql(SET)
  expect((await run('doctor -o tsv --columns check,state')).stdout).toContain('sequences\tok\n')
})

it('a cleanup sets the sequences first, and no total moves', async () => {
  await replicate()
  const before = await totals()
  const { code, stderr } = await run('cleanup --days 90 --yes')
  expect(stderr).toContain('the sequence of usage_history was behind its rows')
  expect(code).toBe(0)
  expect(await totals()).toEqual(before)
  expect(await database.sql('select count(*)::int from workflow_executions')).toEqual([
    { count: 1 },
  ])
})

it('a role that may not set them removes nothing and says what the owner does', async () => {
  await replicate()
  await database.sql(
    `create role ${role()} login; grant select, insert, update, delete on all tables in schema public to ${role()}`,
  )
  const url = new URL(database.url)
  url.username = role()
  const clean = () => run('cleanup --days 90 --yes', url.href)
  expect(await clean()).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('run `wfstore doctor` as the owner'),
  })
  await database.sql(`grant select on sequence usage_history_history_id_seq to ${role()}`)
  expect(await clean()).toMatchObject({
    code: 1,
    stderr: expect.stringContaining(`as the owner run: ${SET}`),
  })
  expect(await database.sql('select count(*)::int from workflow_executions')).toEqual([
    { count: 2 },
  ])
  await database.sql(SET)
  expect((await clean()).code).toBe(0)
})
