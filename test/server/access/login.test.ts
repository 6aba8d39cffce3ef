import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest'
import type { TestDatabase } from '../../support/database.ts'
import { createMigrated } from '../../support/migrated.ts'
import { createToken, openTokenSite, type TokenSite, tokenCommand } from './token-site.ts'

let database: TestDatabase
let site: TokenSite
let token: string
beforeAll(async () => {
  database = await createMigrated('server_login')
})
afterAll(() => database.drop())
beforeEach(async () => {
  await database.sql('truncate wfstore_tokens')
  token = await createToken(database, '--name grafana --can write --expires 12h')
  site = openTokenSite(database)
})
afterEach(() => site.close())

const HTML = { accept: 'text/html' }
const FORM = { 'content-type': 'application/x-www-form-urlencoded' }

const post = (
  path: string,
  form: Record<string, string>,
  headers: Record<string, string> = {},
  on: TokenSite = site,
  origin = 'http://localhost',
) =>
  on.fetch(
    new Request(`${origin}${path}`, {
      method: 'POST',
      headers: { ...FORM, host: new URL(origin).host, ...headers },
      body: new URLSearchParams(form),
    }),
  )

it('a page without a caller leads to the login, and a login leads back to it', async () => {
  const away = await site.get('/executions?status=failed&since=24h', HTML)
  expect(away.status).toBe(303)
  const location = away.headers.get('location') as string
  expect(location).toBe('/login?next=%2Fexecutions%3Fstatus%3Dfailed%26since%3D24h')
  const page = await site.get(location, HTML)
  const text = await page.text()
  expect([page.status, page.headers.get('cache-control')]).toEqual([200, 'no-store'])
  const [, next] = /name="next" type="hidden" value="([^"]*)"/.exec(text) ?? []
  expect(next).toBe('/executions?status=failed&amp;since=24h')
  const back = await post('/login', { token, next: '/executions?status=failed&since=24h' })
  expect([back.status, back.headers.get('location')]).toEqual([
    303,
    '/executions?status=failed&since=24h',
  ])
})

it('a slash at the end of the address is the same page', async () => {
  const answer = await post('/login/', { token })
  expect(answer.headers.get('set-cookie')).toContain(token)
})

it('the cookie cannot be read by scripts, is sent to this server alone, and ends with the token', async () => {
  const cookie = (await post('/login', { token: ` ${token}\n` })).headers.get('set-cookie')
  expect(cookie).toMatch(
    new RegExp(
      `^wfstore_token=${token}; Path=/; Max-Age=(43200|43199); HttpOnly; SameSite=Strict$`,
    ),
  )
  const endless = await createToken(database, '--name endless --expires never')
  expect((await post('/login', { token: endless })).headers.get('set-cookie')).toContain(
    `Max-Age=${30 * 86_400};`,
  )
})

it('over TLS, or behind a proxy with TLS, the cookie is never sent without it', async () => {
  const secure = async (headers: Record<string, string>, on: TokenSite, origin?: string) =>
    (await post('/login', { token }, headers, on, origin)).headers.get('set-cookie')
  expect(await secure({}, site, 'https://localhost')).toMatch(/; Secure$/)
  const https = { 'x-forwarded-proto': 'https' }
  expect(await secure(https, site)).not.toContain('Secure')
  const behind = openTokenSite(database, { behindProxy: true })
  expect(await secure(https, behind)).toMatch(/; Secure$/)
  expect(await secure({ 'x-forwarded-proto': 'http' }, behind)).not.toContain('Secure')
  await behind.close()
})

it('below a base path the cookie is sent only there', async () => {
  const below = openTokenSite(database, { basePath: '/wf' })
  const answer = await post('/wf/login', { token, next: '/wf/cost' }, {}, below)
  expect(answer.headers.get('location')).toBe('/wf/cost')
  expect(answer.headers.get('set-cookie')).toContain('; Path=/wf;')
  expect(
    (await post('/wf/login', { token, next: '/cost' }, {}, below)).headers.get('location'),
  ).toBe('/wf/')
  await below.close()
})

it.each([
  'https://evil.example/',
  '//evil.example/',
  '/\\evil.example',
  '/.//evil.example/',
  '/x/..//evil.example/',
  '/x/..\\/evil.example/',
  '/\t/evil.example',
  'javascript:alert(1)',
  'evil',
  '',
  'http://',
])('a login leads to no other place than a page of this server: %j', async (next) => {
  const location = (await post('/login', { token, next })).headers.get('location') as string
  const to = new URL(location, 'http://localhost/login')
  expect(to.origin).toBe('http://localhost')
  expect(location).toMatch(/^\/(?![/\\])/)
})

it('a wrong token sets no cookie, and the answer does not repeat it', async () => {
  for (const given of ['', 'wfs_x', `${token.slice(0, -1)}_`, '"><script>alert(1)</script>']) {
    const answer = await post('/login', { token: given, next: '"><script>' })
    const text = await answer.text()
    expect([answer.status, answer.headers.get('set-cookie')]).toEqual([401, null])
    expect(text).toContain('The token is unknown, expired or revoked.')
    if (given !== '') expect(text).not.toContain(given)
    expect(text).not.toContain('"><script>')
  }
  const other = { 'content-type': 'application/json' }
  expect((await post('/login', { token }, other)).status).toBe(401)
})

it('a form of another site cannot log in or out', async () => {
  for (const path of ['/login', '/logout']) {
    for (const headers of [
      { origin: 'https://evil.example' },
      { origin: 'null' },
      { 'sec-fetch-site': 'cross-site' },
      { 'sec-fetch-site': 'same-site' },
    ]) {
      const answer = await post(path, { token }, headers as Record<string, string>)
      expect([path, headers, answer.status]).toEqual([path, headers, 403])
      expect(answer.headers.get('set-cookie')).toBeNull()
    }
  }
})

it('the page of a browser that is logged in names its token and logs it out', async () => {
  const cookie = { cookie: `wfstore_token=${token}` }
  const text = await (await site.get('/login', { ...HTML, ...cookie })).text()
  expect(text).toContain('You use the token <bdi>grafana</bdi>, which may write.')
  expect(text).not.toContain(token)
  const out = await post('/logout', {}, cookie)
  expect([out.status, out.headers.get('location')]).toEqual([303, '/login'])
  expect(out.headers.get('set-cookie')).toMatch(/^wfstore_token=; Path=\/; Max-Age=0;/)
  expect((await site.get('/logout', HTML)).headers.get('location')).toBe('/login')
})

it('a cookie whose token is revoked leads to the login', async () => {
  const headers = { ...HTML, cookie: `wfstore_token=${token}` }
  expect((await site.get('/cost', headers)).status).toBe(200)
  await tokenCommand(database, 'revoke grafana')
  site.later(5000)
  expect((await site.get('/cost', headers)).headers.get('location')).toBe('/login?next=%2Fcost')
})

it('too many wrong tokens get a page that says so', async () => {
  const wrong = (n: number) => `wfs_${String(n).padStart(43, '0')}`
  for (let n = 0; n < 20; n++) expect((await post('/login', { token: wrong(n) })).status).toBe(401)
  const answer = await post('/login', { token: wrong(20) })
  expect([answer.status, answer.headers.get('retry-after')]).toEqual([429, '60'])
  expect(await answer.text()).toContain('Too many tries.')
})

it('other methods are refused', async () => {
  const request = new Request('http://localhost/login', { method: 'PUT' })
  expect((await site.fetch(request)).status).toBe(405)
})
