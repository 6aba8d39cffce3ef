import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { passwordFromFile } from '../../src/db/connect/libpq.ts'
import { readPassword, startEmbedded, stopEmbedded } from '../../src/db/embedded/server.ts'
import { type CliOptions, runCli } from '../support/cli.ts'
import { createDatabase, loadLegacy, type TestDatabase } from '../support/database.ts'
import { dataFolder } from '../support/folder.ts'
import { createMigrated } from '../support/migrated.ts'

const list = (options: CliOptions, ...argv: string[]) =>
  runCli(['executions', 'list', ...argv], options)

/** A server on loopback that asks for a password. */
let dir: string
let port: number
let password: string
let store: TestDatabase
let bare: TestDatabase
let silent: Server

beforeAll(async () => {
  dir = dataFolder('tcp')
  port = (await startEmbedded(dir, { create: true, transport: 'tcp', path: process.env.PATH })).port
  password = readPassword(dir)
  store = await createMigrated('connection')
  bare = await createDatabase('connection_bare')
  silent = createServer(() => {})
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
})
afterAll(async () => {
  await stopEmbedded(dir)
  rmSync(dir, { recursive: true, force: true })
  await store.drop()
  await bare.drop()
  silent.close()
})

it('without a database, a command fails with exit 3 and creates nothing', async () => {
  const cwd = dataFolder('none')
  expect(await list({ cwd })).toEqual({
    code: 3,
    stdout: '',
    stderr: `error: no database is set, and there is no embedded database in ${cwd}/.wfstore; name one with --database-url or WFSTORE_DATABASE_URL, or create one here with \`wfstore demo\` or \`wfstore migrate up\`\n`,
  })
  expect((await list({ cwd, env: { DATABASE_URL: '' } })).code).toBe(3)
  expect(readdirSync(cwd)).toEqual([])
  rmSync(cwd, { recursive: true })
})

it('a wrong password is exit 3, and no password is printed in any format', async () => {
  const secrets = ['hunter2-s3cret', 'p@ss:w/rd']
  for (const secret of secrets) {
    const url = `postgresql://wfstore:${encodeURIComponent(secret)}@127.0.0.1:${port}/wfstore`
    const choices: [string[], CliOptions][] = [
      [['--database-url', url], {}],
      [[], { env: { WFSTORE_DATABASE_URL: url } }],
      [[], { env: { DATABASE_URL: url } }],
      [
        [],
        {
          env: { PGHOST: '127.0.0.1', PGPORT: String(port), PGUSER: 'wfstore', PGPASSWORD: secret },
        },
      ],
    ]
    for (const [argv, options] of choices) {
      for (const extra of [[], ['--verbose'], ['--json'], ['--json', '--verbose']]) {
        const { code, stdout, stderr } = await list(options, ...argv, ...extra)
        expect([code, stdout]).toEqual([3, ''])
        expect(stderr).toMatch(/cannot log in as .*: password authentication failed for user/)
        expect(stderr).not.toContain(secret)
        expect(stderr).not.toContain(encodeURIComponent(secret))
      }
    }
  }
})

it('a wrong password is exit 3, and the error names the server, user and database that were tried', async () => {
  const { code, stderr } = await list(
    {},
    '--database-url',
    `postgresql://wfstore:wrong@127.0.0.1:${port}/wfstore`,
  )
  expect([code, stderr]).toEqual([
    3,
    `error: cannot log in as wfstore@127.0.0.1:${port}/wfstore: password authentication failed for user "wfstore"; check the user and the password (PGPASSWORD, ~/.pgpass, or the URL)\n`,
  ])
})

it('a missing password is exit 3, and the hint has a place for it', async () => {
  const { code, stderr } = await list(
    {},
    '--database-url',
    `postgresql://wfstore@127.0.0.1:${port}/wfstore`,
  )
  expect([code, stderr]).toEqual([
    3,
    `error: the server requires a password for wfstore@127.0.0.1:${port}/wfstore, and none is given; set PGPASSWORD, or write it to ~/.pgpass\n`,
  ])
})

it('a malformed URL is wrong usage, and its password is not printed', async () => {
  for (const url of [
    'postgresql://u:hunter2-s3cret@[bad/x',
    'postgres//u:hunter2-s3cret@h/d',
    'postgresql://u:hunter2-s3cret@h:notaport/x',
  ]) {
    const { code, stderr } = await list({ env: { DATABASE_URL: url } })
    expect([url, code, stderr.split('\n').length]).toEqual([url, 2, 2])
    expect(stderr).not.toContain('hunter2')
  }
})

