import crypto, { createHash } from 'node:crypto'
import { syncBuiltinESMExports } from 'node:module'
import { afterAll, afterEach, beforeAll, beforeEach, expect, it, vi } from 'vitest'
import type { TestDatabase } from '../../support/database.ts'
import { createMigrated } from '../../support/migrated.ts'
import { createToken, openTokenSite, type TokenSite, tokenCommand } from './token-site.ts'

let database: TestDatabase
let site: TokenSite
beforeAll(async () => {
  database = await createMigrated('server_tokens')
})
afterAll(() => database.drop())
beforeEach(async () => {
  await database.sql('truncate wfstore_tokens')
  site = openTokenSite(database)
})
afterEach(() => site.close())

/** No route has this path, so who is let in gets 404. */
const PATH = '/api/v1/nothing-here'
const IN = 404

const status = async (headers: Record<string, string>, path = PATH) =>
  (await site.get(path, headers)).status
const bearer = (token: string) => ({ authorization: `Bearer ${token}` })
/** Has the shape of a token. */
const wrong = (n: number) => `wfs_${createHash('sha256').update(String(n)).digest('base64url')}`

it('a token in the header Authorization or in the cookie lets a request in', async () => {
  const token = await createToken(database, '--name one')
  expect(await status(bearer(token))).toBe(IN)
  expect(await status({ authorization: `bearer ${token}` })).toBe(IN)
  expect(await status({ cookie: `wfstore_tz=UTC; wfstore_token=${token}` })).toBe(IN)
})

it('without a token, with a wrong one or with another scheme the answer is 401 with WWW-Authenticate', async () => {
  const token = await createToken(database, '--name one')
  for (const headers of [
    {},
    bearer(''),
    bearer(wrong(1)),
    bearer(`${token}x`),
    bearer(token.toUpperCase()),
    bearer(createHash('sha256').update(token).digest('hex')),
    { authorization: token },
    { authorization: `Basic ${btoa(`:${token}`)}` },
    { cookie: `wfstore_token=${wrong(1)}` },
    { cookie: `token=${token}` },
    { ...bearer(wrong(1)), cookie: `wfstore_token=${token}` },
  ]) {
    const answer = await site.get(PATH, headers)
    expect([headers, answer.status]).toEqual([headers, 401])
    expect(answer.headers.get('www-authenticate')).toMatch(/^Bearer realm="wfstore"/)
    expect(await answer.json()).toMatchObject({ error: { code: 'access_denied' } })
  }
})

it('a token in the address is not accepted', async () => {
  const token = await createToken(database, '--name one')
  for (const name of ['token', 'access_token', 'wfstore_token', 'authorization'])
    expect(await status({}, `${PATH}?${name}=${token}`)).toBe(401)
  const url = `http://user:${token}@localhost${PATH}`
  expect(() => new Request(url)).toThrow()
})

it('a token in use is looked up every 5 seconds, also if requests come at once', async () => {
  const token = await createToken(database, '--name one')
  await Promise.all(Array.from({ length: 50 }, () => status(bearer(token))))
  expect(site.asked()).toBe(1)
  site.later(4999)
  expect(await status(bearer(token))).toBe(IN)
  expect(site.asked()).toBe(1)
  site.later(1)
  await Promise.all(Array.from({ length: 50 }, () => status(bearer(token))))
  expect(site.asked()).toBe(2)
})

it('a revoked token stops within 5 seconds', async () => {
  const token = await createToken(database, '--name one')
  expect(await status(bearer(token))).toBe(IN)
  await tokenCommand(database, 'revoke one')
  site.later(5000)
  expect(await status(bearer(token))).toBe(401)
})

it('a token that expires stops at once, also while its check is remembered', async () => {
  const token = await createToken(database, '--name one --expires 12h')
  await database.sql("update wfstore_tokens set expires_at = now() + interval '3 seconds'")
  expect(await status(bearer(token))).toBe(IN)
  site.later(3000)
  await database.sql('update wfstore_tokens set expires_at = now()')
  expect(await status(bearer(token))).toBe(401)
})

