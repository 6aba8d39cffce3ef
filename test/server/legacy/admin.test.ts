import type pg from 'pg'
import { afterEach, expect, it } from 'vitest'
import { createDatabase, loadLegacy, openPool, type TestDatabase } from '../../support/database.ts'
import { createAdopted, createAdoptedFull, createMigrated } from '../../support/migrated.ts'
import { type OldSite, oldSite } from './old-site.ts'

const OLD_TABLES = [
  'workflow_executions',
  'workflow_steps',
  'audit_logs',
  'observability_metrics',
  'billing_records',
]
const SETUP = '/api/setup/workflow-tables'
const CLEANUP = { method: 'POST', body: '{"action":"cleanup","daysToKeep":90}' }

const opened: { database: TestDatabase; pool: pg.Pool }[] = []
afterEach(async () => {
  for (const { database, pool } of opened.splice(0)) {
    await pool.end()
    await database.drop()
  }
})

function siteOf(database: TestDatabase): OldSite {
  const pool = openPool({ connectionString: database.url, max: 4 })
  opened.push({ database, pool })
  return oldSite(pool)
}

async function withNewRun(database: TestDatabase): Promise<TestDatabase> {
  await database.sql(
    `insert into workflow_executions (workflow_name, user_id, mode, model_id, start_time, end_time, status)
     values ('new', 'user_1', 'Sales', 'gpt-4o', now(), now(), 'success')`,
  )
  return database
}

it('an administrator cleans up, and the totals of all users stay', async () => {
  const database = await withNewRun(await createAdopted('old_cleanup'))
  const site = siteOf(database)
  const old = `< now() - interval '90 days'`
  const [counts] = await database.sql(
    `select (select count(*)::int from workflow_executions where end_time ${old} and status <> 'running') as executions,
            (select count(*)::int from observability_metrics where timestamp ${old}) as metrics,
            (select count(*)::int from audit_logs a left join workflow_executions e using (execution_id)
             where a.timestamp ${old} and (e.execution_id is null or e.end_time ${old} and e.status <> 'running')) as logs`,
  )
  const users = await database.sql('select distinct user_id as id from workflow_executions')
  const statsOf = (type: string) =>
    Promise.all(
      users.map(
        async ({ id }) =>
          (await site.ask(`/api/workflow?type=${type}`, { user: id as string })).json,
      ),
    )
  const before = [await statsOf('stats'), await statsOf('cost-by-mode')]
  const { status, json } = await site.ask('/api/workflow', { user: 'admin', ...CLEANUP })
  expect(status).toBe(200)
  expect(json).toEqual({
    success: true,
    message: 'Cleaned up records older than 90 days',
    executionsDeleted: counts?.executions,
    logsDeleted: counts?.logs,
    metricsDeleted: counts?.metrics,
  })
  expect(counts?.executions).toBeGreaterThan(10)
  const after = [await statsOf('stats'), await statsOf('cost-by-mode')]
  // The average of removed runs is computed from their sum, so its last digit may differ.
  const rounded = (value: unknown) =>
    JSON.parse(JSON.stringify(value), (_, member) =>
      typeof member === 'number' ? Number(member.toPrecision(12)) : member,
    )
  expect(rounded(after)).toEqual(rounded(before))
  expect(await database.sql('select count(*)::int as bills from billing_records')).toEqual([
    { bills: 149 },
  ])
})

it('a cleanup keeps 90 days if none are given, and refuses other actions and values', async () => {
  const site = siteOf(await withNewRun(await createMigrated('old_cleanup')))
  const post = (body: string) => site.ask('/api/workflow', { user: 'admin', method: 'POST', body })
  const invalid = '{"error":"Invalid action","validActions":["cleanup"]}'
  for (const body of ['', '{', '[]', 'null', '{"action":"drop"}'])
    expect((await post(body)).text).toBe(invalid)
  for (const days of ['0', '-1', '1.5', '"x"', 'null'])
    expect((await post(`{"action":"cleanup","daysToKeep":${days}}`)).status).toBe(400)
  expect((await post('{"action":"cleanup"}')).json.message).toBe(
    'Cleaned up records older than 90 days',
  )
  expect((await post('{"action":"cleanup","daysToKeep":"30"}')).json.message).toBe(
    'Cleaned up records older than 30 days',
  )
  const large = await site.app.request('/api/workflow', {
    method: 'POST',
    headers: { 'x-user': 'admin' },
    body: JSON.stringify({ action: 'cleanup', more: 'x'.repeat(2_000_000) }),
  })
  expect(large.status).toBe(413)
})

it('a cleanup that would remove the newest run is refused', async () => {
  const database = await createMigrated('old_cleanup')
  await database.sql(
    `insert into workflow_executions (workflow_name, user_id, mode, model_id, start_time, end_time, status)
     values ('old', 'user_1', 'Sales', 'gpt-4o', '2024-01-01', '2024-01-01', 'success')`,
  )
  const { status, json } = await siteOf(database).ask('/api/workflow', {
    user: 'admin',
    ...CLEANUP,
  })
  expect([status, json.success, json.error]).toEqual([409, false, 'Conflict'])
  expect(await database.sql('select count(*)::int as runs from workflow_executions')).toEqual([
    { runs: 1 },
  ])
})