it('a missing database is exit 3', async () => {
  const { code, stderr } = await list(
    {},
    '--database-url',
    `postgresql://wfstore:${password}@127.0.0.1:${port}/nope`,
  )
  expect([code, stderr]).toEqual([
    3,
    `error: cannot log in as wfstore@127.0.0.1:${port}/nope: database "nope" does not exist; check the name, or create it with createdb\n`,
  ])
})

it('a missing server, or one that does not answer, is exit 3 within the connect timeout', async () => {
  const refused = await list({}, '--database-url', 'postgresql://u:hunter2-s3cret@127.0.0.1:1/d')
  expect(refused).toEqual({
    code: 3,
    stdout: '',
    stderr:
      'error: cannot reach PostgreSQL as u@127.0.0.1:1/d: connect ECONNREFUSED 127.0.0.1:1; check that the server is running and that --database-url is right\n',
  })
  const { port: mute } = silent.address() as { port: number }
  const { code, stderr } = await list(
    { env: { PGCONNECT_TIMEOUT: '2' } },
    '--database-url',
    `postgresql://u@127.0.0.1:${mute}/d`,
  )
  expect([code, stderr]).toEqual([
    3,
    `error: cannot reach PostgreSQL as u@127.0.0.1:${mute}/d: no answer within 2 s; check that the server is running and that --database-url is right\n`,
  ])
})

it('a database without the schema is exit 4 and names the command that creates it', async () => {
  const url = ['--database-url', bare.url]
  expect(await list({}, ...url)).toEqual({
    code: 4,
    stdout: '',
    stderr: 'error: this database has no wfstore schema; run `wfstore migrate up`\n',
  })
  expect((await list({}, ...url, '--schema', 'nope')).stderr).toBe(
    'error: the search path "nope" has no wfstore schema; give the schema with --schema, or create one: `wfstore migrate up --schema <name>`\n',
  )
  expect((await runCli(['migrate', 'up', '--schema', 'Beside us', ...url])).code).toBe(0)
  expect(await list({}, ...url, '--schema', 'Beside us', '--no-headers')).toEqual({
    code: 0,
    stdout: '',
    stderr: '',
  })
  await loadLegacy(bare)
  expect((await list({}, ...url)).stderr).toBe(
    'error: this database has workflow tables that wfstore has not adopted yet; run `wfstore migrate up` to adopt them in place; no row is lost\n',
  )
  expect((await runCli(['migrate', 'up', '--yes', ...url])).code).toBe(0)
  expect((await list({}, ...url, '--limit', '1')).code).toBe(0)
})

it('a newer schema than this version knows is exit 4', async () => {
  await store.sql(`insert into wfstore_migrations (name) values ('999_future')`)
  const { code, stderr } = await list({}, '--database-url', store.url)
  expect(code).toBe(4)
  expect(stderr).toContain('999_future')
  await store.sql(`delete from wfstore_migrations where name = '999_future'`)
})

it('the first that is set wins: flag, WFSTORE_DATABASE_URL, DATABASE_URL, PG*', async () => {
  const bad = (name: string) => `postgresql://nobody@127.0.0.1:1/${name}`
  const env = {
    WFSTORE_DATABASE_URL: bad('first'),
    DATABASE_URL: bad('second'),
    PGHOST: '127.0.0.1',
    PGPORT: '1',
    PGDATABASE: 'third',
    PGUSER: 'nobody',
  }
  expect((await list({ env }, '--database-url', store.url)).code).toBe(0)
  expect((await list({ env })).stderr).toContain(
    '/first: connect ECONNREFUSED 127.0.0.1:1; check that the server is running and that WFSTORE_DATABASE_URL is right',
  )
  expect((await list({ env: { ...env, WFSTORE_DATABASE_URL: '' } })).stderr).toContain('/second')
  expect(
    (await list({ env: { ...env, WFSTORE_DATABASE_URL: '', DATABASE_URL: undefined } })).stderr,
  ).toContain('nobody@127.0.0.1:1/third')
})

it('a service of pg_service.conf is found, and one that is not defined is wrong usage', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'wfstore-service-'))
  const file = join(folder, 'services')
  writeFileSync(
    file,
    `[books]\nhost=127.0.0.1\nport=${port}\n# password is in the environment\ndbname=nope\nuser=wfstore\n`,
  )
  const env = { PGSERVICEFILE: file, PGSERVICE: 'books', PGPASSWORD: password }
  expect((await list({ env })).stderr).toContain('database "nope" does not exist')
  expect(await list({ env: { ...env, PGSERVICE: 'boks' } })).toEqual({
    code: 2,
    stdout: '',
    stderr: `error: the service "boks" is not defined; define [boks] in ${file}\n`,
  })
  rmSync(folder, { recursive: true })
})

