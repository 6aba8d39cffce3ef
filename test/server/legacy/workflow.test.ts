import type pg from 'pg'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { siteDatabase } from '../../../src/server/database.ts'
import { createDatabase, loadLegacy, openPool, type TestDatabase } from '../../support/database.ts'
import { expectGolden } from '../../support/golden.ts'
import { createAdopted } from '../../support/migrated.ts'
import { oldApplication } from './old-application.ts'
import { type OldSite, oldSite } from './old-site.ts'

/** The same rows twice: in the database of the old application, and adopted. */
let before: TestDatabase
let after: TestDatabase
let old: Awaited<ReturnType<typeof oldApplication>>
let pool: pg.Pool
let site: OldSite

const USER = 'user_5'
const OTHER = 'user_2'

beforeAll(async () => {
  before = await createDatabase('old')
  await loadLegacy(before)
  old = await oldApplication(before)
  after = await createAdopted('old_routes')
  pool = openPool({ connectionString: after.url, max: 4 })
  site = oldSite(pool)
})
afterAll(async () => {
  await pool.end()
  await old.close()
  await before.drop()
  await after.drop()
})

const get = (query: string, user: string | undefined = USER) =>
  site.ask(`/api/workflow?type=${query}`, { user })

/** Fails unless the answer is the old one: all fields, their order, rows and forms. */
async function expectOld(query: string, expected: object, user = USER) {
  const { status, text } = await get(query, user)
  expect(status).toBe(200)
  const wanted = JSON.parse(JSON.stringify({ success: true, ...expected }))
  const given = JSON.parse(text)
  expect(given).toEqual(wanted)
  // The order of the columns is that of the old table.
  expect(outline(given)).toEqual(outline(wanted))
}

/** The names of all members that are not inside JSON columns, in order. */
const outline = (answer: Record<string, unknown>) =>
  Object.entries(answer).map(([name, value]) => {
    const first = Array.isArray(value) ? value[0] : value
    return [name, typeof first === 'object' && first !== null ? Object.keys(first) : []]
  })

const runOf = async (user: string, more = '') => {
  const [run] = await before.sql(
    `select execution_id from workflow_executions e where user_id = $1 ${more} order by start_time limit 1`,
    [user],
  )
  return run?.execution_id as string
}

it('executions are the old rows with 16 fields', async () => {
  await expectOld('executions', await old.executions(USER))
  await expectOld('executions&limit=3', await old.executions(USER, 3))
  const { json } = await get('executions&limit=3')
  const rows = json.executions as object[]
  expect(rows.map((row) => Object.keys(row).length)).toEqual([16, 16, 16])
})

it('an execution is the old row with its old steps', async () => {
  const ids = await before.sql('select execution_id from workflow_executions where user_id = $1', [
    USER,
  ])
  for (const { execution_id: id } of ids)
    await expectOld(`execution&executionId=${id}`, await old.execution(id as string))
})

it('audit entries of an execution are all of them, the oldest first', async () => {
  const id = await runOf(
    USER,
    'and (select count(*) from audit_logs a where a.execution_id = e.execution_id) > 12',
  )
  await expectOld(`audit&executionId=${id}&limit=2`, await old.auditOf(id))
})

it('audit entries and errors are the old rows, the newest first', async () => {
  await expectOld('audit', await old.audit(USER))
  await expectOld('audit&limit=7', await old.audit(USER, 7))
  await expectOld('errors', await old.errors(USER))
  await expectOld('errors', await old.errors('user_8'), 'user_8')
})

