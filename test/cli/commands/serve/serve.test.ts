import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { runCli } from '../../../support/cli.ts'
import { createDatabase, type TestDatabase } from '../../../support/database.ts'
import { createMigrated } from '../../../support/migrated.ts'
import { startedServes } from './serving.ts'

const startServe = startedServes()
let database: TestDatabase
beforeAll(async () => {
  database = await createMigrated('serve')
})
afterAll(() => database.drop())

/** Fetch does not send some headers as they are given. @returns the status */
const status = (port: number, headers: Record<string, string>, path = '/healthz') =>
  new Promise<number | undefined>((resolve, reject) => {
    request(
      { port, host: '127.0.0.1', path, headers, setHost: !('host' in headers) },
      (response) => {
        response.resume().on('end', () => resolve(response.statusCode))
      },
    )
      .on('error', reject)
      .end()
  })

const token = async (...words: string[]) =>
  (await runCli(['token', 'create', ...words, '--database-url', database.url])).stdout.trim()
const bearer = (text: string) => ({ authorization: `Bearer ${text}` })

it('prints where it listens, answers, and prints nothing else', async () => {
  const { url, get, end } = await startServe(database)
  expect((await get('/')).status).toBe(200)
  expect((await get('/api/v1/executions')).status).toBe(200)
  expect((await get('/no/such/page')).status).toBe(404)
  expect(await end()).toEqual({
    code: 143,
    stdout: '',
    stderr: `all users of this machine can read without a token\nlistening on ${url}/\n`,
  })
})

it('a database that is missing or has no schema, and an address in use, have their usual exit codes', async () => {
  const serve = (...argv: string[]) => runCli(['serve', '--listen', '127.0.0.1:0', ...argv])
  expect(await serve()).toMatchObject({ code: 3, stderr: expect.stringMatching(/^error: /) })
  expect(await serve('--database-url', 'postgresql://127.0.0.1:1/x')).toMatchObject({ code: 3 })
  const empty = await createDatabase('serve_empty')
  expect(await serve('--database-url', empty.url)).toMatchObject({
    code: 4,
    stderr: expect.stringContaining('run `wfstore migrate up`'),
  })
  await empty.drop()
  const { port } = await startServe(database)
  const second = ['serve', '--listen', `127.0.0.1:${port}`, '--database-url', database.url]
  expect(await runCli(second)).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('is used by another process'),
  })
})

describe('who may ask', () => {
  it('a program of this machine reads without a token; a wrong token, and a request of a proxy, are refused', async () => {
    const { get } = await startServe(database)
    expect((await get('/api/v1/executions')).status).toBe(200)
    const wrong = await get('/api/v1/executions', bearer('wfs_wrong'))
    expect([wrong.status, wrong.headers.get('www-authenticate')]).toEqual([
      401,
      'Bearer realm="wfstore"',
    ])
    expect((await get('/api/v1/executions', { 'x-forwarded-for': '203.0.113.9' })).status).toBe(401)
    // Of another server on this host.
    expect((await get('/', { cookie: 'wfstore_token=wfs_other' })).status).toBe(200)
    expect((await get('/', { accept: 'text/html' })).status).toBe(200)
  })

  it('an address that other machines reach needs encryption and a token', async () => {
    const serve = (...argv: string[]) =>
      runCli(['serve', '--listen', '0.0.0.0:0', ...argv, '--database-url', database.url])
    expect(await serve()).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('it has no encryption'),
    })
    expect(await serve('--behind-proxy')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('wfstore token create'),
    })
    const written = await token('--name', 'proxied', '--expires', '1h')
    const { get, end } = await startServe(database, ['--behind-proxy'], { address: '0.0.0.0:0' })
    expect((await get('/api/v1/executions')).status).toBe(401)
    expect((await get('/api/v1/executions', bearer(written))).status).toBe(200)
    const page = await get('/executions?status=failed', { accept: 'text/html' })
    expect([page.status, page.headers.get('location')]).toEqual([
      303,
      '/login?next=%2Fexecutions%3Fstatus%3Dfailed',
    ])
    expect((await get('/healthz')).status).toBe(200)
    await runCli(['token', 'revoke', 'proxied', '--database-url', database.url])
    expect((await end()).stderr).not.toContain('without a token')
  })

  it('a request with a name that is not ours is refused before its path is read', async () => {
    const { port } = await startServe(database, ['--host', 'wf.example'])
    for (const host of [
      '127.0.0.1',
      'localhost:9',
      '[::1]',
      'LOCALHOST',
      'wf.example',
      'localhost.',
    ])
      expect([host, await status(port, { host })]).toEqual([host, 200])
    for (const host of [
      'evil.example',
      `evil.example:${port}`,
      'localhost.evil.example',
      '127.0.0.1@evil.example',
      '',
    ])
      expect([host, await status(port, { host })]).toEqual([host, 421])
  })

  it('no page of another site reads or writes, unless its origin is allowed', async () => {
    const { get, url, port } = await startServe(database, ['--cors', 'https://grafana.example'])
    const api = '/api/v1/executions'
    expect((await get(api, { 'sec-fetch-site': 'cross-site' })).status).toBe(403)
    expect(
      (await get(api, { 'sec-fetch-site': 'same-site', 'sec-fetch-mode': 'no-cors' })).status,
    ).toBe(403)
    expect(
      await status(port, { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate' }, '/'),
    ).toBe(200)
    const post = (headers: Record<string, string>) =>
      get(`${api}/fail`, headers, { method: 'POST' })
    expect((await post({ origin: 'https://evil.example' })).status).toBe(403)
    expect((await post({ origin: 'null' })).status).toBe(403)
    expect((await post({ origin: url, 'sec-fetch-site': 'same-site' })).status).toBe(403)
    const allowed = await get(api, {
      origin: 'https://grafana.example',
      'sec-fetch-site': 'cross-site',
    })
    expect([allowed.status, allowed.headers.get('access-control-allow-origin')]).toEqual([
      200,
      'https://grafana.example',
    ])
    const other = await get(api, { origin: 'https://evil.example' })
    expect(other.headers.get('access-control-allow-origin')).toBeNull()
    expect(other.headers.get('cross-origin-resource-policy')).toBe('same-origin')
  })

  it('every answer has the headers of safety', async () => {
    const { get } = await startServe(database)
    for (const path of [
      '/',
      '/api/v1/executions',
      '/healthz',
      '/nothing',
      '/api/v1/nothing',
      '/login',
    ]) {
      const { headers } = await get(path)
      expect([path, headers.get('content-security-policy')]).toEqual([
        path,
        expect.stringMatching(/^default-src 'none';.*frame-ancestors 'none'/),
      ])
      expect(headers.get('x-content-type-options')).toBe('nosniff')
      expect(headers.get('referrer-policy')).toMatch(/^(no-referrer|same-origin)$/)
      expect(headers.get('cache-control')).toMatch(/no-store|private/)
    }
  })
})

