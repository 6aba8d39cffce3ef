// Clients that leave, ask too much or stay, on a database that is slow or away.
import { once } from 'node:events'
import { connect } from 'node:net'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { runCli } from '../../../support/cli.ts'
import { endSessions, type TestDatabase } from '../../../support/database.ts'
import { createMigrated } from '../../../support/migrated.ts'
import { dropRoles } from '../../../support/privileges.ts'
import { lockRuns, startedServes, untilWaiting, waiting } from './serving.ts'

const startServe = startedServes()
let database: TestDatabase
beforeAll(async () => {
  database = await createMigrated('serve_http')
})
afterAll(() => database.drop())

const RUNS = '/api/v1/executions'

it.each([RUNS, '/executions', `${RUNS}?user=a`])(
  'a client of %s that hangs up cancels its query',
  async (path) => {
    const { get } = await startServe(database)
    const unlock = await lockRuns(database)
    const leaving = new AbortController()
    const answer = get(
      path,
      { accept: 'text/html, application/x-ndjson' },
      { signal: leaving.signal },
    )
    await untilWaiting(database)
    leaving.abort()
    await expect(answer).rejects.toThrow()
    while ((await waiting(database)) > 0);
    await unlock()
    expect((await get(path)).status).toBe(200)
  },
)

it('a query that takes longer than the limit is cancelled, and the answer is 504', async () => {
  const { get, end } = await startServe(database, ['--statement-timeout', '1s'])
  const unlock = await lockRuns(database)
  const [api, page] = await Promise.all([get(RUNS), get('/executions', { accept: 'text/html' })])
  expect([api.status, page.status]).toEqual([504, 504])
  expect(await api.json()).toMatchObject({
    error: { message: expect.stringContaining('longer than 1 s') },
  })
  await unlock()
  // One line for each kind and minute.
  expect((await end()).stderr).toMatch(/request failed: the query takes longer than 1 s/)
})

it('more requests than may wait are refused at once, and the others are answered', async () => {
  const { get } = await startServe(database, ['--queries', '1'])
  const unlock = await lockRuns(database)
  const first = get(RUNS)
  await untilWaiting(database)
  const others = Array.from({ length: 101 }, () => get(RUNS))
  const refused = await Promise.race(others)
  expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '1'])
  // It needs no database.
  expect((await get('/healthz')).status).toBe(200)
  await unlock()
  const statuses = (await Promise.all([first, ...others])).map(({ status }) => status)
  expect(statuses.filter((status) => status !== 200)).toEqual([503])
})

it('a stop answers the requests in progress, tells those with live updates, and takes no others', async () => {
  const { url, port, get, end } = await startServe(database)
  const events = await get('/events?page=executions&tz=UTC', { accept: 'text/event-stream' })
  expect([events.status, events.headers.get('content-type')]).toEqual([
    200,
    expect.stringContaining('text/event-stream'),
  ])
  const told = events.text()
  const unlock = await lockRuns(database)
  const answer = get(RUNS)
  await untilWaiting(database)
  const open = connect(port, '127.0.0.1')
  await once(open, 'connect')
  const ended = end()
  expect(await told).toContain('event: stop')
  await expect(fetch(`${url}/healthz`)).rejects.toThrow()
  // A connection from before.
  open.write('GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n')
  const [refused] = await once(open, 'data')
  expect(String(refused)).toContain('503 Service Unavailable')
  await unlock()
  expect((await answer).status).toBe(200)
  expect(await ended).toMatchObject({ code: 143, stdout: '' })
})

it('a database that goes away is 503 until it is back, in one line of the log for each kind', async () => {
  const own = await createMigrated('serve_away')
  const { get, end } = await startServe(own)
  const rename = (from: string, to: string) =>
    database.sql(`alter database ${from} rename to ${to}`)
  expect((await get('/readyz')).status).toBe(200)
  await endSessions(own)
  await rename(own.name, `${own.name}_away`)
  for (let times = 0; times < 4; times++) {
    const answer = await get(RUNS)
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '5'])
  }
  expect((await get('/readyz')).status).toBe(503)
  expect((await get('/healthz')).status).toBe(200)
  await rename(`${own.name}_away`, own.name)
  expect((await get(RUNS)).status).toBe(200)
  expect((await get('/readyz')).status).toBe(200)
  const lines = (await end()).stderr.split('\n').filter((line) => line.includes('failed'))
  expect(new Set(lines.map((line) => line.replace(/\d+/, ''))).size).toBeLessThan(3)
  expect(lines.length).toBeLessThan(5)
  await own.drop()
})

it('the role of a reader is enough to read, also with a token', async () => {
  const prefix = `serve_${database.name.slice(-8)}`
  const cli = (...words: string[]) => runCli([...words, '--database-url', database.url])
  await cli('migrate', 'roles', '--prefix', prefix)
  const { stdout } = await cli('token', 'create', '--name', 'reader', '--expires', '1h')
  await database.sql(
    `create role ${prefix}_login login password 'p'; grant ${prefix}_reader to ${prefix}_login`,
  )
  const url = new URL(database.url)
  url.username = `${prefix}_login`
  url.password = 'p'
  const { get } = await startServe({ url: url.href }, ['--behind-proxy'])
  const token = { authorization: `Bearer ${stdout.trim()}` }
  for (const path of [
    RUNS,
    '/api/v1/doctor',
    '/api/v1/cost?by=user',
    '/',
    '/metrics',
    '/api/v1/billing/records',
  ])
    expect([path, (await get(path, { ...token, accept: '*/*' })).status]).toEqual([path, 200])
  expect((await get(RUNS)).status).toBe(401)
  expect((await get(RUNS, { authorization: 'Bearer wfs_no' })).status).toBe(401)
  await database.sql(`drop owned by ${prefix}_login; drop role ${prefix}_login`)
  await dropRoles(database, prefix)
})

it('a body that is too large is 413', async () => {
  const { get } = await startServe(database)
  const body = 'x'.repeat(1024 * 1024 + 1)
  const headers = { 'content-type': 'application/json' }
  const answer = await get(`${RUNS}/fail`, headers, { method: 'POST', body })
  expect(answer.status).toBe(413)
})