it('metrics are the old rows, with both times inclusive', async () => {
  await expectOld('metrics', await old.metrics('user_id = $1', [USER]))
  await expectOld('metrics&limit=2', await old.metrics('user_id = $1', [USER], 2))
  const [first, second] = await before.sql(
    `select metric_type, to_char(timestamp, 'YYYY-MM-DD"T"HH24:MI:SS.US') as at from observability_metrics
     where user_id = $1 order by timestamp desc limit 2`,
    [USER],
  )
  await expectOld(
    `metrics&metricType=${first?.metric_type}&aggregationPeriod=hour`,
    await old.metrics("user_id = $1 and metric_type = $2 and aggregation_period = 'hour'", [
      USER,
      first?.metric_type,
    ]),
  )
  const expected = await old.metrics('user_id = $1 and timestamp between $2 and $3', [
    USER,
    second?.at,
    first?.at,
  ])
  expect(expected.count).toBe(2)
  for (const zone of ['', 'Z', '%2B00:00'])
    await expectOld(`metrics&startTime=${second?.at}${zone}&endTime=${first?.at}${zone}`, expected)
  const none = { metrics: [], count: 0 }
  await expectOld(`metrics&startTime=${first?.at}&endTime=${second?.at}`, none)
  await expectOld('metrics&endTime=2020-01-01', none)
})

it('stats, cost by mode and running runs are the old ones', async () => {
  for (const user of [USER, OTHER, 'user_without_rows']) {
    await expectOld('stats', await old.stats(user), user)
    await expectOld('cost-by-mode', await old.costByMode(user), user)
    await expectOld('running', await old.running(user), user)
  }
})

it('bills are the old rows; only a period has a summary', async () => {
  await expectOld('billing', await old.billing(USER))
  const months = await before.sql(
    'select distinct billing_period as month from billing_records where user_id = $1',
    [USER],
  )
  for (const { month } of months)
    await expectOld(`billing&period=${month}`, await old.billing(USER, month as string))
  await expectOld('billing&period=never', await old.billing(USER, 'never'))
})

it('an amount with more decimal places, a large count and a large number of JSON keep every digit', async () => {
  const id = '00000000-0000-4000-8000-000000000009'
  await after.sql(
    `insert into workflow_executions (execution_id, workflow_name, user_id, mode, model_id, total_cost, total_tokens, metadata)
     values ($1, 'exact', 'user_9', 'Sales', 'gpt-4o', 0.12345678901234567890, 9007199254740993, '{"n": 12345678901234567890.5}')`,
    [id],
  )
  const { text } = await get(`execution&executionId=${id}`, 'user_9')
  expect(text).toContain('"total_cost":"0.12345678901234567890"')
  expect(text).toContain('"total_tokens":9007199254740993,')
  expect(text).toContain('"metadata":{"n": 12345678901234567890.5}')
  const stats = await get('stats', 'user_9')
  expect(stats.text).toMatch(/"totalCost":\d+\.\d{20},/)
})

it('a list without a limit has all rows', async () => {
  await after.sql(
    `insert into workflow_executions (workflow_name, user_id, mode, model_id)
     select 'many', 'user_many', 'Sales', 'gpt-4o' from generate_series(1, 120)`,
  )
  expect((await get('running', 'user_many')).json.count).toBe(120)
  expect((await get('executions', 'user_many')).json.count).toBe(50)
})

it('a long list is streamed, complete, and ends with its client', async () => {
  await after.sql(
    `insert into workflow_executions (workflow_name, user_id, mode, model_id, metadata)
     select 'long', 'user_long', 'Sales', 'gpt-4o', jsonb_build_object('text', repeat('x', 5000)) from generate_series(1, 1700)`,
  )
  const database = siteDatabase(pool)
  const { ask, app, errors } = oldSite(pool, { database })
  const path = '/api/workflow?type=running'
  const { json } = await ask(path, { user: 'user_long' })
  const ids = (json.executions as Record<string, unknown>[]).map(({ execution_id }) => execution_id)
  expect([json.count, new Set(ids).size]).toEqual([1700, 1700])
  const headers = { 'x-user': 'user_long' }
  for (const [method, url] of [
    ['GET', path],
    ['HEAD', path],
    ['HEAD', '/api/v1/executions?user=user_long&limit=all'],
  ] as const) {
    const answer = await app.request(url, { method, headers })
    expect(answer.status).toBe(200)
    await answer.body?.cancel()
    while (database.load().running > 0) await new Promise(setImmediate)
  }
  expect(errors).toEqual([])
})

