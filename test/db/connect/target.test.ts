import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, it, vi } from 'vitest'
import { type Target, urlTarget } from '../../../src/db/connect/target.ts'

const folders: string[] = []
const folder = () => {
  folders.push(mkdtempSync(join(tmpdir(), 'wfstore-target-')))
  return folders.at(-1) as string
}
afterEach(() => {
  for (const path of folders.splice(0)) rmSync(path, { recursive: true })
})

const of = (rest: string, env: Record<string, string> = {}) =>
  urlTarget(`postgresql://u@h/d${rest}`, 'the test', { HOME: '/nonexistent', ...env })
const refusal = (rest: string, env: Record<string, string> = {}) => {
  try {
    of(rest, env)
  } catch (error) {
    const { code, message, hint } = error as { code: string; message: string; hint?: string }
    return [code, message, hint]
  }
  return undefined
}
const places = (target: Target) =>
  [target, ...(target.others ?? [])].map(({ config, address }) =>
    [config.host, config.port, address].filter((part) => part !== undefined).join(' '),
  )

it('a parameter that libpq does not know is refused with the nearest one', () => {
  const unknown = (name: string, hint: string) => [
    'usage',
    `"${name}" of the test is not a connection parameter`,
    hint,
  ]
  expect(refusal('?sslmod=verify-full')).toEqual(unknown('sslmod', 'did you mean sslmode?'))
  expect(refusal('?SSLMODE=require')).toEqual(unknown('SSLMODE', 'did you mean sslmode?'))
  expect(refusal('?target_session_attr=primary')?.[2]).toBe('did you mean target_session_attrs?')
  expect(refusal('?schema=flows')).toEqual(
    unknown('schema', 'give the schema with --schema, in the library with the option schema'),
  )
  expect(refusal('?database=x')).toEqual(unknown('database', 'did you mean dbname?'))
  expect(refusal('?ssl=no-verify')?.[0]).toBe('usage')
  expect(refusal('?constructor=x')?.[0]).toBe('usage')
  expect(refusal('?xyzzy=1')?.[2]).toBe('it knows the connection parameters of libpq only')
  expect(refusal('?sslmode')?.[1]).toContain('a parameter after the ? has no value')
})

it('a parameter that cannot be honoured is refused by name, without its value, unless it changes nothing', () => {
  for (const name of ['require_auth', 'requirepeer', 'sslkeylogfile', 'oauth_client_secret'])
    expect(refusal(`?${name}=hunter2`)).toEqual([
      'usage',
      `${name} of the test has a value that wfstore cannot honour`,
      'leave it out',
    ])
  expect(refusal('', { PGREQUIREAUTH: 'scram-sha-256' })?.[1]).toContain('PGREQUIREAUTH')
  expect(refusal('?gssencmode=require')?.[0]).toBe('usage')
  expect(refusal('?gssencmode=prefer&sslsni=1&client_encoding=UTF8')).toBeUndefined()
})

it('a value that libpq would refuse is refused', () => {
  for (const parameter of [
    ...['sslmode=on', 'channel_binding=yes', 'target_session_attrs=master'],
    ...['connect_timeout=soon', 'keepalives=yes', 'port=1,2', 'hostaddr=1.1.1.1,2.2.2.2'],
    ...['load_balance_hosts=yes', 'sslnegotiation=direct', 'sslrootcert=/nonexistent/root.crt'],
    ...['ssl_min_protocol_version=3', 'options=%zz', 'port=0'],
  ])
    expect([parameter, refusal(`?${parameter}`)?.[0]]).toEqual([parameter, 'usage'])
})

