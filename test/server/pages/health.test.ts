import { afterAll, beforeAll, expect, it } from 'vitest'
import { createDatabase, type TestDatabase } from '../../support/database.ts'
import { createMigrated } from '../../support/migrated.ts'
import { textIn } from './reading.ts'
import { openSite, type TestSite } from './support.ts'

const MISSING = 'workflow_executions_start_idx is missing'

let database: TestDatabase
let site: TestSite
let now = new Date()

beforeAll(async () => {
  database = await createMigrated('pages_health')
  site = openSite(database, { now: () => now })
})
afterAll(async () => {
  await site.close()
  await database.drop()
})

const read = async (from: TestSite, path = '/health') => {
  const answer = await from.get(path)
  return { status: answer.status, body: await answer.text() }
}
const later = (seconds: number) => {
  now = new Date(now.getTime() + seconds * 1000)
}
/** The texts below the headings of the page. */
const sectionsOf = (body: string) =>
  Object.fromEntries(
    [...body.matchAll(/<section><h2>([^<]*)<\/h2>(.*?)<\/section>/gs)].map(
      ([, head = '', content = '']) => [head, textIn(content)],
    ),
  )

it('groups the findings by severity with their fixes, and has facts of the server and the schema', async () => {
  await database.sql('drop index workflow_executions_start_idx')
  await database.sql(
    `insert into workflow_executions (workflow_name, user_id, mode, model_id, status, start_time, updated_at)
     values ('<b>w</b>', 'u', 'm', 'model', 'running', now() - interval '2 days', now() - interval '2 days')`,
  )
  const { status, body } = await read(site)
  expect(status).toBe(200)
  const sections = sectionsOf(body)
  expect(Object.keys(sections)).toEqual(['Failed', 'Warnings', 'Passed', 'Server and schema'])
  expect(sections.Failed).toContain(MISSING)
  expect(sections.Failed).toContain('wfstore migrate verify')
  expect(sections.Warnings).toContain('<b>w</b>')
  expect(sections['Server and schema']).toMatch(
    /PostgreSQL \d+\.\d+ Answers in .* Role wfstore Schema public Newest migration \d+_/,
  )
  expect(textIn(body)).toMatch(/\d checks? failed, \d warnings?/)
})

it('the same answer is given for ten seconds, then the checks run again', async () => {
  await database.sql(
    'create index workflow_executions_start_idx on workflow_executions (start_time, execution_id)',
  )
  later(9)
  expect(sectionsOf((await read(site)).body).Failed).toContain(MISSING)
  later(2)
  expect(textIn((await read(site)).body)).not.toContain(
    'index workflow_executions_start_idx is missing',
  )
})

it('readers that come at once share one run of the checks, also if the first of them leaves', async () => {
  later(60)
  const first = new AbortController()
  const url = 'http://localhost/health'
  const left = Promise.resolve(site.fetch(new Request(url, { signal: first.signal })))
  const others = Array.from({ length: 5 }, () => read(site))
  first.abort()
  const pages = await Promise.all(others)
  await left.catch(() => {})
  expect(new Set(pages.map(({ body }) => body)).size).toBe(1)
  expect(pages[0]?.body).not.toContain('could not be checked')
})

it('checks that take long are run once, however many readers come meanwhile', async () => {
  later(60)
  const client = await database.connect()
  await client.query('begin; lock table workflow_executions')
  const first = read(site)
  while (site.database.load().running === 0) await new Promise(setImmediate)
  later(60)
  const second = read(site)
  await new Promise(setImmediate)
  expect(site.database.load()).toEqual({ running: 1, waiting: 0 })
  await client.end()
  expect((await second).body).toBe((await first).body)
})

it('with a role that may only read it says what it may not do, and what it could not check', async () => {
  await database.sql(`
    create role pages_health_reader login;
    grant select on workflow_executions, wfstore_migrations, wfstore_settings, usage_history to pages_health_reader`)
  const url = new URL(database.url)
  url.username = 'pages_health_reader'
  const other = openSite({ url: url.href })
  const { status, body } = await read(other)
  expect(status).toBe(200)
  const sections = sectionsOf(body)
  expect(sections.Failed).toContain('role pages_health_reader may not read')
  expect(sections.Failed).toContain('grant usage on schema public to pages_health_reader')
  expect(sections['Not checked']).toContain('could not be checked: ')
  await other.close()
  await database.sql('drop owned by pages_health_reader; drop role pages_health_reader')
})

it('of a database without a schema it is a page too, which says how to create one', async () => {
  const empty = await createDatabase('pages_health_empty')
  const other = openSite(empty)
  const { status, body } = await read(other)
  expect(status).toBe(200)
  expect(sectionsOf(body).Failed).toContain('wfstore migrate up')
  expect(sectionsOf(body).Passed).toContain('server')
  await other.close()
  await empty.drop()
})

it('of a server that cannot be reached it is a page with status 503', async () => {
  const other = openSite({ url: 'postgresql://wfstore@127.0.0.1:1/none' })
  const { status, body } = await read(other)
  expect(status).toBe(503)
  expect(body).toContain('aria-current="page">Health</a>')
  await other.close()
})

it('the limits of the session stay as they were', async () => {
  later(60)
  const settings = await site.database.read(new AbortController().signal, async ({ client }) => {
    await read(site)
    return (await client.query('show statement_timeout')).rows
  })
  expect(settings).toEqual([{ statement_timeout: '30s' }])
})

it.each([
  ['full=maybe', 'Full is "maybe", not true or false'],
  ['fll=true', 'This page has no parameter fll. Use full'],
])('%s is a page with status 400', async (query, text) => {
  const { status, body } = await read(site, `/health?${query}`)
  expect(status).toBe(400)
  expect(textIn(body)).toContain(text)
})