it('an execution that does not exist is left out', async () => {
  for (const id of [
    '00000000-0000-4000-8000-000000000000',
    'none',
    (await runOf(USER)).slice(0, 8),
  ])
    expect((await get(`execution&executionId=${id}`)).text).toBe('{"success":true,"steps":[]}')
  expect((await get('audit&executionId=none')).text).toBe('{"success":true,"logs":[],"count":0}')
})

it('another user gets no row of a user', async () => {
  const id = await runOf(OTHER)
  for (const query of [`execution&executionId=${id}`, `audit&executionId=${id}`]) {
    const { status, text } = await get(query)
    expect([status, text]).toEqual([403, '{"error":"Forbidden"}'])
  }
  for (const query of ['executions', 'audit', 'errors', 'metrics', 'billing', 'running']) {
    const { json } = await get(query)
    const [rows] = Object.values(json).filter(Array.isArray)
    const users = (rows ?? []).map(({ user_id }) => user_id)
    expect(users.filter((user) => user !== USER)).toEqual([])
  }
})

it('a request without a user, an id, a known type or a valid value is refused', async () => {
  const refused = async (query: string, user?: string) => {
    const { status, text } = await site.ask(`/api/workflow${query}`, { user })
    return [status, text]
  }
  expect(await refused('?type=stats')).toEqual([401, '{"error":"Unauthorized"}'])
  expect(await refused('?type=execution', USER)).toEqual([400, '{"error":"executionId required"}'])
  const types =
    '"executions","execution","audit","errors","metrics","stats","cost-by-mode","billing","running"'
  for (const query of ['', '?type=', '?type=none', '?type=constructor'])
    expect(await refused(query, USER)).toEqual([
      400,
      `{"error":"Invalid type parameter","validTypes":[${types}]}`,
    ])
  expect(await refused('?type=audit&limit=x', USER)).toEqual([
    400,
    '{"success":false,"error":"Bad request","message":"limit is \\"x\\", not a whole number"}',
  ])
  expect((await refused('?type=metrics&startTime=x', USER))[0]).toBe(400)
  expect(site.errors).toEqual([])
})

it('a failure is an answer of the old form, and is reported', async () => {
  const gone = openPool({ connectionString: 'postgresql://nobody@127.0.0.1:1/none' })
  const failing = oldSite(gone)
  const { status, json } = await failing.ask('/api/workflow?type=stats', { user: USER })
  expect(status).toBe(500)
  expect(json).toEqual({
    success: false,
    error: 'Internal server error',
    message: expect.stringMatching(/^cannot connect/),
  })
  expect(failing.errors).toHaveLength(1)
  await gone.end()
})

it.each([
  ['executions', 'executions&limit=3'],
  ['audit', 'audit&limit=3'],
  ['errors', 'errors&limit=2'],
  ['metrics', 'metrics&limit=3'],
  ['stats', 'stats'],
  ['cost-by-mode', 'cost-by-mode'],
  ['billing', 'billing&period=2026-09'],
  ['running', 'running'],
])('the answer to %s is the golden file', async (name, query) => {
  expectGolden(`legacy/${name}.json`, `${(await get(query)).text}\n`)
})
it('the answer to one execution is the golden file', async () => {
  const id = await runOf(USER)
  expectGolden('legacy/execution.json', `${(await get(`execution&executionId=${id}`)).text}\n`)
})

it.each([{}, { userId: '' }, { userId: [USER, OTHER] }, { id: USER }, 'maria'])(
  'a hook that names no user gets no rows: %j',
  async (user) => {
    const careless = oldSite(pool, { userOf: () => user as never })
    for (const type of [
      'executions',
      'audit',
      'errors',
      'metrics',
      'stats',
      'billing',
      'running',
    ]) {
      const { status, json } = await careless.ask(`/api/workflow?type=${type}`)
      expect([status, json.message]).toEqual([500, 'userOf has not returned a user'])
    }
  },
)