it('the clock of the database decides when a token expires', async () => {
  const token = await createToken(database, '--name one --expires 12h')
  site.later(-365 * 86_400_000)
  await database.sql("update wfstore_tokens set expires_at = now() - interval '1 second'")
  expect(await status(bearer(token))).toBe(401)
  site.later(2 * 365 * 86_400_000)
  await database.sql("update wfstore_tokens set expires_at = now() + interval '1 hour'")
  expect(await status(bearer(token))).toBe(IN)
})

it('a new token is accepted at once, also after it was tried before', async () => {
  const token = wrong(7)
  expect(await status(bearer(token))).toBe(401)
  await database.sql(
    `insert into wfstore_tokens (token_id, name, hash, can)
     values (gen_random_uuid(), 'late', '${createHash('sha256').update(token).digest('hex')}', 'read')`,
  )
  expect(await status(bearer(token))).toBe(IN)
})

it('wrong tokens are looked up 20 times, then once a second; right ones and other shapes do not count', async () => {
  const token = await createToken(database, '--name one')
  for (let n = 0; n < 40; n++) expect(await status(bearer(`wfs_${n}`))).toBe(401)
  expect(site.asked()).toBe(0)
  expect(await status(bearer(token))).toBe(IN)
  for (let n = 0; n < 20; n++) expect(await status(bearer(wrong(n)))).toBe(401)
  expect(site.asked()).toBe(21)
  const refused = await site.get(PATH, bearer(wrong(99)))
  expect([refused.status, refused.headers.get('retry-after'), site.asked()]).toEqual([
    429,
    '60',
    21,
  ])
  expect(await refused.json()).toMatchObject({ error: { code: 'access_denied' } })
  // The token in use is accepted, also when it is looked up again.
  site.later(500)
  expect(await status(bearer(token))).toBe(IN)
  site.later(500)
  expect(await status(bearer(wrong(100)))).toBe(401)
  expect(await status(bearer(wrong(101)))).toBe(429)
  site.later(5000)
  expect(await status(bearer(token))).toBe(IN)
})

it('an address that sends wrong tokens does not lock out others', async () => {
  const behind = openTokenSite(database, { behindProxy: true })
  const from = (address: string, token: string) => ({
    ...bearer(token),
    'x-forwarded-for': `203.0.113.9, ${address}`,
  })
  for (let n = 0; n < 20; n++) await behind.get(PATH, from('192.0.2.1', wrong(n)))
  expect((await behind.get(PATH, from('192.0.2.1', wrong(99)))).status).toBe(429)
  const token = await createToken(database, '--name one')
  expect((await behind.get(PATH, from('192.0.2.2', token))).status).toBe(IN)
  await behind.close()
})

it('hashes are compared in constant time', async () => {
  const token = await createToken(database, '--name one')
  const compare = vi.spyOn(crypto, 'timingSafeEqual')
  syncBuiltinESMExports()
  expect(await status(bearer(token))).toBe(IN)
  expect(compare).toHaveBeenCalledOnce()
  compare.mockReturnValue(false)
  site.later(5000)
  expect(await status(bearer(token))).toBe(401)
  compare.mockRestore()
  syncBuiltinESMExports()
})

it('a role that can only read suffices to check tokens', async () => {
  const prefix = database.name
  const { runCli } = await import('../../support/cli.ts')
  await runCli(['migrate', 'roles', '--prefix', prefix, '--database-url', database.url])
  await database.sql(`alter role ${prefix}_reader login password 'x'`)
  const url = Object.assign(new URL(database.url), { username: `${prefix}_reader`, password: 'x' })
  const token = await createToken(database, '--name one')
  const reading = openTokenSite({ ...database, url: url.href })
  expect((await reading.get(PATH, bearer(token))).status).toBe(IN)
  expect((await reading.get(PATH, bearer(wrong(1)))).status).toBe(401)
  await reading.close()
  const roles = ['writer', 'reader', 'cleaner'].map((duty) => `${prefix}_${duty}`).join(', ')
  await database.sql(`drop owned by ${roles}; drop role ${roles}`)
})

it('while the database is away a token is not wrong: the answer is 503, and right again afterwards', async () => {
  const token = await createToken(database, '--name one')
  await database.sql('alter table wfstore_tokens rename to gone')
  const { status: away } = await site.get(PATH, bearer(token))
  expect(away).toBeGreaterThanOrEqual(500)
  await database.sql('alter table gone rename to wfstore_tokens')
  expect(await status(bearer(token))).toBe(IN)
})
