import { createHash } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { runCli } from '../../support/cli.ts'
import type { TestDatabase } from '../../support/database.ts'
import { createMigrated } from '../../support/migrated.ts'

let database: TestDatabase
beforeAll(async () => {
  database = await createMigrated('token')
})
afterAll(() => database.drop())
beforeEach(() => database.sql('truncate wfstore_tokens'))

const wfstore = (line: string, env: Record<string, string> = {}) =>
  runCli(['token', ...line.split(' ')], { env: { DATABASE_URL: database.url, ...env } })

const listed = async () => JSON.parse((await wfstore('list --json')).stdout)

it('a token is printed once, alone on stdout; the database has only its hash', async () => {
  const { code, stdout, stderr } = await wfstore('create --name grafana', { USER: 'ada' })
  expect([code, stdout]).toEqual([0, expect.stringMatching(/^wfs_[\w-]{43}\n$/)])
  expect(stderr).toMatch(
    /^token grafana may read until \d{4}-\d\d-\d\d \d\d:\d\d \(UTC\); it is not shown again\n$/,
  )
  const token = stdout.trim()
  const hash = createHash('sha256').update(token).digest('hex')
  const rows = await database.sql('select t::text as row, hash, created_by from wfstore_tokens t')
  expect(rows).toEqual([{ row: expect.any(String), hash, created_by: 'ada' }])
  expect(JSON.stringify(rows)).not.toContain(token.slice(4, 20))
  expect(JSON.stringify(await listed())).not.toMatch(new RegExp(`${hash}|${token.slice(4, 20)}`))
})

it('two tokens differ, and each has 256 random bits', async () => {
  const tokens = await Promise.all(
    ['a', 'b'].map(async (name) => (await wfstore(`create --name ${name}`)).stdout.trim()),
  )
  expect(tokens[0]).not.toBe(tokens[1])
  for (const token of tokens) expect(Buffer.from(token.slice(4), 'base64url')).toHaveLength(32)
})

it('a token may read for 90 days unless flags say otherwise', async () => {
  await wfstore('create --name plain')
  await wfstore('create --name short --can write --expires 12h')
  await wfstore('create --name endless --expires never')
  const rows = await database.sql(
    `select name, can, extract(epoch from expires_at - created_at)::int as seconds from wfstore_tokens order by name`,
  )
  expect(rows).toEqual([
    { name: 'endless', can: 'read', seconds: null },
    { name: 'plain', can: 'read', seconds: 90 * 86_400 },
    { name: 'short', can: 'write', seconds: 12 * 3600 },
  ])
})

it('JSON has the token with its data', async () => {
  const { stdout } = await wfstore('create --name grafana --expires never --json')
  expect(JSON.parse(stdout)).toEqual({
    token: expect.stringMatching(/^wfs_/),
    tokenId: expect.any(String),
    name: 'grafana',
    can: 'read',
    state: 'valid',
    createdAt: expect.any(String),
    createdBy: null,
    expiresAt: null,
    revokedAt: null,
  })
})

it('the list has the state of each token, and those that are revoked last', async () => {
  for (const name of ['one', 'two', 'three']) await wfstore(`create --name ${name}`)
  await database.sql(
    "update wfstore_tokens set expires_at = now() - interval '1 s' where name = 'two'",
  )
  await wfstore('revoke three')
  expect(
    (await listed()).map((row: { name: string; state: string }) => [row.name, row.state]),
  ).toEqual([
    ['two', 'expired'],
    ['one', 'valid'],
    ['three', 'revoked'],
  ])
})

it('a name is used by one token at a time, and free again after revoke', async () => {
  await wfstore('create --name grafana')
  expect(await wfstore('create --name grafana')).toEqual({
    code: 1,
    stdout: '',
    stderr:
      'error: token grafana already exists; use another name, or run `wfstore token revoke grafana` first\n',
  })
  expect((await wfstore('revoke grafana')).code).toBe(0)
  expect((await wfstore('create --name grafana')).code).toBe(0)
})

it('of two that create the same name at once, one succeeds', async () => {
  const both = await Promise.all([1, 2].map(() => wfstore('create --name grafana')))
  expect(both.map(({ code }) => code).sort()).toEqual([0, 1])
  expect(await listed()).toHaveLength(1)
})