it('every connection has the command as its name, or PGAPPNAME', async () => {
  const locker = await store.connect()
  const choices: [env: Record<string, string>, name: string][] = [
    [{}, 'wfstore executions list'],
    [{ PGAPPNAME: 'night shift' }, 'night shift'],
  ]
  for (const [env, name] of choices) {
    // The list waits for this lock, so that its connection can be looked at.
    await locker.query('begin; lock table workflow_executions')
    const listed = list({ env }, '--database-url', store.url)
    let names: unknown[] = []
    while (names.length === 0) {
      const rows = await store.sql(
        `select application_name as name from pg_stat_activity
         where datname = current_database() and wait_event_type = 'Lock'`,
      )
      names = rows.map((row) => row.name)
    }
    await locker.query('commit')
    expect(names).toEqual([name])
    expect((await listed).code).toBe(0)
  }
  await locker.end()
})

it('sslmode works as in psql: prefer continues without TLS, require does not, an invalid value is refused', async () => {
  const url = `postgresql://wfstore:${password}@127.0.0.1:${port}/nope`
  const outcome = async (mode: string, env = {}) => {
    const { code, stderr } = await list(
      { env },
      '--database-url',
      mode ? `${url}?sslmode=${mode}` : url,
    )
    return [code, /does not exist/.test(stderr) ? 'connected' : stderr]
  }
  expect(await outcome('')).toEqual([3, 'connected'])
  // An empty variable is no default: what was to fill it is missing.
  expect((await outcome('', { PGSSLMODE: '' }))[0]).toBe(2)
  for (const mode of ['disable', 'allow', 'prefer']) {
    expect([mode, ...(await outcome(mode))]).toEqual([mode, 3, 'connected'])
    expect([mode, ...(await outcome('', { PGSSLMODE: mode }))]).toEqual([mode, 3, 'connected'])
  }
  for (const refused of [await outcome('require'), await outcome('', { PGSSLMODE: 'require' })]) {
    expect(refused).toEqual([
      3,
      expect.stringContaining('the server does not support TLS, which sslmode=require requires'),
    ])
  }
  expect(await outcome('sometimes')).toEqual([
    2,
    'error: sslmode "sometimes" of --database-url is unknown; it is one of disable, allow, prefer, require, verify-ca, verify-full\n',
  ])
  expect((await outcome('', { PGSSLMODE: 'verify-ca' }))[0]).toBe(2)
})

it('settings of other servers in the environment do not affect the embedded one', async () => {
  const cwd = dataFolder('own')
  const folder = join(cwd, '.wfstore')
  // pg itself reads the variables of the process.
  const before = { ...process.env }
  Object.assign(process.env, {
    PGSSLMODE: 'require',
    PGSSLNEGOTIATION: 'direct',
    PGOPTIONS: '-c search_path=nowhere',
    PGPASSWORD: 'other',
  })
  try {
    const env = { PATH: process.env.PATH }
    expect((await runCli(['migrate', 'up'], { cwd, env })).code).toBe(0)
    expect(await list({ cwd, env }, '--no-headers')).toEqual({ code: 0, stdout: '', stderr: '' })
  } finally {
    for (const name of ['PGSSLMODE', 'PGSSLNEGOTIATION', 'PGOPTIONS', 'PGPASSWORD']) {
      if (before[name] === undefined) delete process.env[name]
    }
    await stopEmbedded(folder)
    rmSync(cwd, { recursive: true, force: true })
  }
})

it('~/.pgpass is read, for the folder of a socket as for a host', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'wfstore-pgpass-'))
  const file = join(folder, 'pgpass')
  writeFileSync(file, `/run/sockets:*:*:*:by-folder\nlocalhost:*:*:*:by-name\nh:1:d:u:by-host\n`, {
    mode: 0o600,
  })
  try {
    const of = (host: string) => passwordFromFile({ host, port: 1, database: 'd', user: 'u' }, file)
    expect(await Promise.all(['/run/sockets', '/elsewhere', 'h', 'g'].map(of))).toEqual([
      'by-folder',
      'by-name',
      'by-host',
      undefined,
    ])
  } finally {
    rmSync(folder, { recursive: true })
  }
})
