// @module-tag slow
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import * as fs from 'node:fs'
import { basename, join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import {
  embeddedExists,
  logFile,
  runningServer,
  startEmbedded,
  stopEmbedded,
} from '../../../src/db/embedded/server.ts'
import {
  ask,
  cleanUp,
  connectTo,
  embeddedIn,
  embeddedOfNobody,
  isAlive,
  kill,
  leftovers,
  nobody,
  quick,
  scripted,
  starter,
} from './support.ts'

afterEach(cleanUp)

const there = { interval: 10, timeout: 30_000 }
const pidFile = (dir: string) => join(dir, 'data', 'postmaster.pid')

/** Starts them in as many processes, as nearly at once as can be. */
async function startAll(count: number, dir: string, create: boolean): Promise<Set<number>> {
  const starters = await Promise.all(Array.from({ length: count }, () => starter()))
  const outcomes = await Promise.all(starters.map(({ start }) => start(dir, { ...quick, create })))
  expect(outcomes.flatMap(({ error }) => error ?? [])).toEqual([])
  return new Set(outcomes.map(({ server }) => server?.pid ?? 0))
}

describe('processes that start the embedded server at once', () => {
  it('get one server on an empty folder, and one on a folder whose server is stopped', async () => {
    const dir = embeddedIn()
    const [first, ...others] = await startAll(4, dir, true)
    expect(others).toEqual([])
    expect((await runningServer(dir))?.pid).toBe(first)
    expect(fs.readdirSync(dir).sort()).toEqual([
      ...['.gitignore', 'data', 'postgres.log'],
      expect.stringMatching(/^run-/),
    ])
    await stopEmbedded(dir)
    const again = await startAll(4, dir, false)
    expect(again.size).toBe(1)
    expect(again.has(first ?? 0)).toBe(false)
  })

  it('wait for a server that shuts down, then share the next one', async () => {
    const dir = embeddedIn()
    const old = await startEmbedded(dir, quick)
    const checkpointer = Number(
      await ask(old, `select pid from pg_stat_activity where backend_type = 'checkpointer'`),
    )
    // Held, it keeps the server from ending.
    process.kill(checkpointer, 'SIGSTOP')
    const stopping = stopEmbedded(dir)
    await expect.poll(() => fs.readFileSync(pidFile(dir), 'utf8'), there).toContain('stopping')
    expect(await runningServer(dir)).toBeUndefined()
    const starting = startAll(2, dir, false)
    process.kill(checkpointer, 'SIGCONT')
    expect(await stopping).toBe(old.pid)
    const [next, ...others] = await starting
    expect(others).toEqual([])
    expect(next).not.toBe(old.pid)
    expect((await runningServer(dir))?.pid).toBe(next)
  })

  it('leave the unfinished files of a live process, and remove those of a dead one', async () => {
    const dir = embeddedIn()
    await startEmbedded(dir, quick)
    await stopEmbedded(dir)
    const gone = spawn(process.execPath, ['--version'], { stdio: 'ignore' })
    await once(gone, 'exit')
    const dead = join(dir, `init-${gone.pid}-abcdef`)
    // A number comes back soon in a container: the same one does not make it ours.
    const namesake = join(dir, `init-${process.pid}-abcdef`)
    const live = join(dir, `init-${process.ppid}-abcdef`)
    for (const path of [dead, namesake, live]) {
      fs.mkdirSync(join(path, 'data', 'base'), { recursive: true })
    }
    fs.writeFileSync(join(dir, 'starting'), `${gone.pid}-abcdef`)
    await startEmbedded(dir, quick)
    expect(leftovers(dir)).toEqual([basename(live)])
    expect(fs.existsSync(join(live, 'data', 'base'))).toBe(true)
    expect(fs.existsSync(join(dir, 'starting'))).toBe(false)
  })
})

describe('a starter killed with SIGKILL', () => {
  it('during initdb leaves a folder that the next start can use and tidy', async () => {
    const dir = embeddedOfNobody()
    const killed = await starter(nobody)
    const outcome = killed.start(dir)
    const making = () =>
      fs.existsSync(dir) &&
      leftovers(dir).some((name) => fs.existsSync(join(dir, name, 'data', 'PG_VERSION')))
    await expect.poll(making, there).toBe(true)
    await kill(killed.process)
    expect(await outcome).toEqual({ died: 'SIGKILL' })
    expect(embeddedExists(dir)).toBe(false)
    const { server, error } = await (await starter(nobody)).start(dir)
    expect(error).toBeUndefined()
    expect(server && (await ask(server, 'select current_database()'))).toBe('wfstore')
    expect(leftovers(dir)).toEqual([])
  })

  it.each([
    ['between initdb and the making of the database', '--single', false],
    ['between the making of the data and the launch of the server', '-D', true],
  ])('%s leaves a folder that the next start can use and tidy', async (_, argument, made) => {
    const dir = embeddedOfNobody()
    const killer = scripted({
      postgres: `[ "$1" = ${argument} ] && kill -9 $PPID && exit 1; real "$@"`,
    })
    const outcome = await (await starter(nobody)).start(dir, { ...quick, ...killer })
    expect(outcome).toEqual({ died: 'SIGKILL' })
    expect(embeddedExists(dir)).toBe(made)
    expect(leftovers(dir)).toHaveLength(made ? 0 : 1)
    const { server, error } = await (await starter(nobody)).start(dir)
    expect(error).toBeUndefined()
    expect(server && (await ask(server, 'select current_database()'))).toBe('wfstore')
    expect(leftovers(dir)).toEqual([])
  })
})

describe('after a crash of the server', () => {
  it('a start waits for the last processes to end, and recovers the committed rows', async () => {
    const dir = embeddedIn()
    const first = await startEmbedded(dir, { ...quick, settings: {} })
    await ask(first, 'create table kept as select 42 as answer')
    const client = await connectTo(first)
    const { rows } = await client.query('select pg_backend_pid() as pid')
    // Such a loop never looks whether the server is still there.
    const busy = client.query('do $$ begin loop end loop; end $$').catch(() => 'ended')
    await expect
      .poll(
        () => ask(first, `select count(*)::int from pg_stat_activity where query like 'do $$%'`),
        there,
      )
      .toBe(1)
    process.kill(first.pid, 'SIGKILL')
    await expect.poll(() => isAlive(first.pid), there).toBe(false)
    expect(await runningServer(dir)).toBeUndefined()
    const restarted = startEmbedded(dir, { path: process.env.PATH })
    await expect.poll(() => fs.readFileSync(logFile(dir), 'utf8'), there).toContain('still in use')
    process.kill(rows[0].pid, 'SIGKILL')
    expect(await busy).toBe('ended')
    await client.end()
    const second = await restarted
    expect(second.pid).not.toBe(first.pid)
    expect(await ask(second, 'select answer from kept')).toBe(42)
  })

  it('a start ignores lock files that a full disk left empty', async () => {
    const dir = embeddedIn()
    const { socketDir = '' } = await startEmbedded(dir, quick)
    await stopEmbedded(dir)
    for (const file of [pidFile(dir), join(socketDir, '.s.PGSQL.5432.lock')]) {
      fs.writeFileSync(file, '')
    }
    expect(await ask(await startEmbedded(dir, quick), 'select 1')).toBe(1)
  })

  it('a start ignores another program with the process id of the dead server, and stop does not end it', async () => {
    const dir = embeddedIn()
    const first = await startEmbedded(dir, quick)
    process.kill(first.pid, 'SIGKILL')
    await expect.poll(() => isAlive(first.pid), there).toBe(false)
    // As the same user, or PostgreSQL would see for itself that it cannot be the server.
    const other = spawn('sleep', ['600'], { ...nobody, stdio: 'ignore' })
    try {
      await once(other, 'spawn')
      for (const file of [pidFile(dir), join(first.socketDir ?? '', '.s.PGSQL.5432.lock')]) {
        const [, ...rest] = fs.readFileSync(file, 'utf8').split('\n')
        fs.writeFileSync(file, [other.pid, ...rest].join('\n'))
      }
      expect(await stopEmbedded(dir)).toBeUndefined()
      const second = await startEmbedded(dir, quick)
      expect(await ask(second, 'select 1')).toBe(1)
      expect(isAlive(other.pid ?? 0)).toBe(true)
    } finally {
      await kill(other)
    }
  })
})
