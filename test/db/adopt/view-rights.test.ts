import type pg from 'pg'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { isFault } from '../../../src/db/verify/compare.ts'
import { verifySchema } from '../../../src/db/verify/verify.ts'
import { createDatabase, loadLegacy, type TestDatabase } from '../../support/database.ts'
import { migrate, withClient } from '../../support/migrate.ts'

let database: TestDatabase
let role: string
let client: pg.Client

beforeEach(async () => {
  database = await createDatabase('view_rights')
  role = `${database.name}_reader`
  client = await database.connect()
  await client.query(`create role ${role}`)
})
afterEach(async () => {
  await client.query(`reset role; drop owned by ${role} cascade; drop role ${role}`)
  await client.end()
  await database.drop()
})

const as = async (who: string, text: string) => {
  await client.query(`set role ${who}`)
  try {
    return (await client.query(text)).rows
  } finally {
    await client.query('reset role')
  }
}
const options = () =>
  database.sql(
    `select relname as name, reloptions as options from pg_class where relnamespace = 'public'::regnamespace and relkind = 'v' order by 1`,
  )
const VIEWS = ['daily_cost_summary', 'user_workflow_summary']
const withOption = (option: string[] | null) => VIEWS.map((name) => ({ name, options: option }))
const faults = async () =>
  (await withClient(database, (one) => verifySchema(one, 'public'))).differences.filter(isFault)

it('a reader of the views needs the tables, and sees the rows that its policies allow', async () => {
  await migrate(database)
  await client.query(`grant select on ${VIEWS.join()} to ${role}`)
  await expect(as(role, 'select from daily_cost_summary')).rejects.toMatchObject({ code: '42501' })
  await client.query(
    `insert into billing_records (user_id, model_id, cost, billing_period) values ('a', 'm', 1, '2024-11'), ('b', 'm', 2, '2024-11');
     grant select on billing_records to ${role};
     alter table billing_records enable row level security; create policy own on billing_records using (user_id = 'a')`,
  )
  expect(await as(role, 'select user_id from daily_cost_summary')).toEqual([{ user_id: 'a' }])
})

it('adopted views that only their owner reads have the rights of their readers', async () => {
  await loadLegacy(database)
  const { notices } = await migrate(database)
  expect(await options()).toEqual(withOption(['security_invoker=true']))
  expect(notices.join('\n')).not.toContain('with the rights of the owner')
})

it('adopted views that another role reads keep the rights of their owner, which a line says', async () => {
  await loadLegacy(database)
  await client.query(`grant select on ${VIEWS.join()} to ${role}`)
  const before = await as(role, 'select count(*) from user_workflow_summary')
  const { notices } = await migrate(database)
  expect(notices).toContain(
    'other roles read daily_cost_summary and user_workflow_summary with the rights of the owner and see the rows of all users, as before',
  )
  expect(await as(role, 'select count(*) from user_workflow_summary')).toEqual(before)
  expect(await options()).toEqual(withOption(['security_invoker=false']))
  expect(await faults()).toEqual([])
})

it('an option that the views of the application have stays', async () => {
  await loadLegacy(database)
  await client.query(
    `grant select on ${VIEWS.join()} to ${role}; alter view daily_cost_summary set (security_invoker = true);
     alter view user_workflow_summary set (security_invoker = true, security_barrier = true)`,
  )
  await migrate(database)
  expect((await options()).map((view) => view.options)).toEqual([
    ['security_invoker=true'],
    ['security_invoker=true', 'security_barrier=true'],
  ])
})

it('CREATE OR REPLACE VIEW removes the option: verify says so, and its fix sets it again', async () => {
  await migrate(database)
  const [view] = await database.sql(`select pg_get_viewdef('daily_cost_summary') as query`)
  await database.sql(`create or replace view daily_cost_summary as ${view?.query}`)
  expect(await faults()).toMatchObject([
    {
      kind: 'view',
      name: 'daily_cost_summary',
      found: 'without security_invoker',
      fix: 'alter view daily_cost_summary set (security_invoker = true);',
    },
  ])
  await database.sql((await faults())[0]?.fix ?? '')
  // Another query with the same columns.
  await database.sql(
    `create or replace view daily_cost_summary as ${String(view?.query).replace('count(*)', 'count(1)')}`,
  )
  const [{ fix = '' } = {}] = await faults()
  await database.sql(fix ?? '')
  expect(await faults()).toEqual([])
  expect(await options()).toEqual(withOption(['security_invoker=true']))
})
