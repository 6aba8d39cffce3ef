import { once } from 'node:events'
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { serverAccount } from '../../../src/db/embedded/account.ts'
import { withinReach } from '../../../src/db/embedded/reach.ts'
import {
  embeddedExists,
  embeddedVersion,
  logFile,
  passFile,
  readPassword,
  runningServer,
  startEmbedded,
  stopEmbedded,
} from '../../../src/db/embedded/server.ts'
import {
  ask,
  cleanUp,
  embeddedIn,
  embeddedOfNobody,
  isAlive,
  isRoot,
  mode,
  nobody,
  packageRoot,
  quick,
  starter,
  temporary,
} from './support.ts'

afterEach(cleanUp)

describe('the embedded server', () => {
  it('ends with stop, and keeps its data for the next start', async () => {
    const dir = embeddedIn()
    const first = await startEmbedded(dir, quick)
    expect(await runningServer(dir)).toEqual(first)
    await ask(first, 'create table kept as select 42 as answer')
    expect(await stopEmbedded(dir)).toBe(first.pid)
    await expect.poll(() => isAlive(first.pid)).toBe(false)
    expect(await runningServer(dir)).toBeUndefined()
    expect(await stopEmbedded(dir)).toBeUndefined()
    expect(embeddedExists(dir)).toBe(true)
    const second = await startEmbedded(dir, { path: process.env.PATH })
    expect(second.pid).not.toBe(first.pid)
    expect(await ask(second, 'select answer from kept')).toBe(42)
    expect(await ask(second, 'show server_version_num')).toMatch(
      new RegExp(`^${embeddedVersion(dir)}`),
    )
  })

  it('of a user who is not root runs on after its starter is killed, and ignores PG* variables', async () => {
    const dir = embeddedOfNobody()
    const other = await starter(nobody, {
      PGDATA: '/nowhere',
      PGPORT: '1',
      PGHOST: 'nowhere.invalid',
      PGOPTIONS: '-c geqo=nonsense',
      PGPASSWORD: 'a-secret-of-ours',
    })
    const { server, error } = await other.start(dir)
    expect(error).toBeUndefined()
    if (!server) return
    // As a terminal would: not it alone, but all that belong to it.
    process.kill(-(other.process.pid ?? 0), 'SIGKILL')
    await once(other.process, 'exit')
    expect(isAlive(server.pid)).toBe(true)
    expect(await ask(server, 'select 1')).toBe(1)
    const environment = `/proc/${server.pid}/environ`
    if (existsSync(environment)) {
      expect(readFileSync(environment, 'utf8')).not.toContain('a-secret-of-ours')
    }
    expect(server.socketDir).toMatch(/\/run-[0-9a-f]{8}$/)
    expect([dir, server.socketDir ?? '', join(dir, 'data')].map(mode)).toEqual([
      '700',
      '700',
      '700',
    ])
  })

  it('syncs to disk, listens on no network, and closes its folders to other users', async () => {
    const dir = embeddedIn(join(temporary(), 'a, "b" é'))
    const server = await startEmbedded(dir, { create: true })
    expect(await ask(server, 'show fsync')).toBe('on')
    expect(await ask(server, 'show synchronous_commit')).toBe('on')
    expect(await ask(server, 'show listen_addresses')).toBe('')
    expect(await ask(server, 'show timezone')).toBe('UTC')
    expect(server.socketDir).toMatch(/\/run-[0-9a-f]{8}$/)
    expect([dir, server.socketDir ?? '', join(dir, 'data')].map(mode)).toEqual([
      '700',
      '700',
      '700',
    ])
    expect([logFile(dir), passFile(dir)].map(mode)).toEqual(['600', '600'])
    expect(readFileSync(join(dir, '.gitignore'), 'utf8')).toBe('*\n')
  })

  it('of a folder that is removed and created again keeps its socket when the first one ends', async () => {
    const dir = embeddedIn()
    const first = await startEmbedded(dir, quick)
    rmSync(dir, { recursive: true })
    const second = await startEmbedded(dir, quick)
    // It may have noticed already.
    if (isAlive(first.pid)) process.kill(first.pid, 'SIGINT')
    await expect.poll(() => isAlive(first.pid), { interval: 10, timeout: 30_000 }).toBe(false)
    expect(await runningServer(dir)).toEqual(second)
    expect(await ask(second, 'select 1')).toBe(1)
  })

  it('over TCP listens only on loopback and asks for its random password', async () => {
    const dir = embeddedIn()
    const server = await startEmbedded(dir, { ...quick, transport: 'tcp' })
    const password = readPassword(dir)
    expect(server.socketDir).toBeUndefined()
    expect(password).toMatch(/^[\w-]{32}$/)
    expect(mode(passFile(dir))).toBe('600')
    expect(await ask(server, 'show listen_addresses', { password })).toBe('127.0.0.1')
    expect(await ask(server, 'show unix_socket_directories', { password })).toBe('')
    for (const wrong of ['', 'wfstore']) {
      await expect(ask(server, 'select 1', { password: `${wrong}?` })).rejects.toMatchObject({
        code: '28P01',
      })
    }
    expect(await startEmbedded(dir, { ...quick, transport: 'tcp' })).toEqual(server)
    expect(await runningServer(dir)).toEqual(server)
    expect(await stopEmbedded(dir)).toBe(server.pid)
  })

  it('works in a path that is too long for a Unix socket', async () => {
    const base = join(temporary(), 'a, "b" é'.padEnd(100, 'x'))
    const dir = embeddedIn(base)
    const server = await startEmbedded(dir, quick)
    const socketDir = server.socketDir ?? ''
    try {
      expect(await ask(server, 'select 1')).toBe(1)
      expect(socketDir).not.toContain(base)
      expect([dirname(socketDir), socketDir].map(mode)).toEqual(['700', '700'])
      await stopEmbedded(dir)
      // Always the same one: starts do not fill the folder for temporary files.
      expect((await startEmbedded(dir, quick)).socketDir).toBe(socketDir)
    } finally {
      await stopEmbedded(dir)
      rmSync(dirname(socketDir), { recursive: true, force: true })
    }
  })
})

