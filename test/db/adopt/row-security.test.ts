import pg from 'pg'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { createDatabase, loadLegacy, type TestDatabase } from '../../support/database.ts'
import { migrate } from '../../support/migrate.ts'

let database: TestDatabase
let role: string
let session: pg.Client

beforeAll(async () => {
  database = await createDatabase('adopt_rls')
  role = `${database.name}_app`
  await loadLegacy(database, { full: true })
  await database.sql(`create role ${role} login;
    grant select, insert, update, delete on all tables in schema public to ${role}`)
  const url = new URL(database.url)
  url.username = role
  session = new pg.Client({ connectionString: url.href })
  await session.connect()
  await session.query("set app.current_user_id = 'user_1'")
})
afterAll(async () => {
  await session.end()
  await database.sql(`drop owned by ${role} cascade; drop role ${role}`)
  await database.drop()
})

/** What the pages of the application show to one user. */
const PAGES = [
  'select count(*)::int, sum(total_cost)::numeric(20, 6)::text from workflow_executions',
  'select count(*)::int, sum(cost)::numeric(20, 6)::text from workflow_steps',
  'select count(*)::int, count(action)::int as actions from audit_logs',
  'select count(*)::int, sum(cost)::numeric(20, 6)::text from billing_records',
  `select user_id, total_executions::int, total_cost::numeric(20, 6)::text, total_tokens::int from user_workflow_summary order by 1`,
  `select user_id, date::text, model_id, record_count::int from daily_cost_summary order by 1, 2, 3`,
]
const pages = async () => {
  const rows = []
  for (const page of PAGES) rows.push((await session.query(page)).rows)
  return rows
}

it('a session of the application sees after adoption the rows and summaries that it saw before', async () => {
  const before = await pages()
  expect(before.flat().length).toBeGreaterThan(PAGES.length)
  await migrate(database)
  expect(await pages()).toEqual(before)
  await expect(session.query('select * from usage_history')).rejects.toMatchObject({
    code: '42501',
  })
})