it('several hosts and their ports are a list, in the URL, in its parameters and in the environment', () => {
  const list = (url: string, env = {}) => places(urlTarget(url, 'the test', env))
  expect(list('postgresql://u@a:1,b,[::1]:3/d')).toEqual(['a 1', 'b 5432', '::1 3'])
  expect(list('postgresql://u@/d?host=a,b&port=7')).toEqual(['a 7', 'b 7'])
  expect(list('postgresql://u@a,b/d?hostaddr=1.1.1.1,2.2.2.2')).toEqual([
    'a 5432 1.1.1.1',
    'b 5432 2.2.2.2',
  ])
  expect(list('postgresql:///d', { PGUSER: 'u', PGHOST: 'a,b', PGPORT: '1,2' })).toEqual([
    'a 1',
    'b 2',
  ])
  expect(list('postgresql://u@%2Frun%2Fpg:6/d')).toEqual(['/run/pg 6'])
})

it('hostaddr is where to connect, and the host stays the name', () => {
  expect(places(of('?hostaddr=10.0.0.1'))).toEqual(['h 5432 10.0.0.1'])
  expect(places(of('', { PGHOSTADDR: '10.0.0.1' }))).toEqual(['h 5432 10.0.0.1'])
})

it('every part of a URL is decoded as libpq decodes it', () => {
  const { config } = urlTarget(
    'postgresql://us%40er:p%3A%2F@h/da%2Fta?application_name=a+b%20c&options=-c%20a%3Db',
    'the test',
    {},
  )
  expect(config).toMatchObject({
    ...{ user: 'us@er', password: 'p:/', database: 'da/ta', application_name: 'a+b c' },
    options: expect.stringMatching(/^-c a=b -c row_security=off /),
  })
})

it('a service in the URL or in PGSERVICE fills what the URL leaves open, before the other variables', () => {
  const file = join(folder(), 'services')
  writeFileSync(file, '[one]\nhost=a\nport=7\nsslmode=disable\n[two]\nsslmod=require\n')
  const env = { PGSERVICEFILE: file, PGPORT: '9', PGUSER: 'u', HOME: '/nonexistent' }
  const named = urlTarget('postgresql:///d?service=one', 'the test', env)
  expect([places(named), named.sslMode]).toEqual([['a 7'], 'disable'])
  expect(places(urlTarget('postgresql://b/d', 't', { ...env, PGSERVICE: 'one' }))).toEqual(['b 7'])
  expect(() => urlTarget('postgresql:///d?service=two', 't', env)).toThrow(
    '"sslmod" of service two is not a connection parameter',
  )
})

it('passfile names the file of passwords, and a file that others may read is ignored and named', async () => {
  const file = join(folder(), 'passwords')
  writeFileSync(file, '# comment\nh:*:d:u:p\\:w\\\\rd\n', { mode: 0o600 })
  const passwords = (rest: string, env = {}) =>
    (of(rest, env).config.password as () => Promise<string>)()
  expect(await passwords(`?passfile=${file}`)).toBe('p:w\\rd')
  expect(await passwords('', { PGPASSFILE: file })).toBe('p:w\\rd')
  chmodSync(file, 0o644)
  await expect(passwords(`?passfile=${file}`)).rejects.toMatchObject({
    code: 'access_denied',
    hint: `other users may read ${file}, so it is ignored: run \`chmod 600\` on it`,
  })
})

it('without a user, and with none in passwd, it is wrong usage', async () => {
  vi.doMock('node:os', async (original) => ({
    ...(await original<typeof import('node:os')>()),
    userInfo: () => {
      throw new Error('uv_os_get_passwd returned ENOENT')
    },
  }))
  vi.resetModules()
  const { chooseDatabase } = await import('../../../src/db/connect/target.ts')
  vi.doUnmock('node:os')
  vi.resetModules()
  await expect(chooseDatabase({ env: { PGHOST: 'h' }, cwd: '/' })).rejects.toMatchObject({
    code: 'usage',
    hint: 'name one in the URL, postgresql://user@host/database, or set PGUSER',
  })
  const named = await chooseDatabase({ env: { PGHOST: 'h', PGUSER: 'u' }, cwd: '/' })
  expect(named.label).toBe('u@h:5432/u')
})