it('only an administrator cleans up and sets up', async () => {
  const site = siteOf(await createMigrated('old_rights'))
  for (const [path, asked] of [
    ['/api/workflow', CLEANUP],
    [SETUP, {}],
    [SETUP, { method: 'POST' }],
  ] as const) {
    expect(await site.ask(path, asked)).toMatchObject({
      status: 401,
      text: '{"error":"Unauthorized"}',
    })
    expect(await site.ask(path, { ...asked, user: 'user_1' })).toMatchObject({
      status: 403,
      text: '{"error":"Forbidden"}',
    })
  }
})

it('a page of another site makes the browser of an administrator change nothing', async () => {
  const site = siteOf(await createMigrated('old_sites'))
  const asking = (method: string, headers: Record<string, string>) =>
    site.ask(SETUP, { user: 'admin', method, headers: { host: 'app.example', ...headers } })
  const link = { 'sec-fetch-mode': 'navigate' }
  for (const [method, headers] of [
    ['GET', { 'sec-fetch-site': 'cross-site', ...link }],
    ['GET', { 'sec-fetch-site': 'same-site', ...link }],
    ['GET', { 'sec-fetch-site': 'cross-site' }],
    ['POST', { 'sec-fetch-site': 'cross-site' }],
    ['POST', { origin: 'https://evil.example' }],
    ['POST', { origin: 'null' }],
  ] as const)
    expect((await asking(method, headers)).status).toBe(403)
  for (const [method, headers] of [
    ['GET', { 'sec-fetch-site': 'same-origin' }],
    ['GET', { 'sec-fetch-site': 'none', ...link }],
    ['POST', { 'sec-fetch-site': 'same-origin' }],
    ['POST', { origin: 'https://app.example' }],
  ] as const)
    expect((await asking(method, headers)).status).toBe(200)
})

it('the set-up creates the tables of an empty database, and verifies them', async () => {
  const site = siteOf(await createDatabase('old_setup'))
  const missing = await site.ask(SETUP, { user: 'admin', method: 'POST' })
  expect(missing.json).toMatchObject({ success: true, migrationComplete: false })
  expect(missing.json.tables).toEqual(
    Object.fromEntries(OLD_TABLES.map((name) => [name, { exists: false, rowCount: 0 }])),
  )
  const { status, json } = await site.ask(SETUP, { user: 'admin' })
  expect(status).toBe(200)
  expect(json).toMatchObject({
    success: true,
    message: 'The workflow tables are created',
    tables_created: OLD_TABLES,
    views_created: ['user_workflow_summary', 'daily_cost_summary'],
  })
  expect(json.indexes_created).toContain('workflow_executions_pkey')
  expect(json.triggers_created).toContain('update_workflow_executions_updated_at')
  const again = await site.ask(SETUP, { user: 'admin' })
  expect(again.json.message).toBe('The workflow tables are already up to date')
  const verified = await site.ask(SETUP, { user: 'admin', method: 'POST' })
  expect(verified.json).toEqual({
    success: true,
    migrationComplete: true,
    tables: Object.fromEntries(OLD_TABLES.map((name) => [name, { exists: true, rowCount: 0 }])),
    message: 'The workflow tables are complete',
  })
})

it.each([false, true])('the set-up adopts an old database (full: %s)', async (full) => {
  const database = await createDatabase('old_setup')
  await loadLegacy(database, { full })
  const site = siteOf(database)
  const old = await site.ask(SETUP, { user: 'admin', method: 'POST' })
  expect(old.json).toMatchObject({
    migrationComplete: false,
    tables: { billing_records: { exists: true } },
  })
  const { json } = await site.ask(SETUP, { user: 'admin' })
  expect(json).toMatchObject({ success: true, message: 'The workflow tables are adopted' })
  const { json: verified } = await site.ask(SETUP, { user: 'admin', method: 'POST' })
  expect(verified.migrationComplete).toBe(true)
  expect(verified.tables).toMatchObject({
    workflow_executions: { exists: true, rowCount: 160 },
    audit_logs: { exists: true, rowCount: 1775 },
  })
})

it('a set-up that fails says why and what to do', async () => {
  const database = await createDatabase('old_setup')
  await loadLegacy(database)
  await database.sql('alter table workflow_steps drop column duration_ms')
  const site = siteOf(database)
  const { status, json } = await site.ask(SETUP, { user: 'admin' })
  expect(status).toBe(500)
  expect(json).toEqual({
    success: false,
    error: expect.stringContaining('duration_ms'),
    hint: expect.any(String),
    details: 'schema_differs',
  })
})

it('a user of a full installation gets the own rows in spite of its policies', async () => {
  const site = siteOf(await createAdoptedFull('old_full'))
  const { json } = await site.ask('/api/workflow?type=executions', { user: 'user_1' })
  expect(json.count).toBeGreaterThan(5)
})

it('without a hook the routes do not exist', async () => {
  const database = await createMigrated('old_none')
  const pool = openPool({ connectionString: database.url })
  opened.push({ database, pool })
  const { app } = oldSite(pool, { userOf: undefined })
  expect((await app.request('/api/workflow?type=stats')).status).toBe(404)
})
