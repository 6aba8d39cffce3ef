import { execFileSync } from 'node:child_process'
import type pg from 'pg'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { fillDemo } from '../../../src/demo/fill.ts'
import { siteDatabase } from '../../../src/server/database.ts'
import type { Site } from '../../../src/server/site.ts'
import { parseExposition } from '../../cli/commands/metrics/exposition.ts'
import { runCli } from '../../support/cli.ts'
import { openPool, type TestDatabase } from '../../support/database.ts'
import { createMigrated } from '../../support/migrated.ts'
import { metricsSite, NOW } from './metrics-site.ts'

let database: TestDatabase
let pool: pg.Pool
beforeEach(async () => {
  database = await createMigrated('server_metrics')
  pool = openPool({ connectionString: database.url, max: 4 })
})
afterEach(async () => {
  await pool.end()
  await database.drop()
})

const started = (on = pool, options: Partial<Site> = {}) => metricsSite(on, options)

async function fill() {
  const client = await database.connect()
  await fillDemo(client, NOW)
  await client.end()
  await runCli(['metrics', 'rollup', '--period', 'hour', '--since', '7d'], {
    env: { DATABASE_URL: database.url },
    now: NOW.toISOString(),
  })
}

it('has everything that the command prints, and the numbers of the server', async () => {
  await fill()
  const { stdout } = await runCli(['metrics', '-o', 'prometheus'], {
    env: { DATABASE_URL: database.url },
    now: NOW.toISOString(),
  })
  const { app, scrape } = started()
  const answer = await app.request('/metrics')
  expect(answer.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8')
  const text = await answer.text()
  expect(text.startsWith(stdout)).toBe(true)
  const names = parseExposition(text).map(({ name }) => name)
  expect(names).toContain('wfstore_token_usage')
  expect(names.slice(-7)).toEqual([
    'wfstore_up',
    'wfstore_build_info',
    'wfstore_start_time_seconds',
    'wfstore_http_requests_total',
    'wfstore_queries_running',
    'wfstore_queries_waiting',
    'wfstore_event_streams',
  ])
  const promtool = process.env.WFSTORE_TEST_PROMTOOL
  if (promtool)
    expect(execFileSync(promtool, ['check', 'metrics'], { input: await scrape() }).toString()).toBe(
      '',
    )
})

it('scrapes of ten seconds cost one query, also at once', async () => {
  const { calls, clock, scrape } = started()
  await Promise.all([scrape(), scrape(), scrape()])
  clock.now = new Date(NOW.getTime() + 9999)
  await scrape()
  expect(calls).toHaveLength(1)
  clock.now = new Date(NOW.getTime() + 10_000)
  await scrape()
  expect(calls).toHaveLength(2)
})

it('counts requests by the class of their status', async () => {
  const { app, value } = started()
  await app.request('/healthz')
  await app.request('/healthz')
  await app.request('/api/v1/none')
  expect(await value('wfstore_http_requests_total', { code: '2xx' })).toBe(2)
  expect(await value('wfstore_http_requests_total', { code: '4xx' })).toBe(1)
  expect(await value('wfstore_http_requests_total', { code: '5xx' })).toBe(0)
})

it('counts the requests that use the database and those that wait', async () => {
  const busy = siteDatabase(pool, { queries: 1 })
  const { value, scrape } = started(pool, { database: busy })
  await scrape()
  const never = new AbortController().signal
  let free = () => {}
  const gate = new Promise<void>((resolve) => {
    free = resolve
  })
  const running = busy.read(never, () => gate)
  const waiting = busy.read(never, async () => {})
  expect(await value('wfstore_queries_running')).toBe(1)
  expect(await value('wfstore_queries_waiting')).toBe(1)
  free()
  await Promise.all([running, waiting])
  expect(await value('wfstore_queries_running')).toBe(0)
})

it('counts the clients of live updates', async () => {
  const { app, value } = started()
  const left = new AbortController()
  const answer = await app.request('/events?page=executions', { signal: left.signal })
  expect(answer.status).toBe(200)
  expect(await value('wfstore_event_streams')).toBe(1)
  left.abort()
  expect(await value('wfstore_event_streams')).toBe(0)
})

it('a store that does not answer is wfstore_up 0, and the next scrape tries again', async () => {
  const gone = openPool({ connectionString: 'postgresql://nobody@127.0.0.1:1/none' })
  const { value, errors, calls } = started(gone)
  expect(await value('wfstore_up')).toBe(0)
  expect(await value('wfstore_up')).toBe(0)
  expect([errors.length, calls.length]).toEqual([2, 0])
  await gone.end()
})

it('labels with quotes, backslashes and line feeds stay what they are', async () => {
  const hostile = 'a"b\\c\nd}e{f'
  await database.sql(
    `insert into observability_metrics (user_id, metric_type, metric_value, timestamp) values ($1, 'cost', 1, $2)`,
    [hostile, new Date(NOW.getTime() - 60_000)],
  )
  const { scrape } = started()
  const [family] = parseExposition(await scrape())
  expect(family?.samples[0]?.labels.user).toBe(hostile)
})

it('requires a caller, and takes no parameter', async () => {
  const closed = started(pool, { access: { authenticate: async () => 'none' } })
  expect((await closed.app.request('/metrics')).status).toBe(401)
  expect(closed.calls).toHaveLength(0)
  expect((await started().app.request('/metrics?user=a')).status).toBe(400)
})