describe.runIf(isRoot && process.platform === 'linux')('started by root', () => {
  const status = (pid: number, field: string): string | undefined =>
    new RegExp(`^${field}:\\s*(.*)$`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
  const none = '0000000000000000'

  it('in a folder that only root can enter runs as another user without privileges', async () => {
    const dir = embeddedIn()
    const secret = join(dirname(dir), 'secret')
    writeFileSync(secret, 'of root')
    const server = await startEmbedded(dir, quick)
    expect(status(server.pid, 'Uid')).toBe('65534\t65534\t65534\t65534')
    for (const field of ['CapInh', 'CapPrm', 'CapEff', 'CapAmb'])
      expect(status(server.pid, field)).toBe(none)
    await expect(ask(server, `select pg_read_file('${secret}')`)).rejects.toMatchObject({
      code: '42501',
    })
    // It can write to its folders, and nowhere else.
    await ask(server, 'create table kept as select 42 as answer')
    await ask(server, 'checkpoint')
    expect([dir, server.socketDir ?? '', join(dir, 'data')].map(mode)).toEqual([
      '700',
      '700',
      '700',
    ])
    expect([dir, logFile(dir)].map((path) => statSync(path).uid)).toEqual([0, 0])
  })

  it('runs a copy of programs that its user cannot reach, made once', async () => {
    const closed = temporary(0o700, mkdtempSync(join(tmpdir(), 'wfstore-closed-')))
    const copies = temporary(0o755, mkdtempSync(join(tmpdir(), 'wfstore-copies-')))
    cpSync(join(packageRoot, 'native'), closed, { recursive: true, verbatimSymlinks: true })
    chmodSync(closed, 0o700)
    const binaries = {
      ...{ postgres: join(closed, 'bin/postgres'), initdb: join(closed, 'bin/initdb') },
      ...{ version: '18', env: {} },
    }
    const account = serverAccount()
    const first = await withinReach(binaries, account, copies)
    expect(dirname(dirname(dirname(first.postgres)))).toBe(copies)
    expect(mode(first.postgres)).toBe('755')
    expect(await withinReach(binaries, account, copies)).toEqual(first)
    expect(readdirSync(copies)).toHaveLength(1)
    expect(await withinReach(first, account, copies)).toEqual(first)
    const path = `${dirname(first.postgres)}:${process.env.PATH}`
    const server = await startEmbedded(embeddedIn(), { ...quick, path, binariesFrom: copies })
    expect(await ask(server, 'select 1')).toBe(1)
  })

  it('names the programs that its user cannot reach and that cannot be copied', async () => {
    const closed = temporary()
    const postgres = join(closed, 'postgres')
    writeFileSync(postgres, '', { mode: 0o700 })
    const binaries = { postgres, initdb: postgres, version: '18', env: {} }
    await expect(withinReach(binaries, serverAccount(), closed)).rejects.toMatchObject({
      code: 'unreachable',
      message: expect.stringContaining(`who cannot run ${postgres}: `),
      hint: expect.stringContaining('run it as another user than root'),
    })
  })
})