describe('options', () => {
  it.each([
    ['--listen 8787', 'HOST:PORT'],
    ['--listen 0.0.0.0:8787', 'no encryption'],
    ['--tls-cert a.pem', '--tls-cert and --tls-key are needed together'],
    ['--tls-cert a.pem --tls-key b.pem', 'a.pem cannot be read: ENOENT'],
    ['--host http://x', 'a name without a port'],
    ['--cors grafana.example', 'an origin'],
    ['--cors https://grafana.example/', 'an origin'],
    ['--base-path wfstore', 'a path'],
    ['--queries 0', 'from 1 to 100'],
    ['--statement-timeout 30', 'a duration'],
    ['--statement-timeout 5w', 'at most 24d'],
    ['--old-user-header x:y', 'the name of a header'],
    ['--old-admin maria', '--old-admin needs --old-user-header'],
    ['--old-admin maria --old-user-header x-user', '--old-admin needs --allow-writes'],
  ])('serve %s is refused', async (words, message) => {
    expect(await runCli(['serve', ...words.split(' ')])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining(message),
    })
  })

  it('a base path is that of every path', async () => {
    const { url, get } = await startServe(database, ['--base-path', '/wf/store/'])
    expect(url).toMatch(/\/wf\/store$/)
    expect((await get('/healthz')).status).toBe(200)
    expect((await fetch(new URL('/healthz', url))).status).toBe(404)
  })

  it('the old routes are those of the user in a header, which only a caller may send', async () => {
    const without = await startServe(database)
    expect((await without.get('/api/workflow?type=stats', { 'x-user': 'maria' })).status).toBe(404)
    const words = ['--old-user-header', 'X-User', '--old-admin', 'maria', '--allow-writes']
    const { get } = await startServe(database, words)
    const stats = '/api/workflow?type=stats'
    expect((await get(stats, { 'x-user': 'maria' })).status).toBe(200)
    expect((await get(stats)).status).toBe(401)
    expect((await get(stats, { 'x-user': 'maria', ...bearer('wfs_no') })).status).toBe(401)
    const cleanup = (headers: Record<string, string>) =>
      get(
        '/api/workflow',
        { 'content-type': 'application/json', ...headers },
        {
          method: 'POST',
          body: JSON.stringify({ action: 'cleanup' }),
        },
      )
    expect((await cleanup({ 'x-user': 'maria' })).status).toBe(403)
    const write = bearer(await token('--name', 'app', '--can', 'write'))
    expect((await cleanup({ 'x-user': 'alex', ...write })).status).toBe(403)
    expect((await cleanup({ 'x-user': 'maria', ...write })).status).toBe(200)
    const read = await startServe(database, words.slice(0, 2))
    expect((await read.get(stats, { 'x-user': 'maria', ...write })).status).toBe(200)
  })

  it('the config has them too, and a flag overrides it', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'wfstore-serve-'))
    const serve = {
      ...{ listen: '127.0.0.1:1', basePath: '/configured', statementTimeout: '1s', queries: 2 },
      ...{ cors: ['https://grafana.example'], host: ['wf.example'], behindProxy: true },
    }
    const file = join(folder, 'wfstore.config.json')
    writeFileSync(file, JSON.stringify({ serve }), { mode: 0o600 })
    await token('--name', 'configured', '--expires', '1h')
    const { get, port, url } = await startServe(database, [], { cwd: folder })
    expect(url).toMatch(/\/configured$/)
    expect((await get('/api/v1/executions')).status).toBe(401)
    expect(await status(port, { host: 'wf.example' }, '/configured/healthz')).toBe(200)
    expect(await status(port, { host: 'other.example' }, '/configured/healthz')).toBe(421)
    const { headers } = await get('/healthz', { origin: 'https://grafana.example' })
    expect(headers.get('access-control-allow-origin')).toBe('https://grafana.example')
    const other = await startServe(database, ['--base-path', '/flag'], { cwd: folder })
    expect(other.url).toMatch(/\/flag$/)
    rmSync(folder, { recursive: true })
  })

  it('--tz is the zone of browsers that name none', async () => {
    const { get } = await startServe(database, ['--tz', 'Asia/Tokyo'])
    const page = async (path: string) => (await get(path, { accept: 'text/html' })).text()
    expect(await page('/executions')).toContain('data-zone="Asia/Tokyo"')
    expect(await page('/executions?tz=Europe/Berlin')).toContain('data-zone="Europe/Berlin"')
  })
})