it('revoke takes names, ids and beginnings of ids, and can be repeated', async () => {
  const ids: string[] = []
  for (const name of ['one', 'two', 'three'])
    ids.push(JSON.parse((await wfstore(`create --name ${name} --json`)).stdout).tokenId)
  await database.sql(
    "update wfstore_tokens set token_id = '01234567-0000-7000-8000-000000000000' where name = 'three'",
  )
  const line = `revoke one ${ids[1]} 01234567 --json`
  const first = JSON.parse((await wfstore(line)).stdout)
  expect(first.map((row: { name: string; state: string }) => [row.name, row.state])).toEqual([
    ['one', 'revoked'],
    ['two', 'revoked'],
    ['three', 'revoked'],
  ])
  expect(JSON.parse((await wfstore(line)).stdout)).toEqual(first)
})

it('of two that revoke a token at once, both answer with it, and its time is that of the first', async () => {
  await wfstore('create --name one')
  const first = await database.connect()
  await first.query('begin')
  await first.query('update wfstore_tokens set revoked_at = now()')
  const second = wfstore('revoke one --json')
  let waiting = 0
  while (waiting === 0) {
    const [row] = await database.sql(
      `select count(*)::int as waiting from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
    )
    waiting = Number(row?.waiting)
  }
  await first.query('commit')
  const { rows } = await first.query('select to_json(revoked_at)#>>$1 as at from wfstore_tokens', [
    '{}',
  ])
  await first.end()
  const [token] = JSON.parse((await second).stdout)
  expect([token.name, token.state]).toEqual(['one', 'revoked'])
  expect(new Date(token.revokedAt)).toEqual(new Date(rows[0].at))
})

it('revoke revokes all tokens or none', async () => {
  await wfstore('create --name one')
  expect(await wfstore('revoke one gone')).toEqual({
    code: 6,
    stdout: '',
    stderr: 'error: token gone does not exist; list tokens with `wfstore token list`\n',
  })
  expect((await listed())[0].state).toBe('valid')
})

it.each([
  ['create', "required option '--name <name>' not specified"],
  ['create --name x/y', '"x/y" is not a name for a token'],
  [`create --name ${'x'.repeat(65)}`, 'is not a name for a token'],
  ['create --name 01234567', '01234567 looks like an id'],
  ['create --name local', 'local is the name of callers without a token'],
  ['create --name x --can delete', 'Allowed choices are read, write'],
  ['create --name x --expires soon', 'It must be a duration such as 12h, 90d or 52w, or never'],
  ['create --name x --expires 0d', 'It must be a duration such as 12h, 90d or 52w, or never'],
])('%s is wrong usage', async (line, message) => {
  const { code, stdout, stderr } = await wfstore(line)
  expect([code, stdout, stderr]).toEqual([2, '', expect.stringContaining(message)])
  expect(await listed()).toEqual([])
})

it('an export has no tokens', async () => {
  await wfstore('create --name grafana')
  const { code, stdout } = await runCli(['export', '--database-url', database.url])
  expect([code, stdout]).toEqual([0, expect.not.stringMatching(/grafana|token_id|[0-9a-f]{64}/)])
})

it('the writer of runs reads tokens, but only the owner of the tables creates and revokes them', async () => {
  const prefix = database.name
  await runCli(['migrate', 'roles', '--prefix', prefix, '--database-url', database.url])
  await database.sql(`alter role ${prefix}_writer login password 'x'`)
  const url = Object.assign(new URL(database.url), { username: `${prefix}_writer`, password: 'x' })
  await wfstore('create --name one')
  const asWriter = (line: string) => wfstore(line, { DATABASE_URL: url.href })
  expect(await asWriter('list')).toMatchObject({ code: 0 })
  for (const line of ['create --name two', 'revoke one']) {
    const { code, stdout, stderr } = await asWriter(line)
    expect([line, code, stdout]).toEqual([line, 1, ''])
    expect(stderr).toContain('wfstore_tokens')
  }
  const roles = ['writer', 'reader', 'cleaner'].map((duty) => `${prefix}_${duty}`).join(', ')
  await database.sql(`drop owned by ${roles}; drop role ${roles}`)
})
