import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, expect, it, vi } from 'vitest'
import { BEAT_MS, STALE_MS, tryLock } from '../src/lock-file.ts'
import { type Holder, newHolder } from '../src/lock-holder.ts'

let folder: string
let path: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'wfstore-lock-'))
  path = join(folder, 'file.lock')
})
afterEach(() => {
  vi.useRealTimers()
  rmSync(path, { force: true })
})
afterAll(() => rmSync(folder, { recursive: true }))

const attempt = (options?: { force: boolean }) => {
  const lock = tryLock(path, options)
  return 'release' in lock ? lock : { holder: lock.holder }
}
function take(options?: { force: boolean }) {
  const lock = tryLock(path, options)
  if (!('release' in lock)) throw new Error(`held by ${lock.holder}`)
  return lock
}

/** A lock as this process would write it, except for this. */
function heldBy(other: Partial<Holder>): void {
  writeFileSync(path, JSON.stringify({ ...newHolder(), ...other }))
}
/** Sets the age of the lock. A negative one is of a clock that was set back. */
function age(ms: number): void {
  const then = new Date(Date.now() - ms)
  utimesSync(path, then, then)
}
/** The lock is taken, and released again. */
function expectAbandoned(): void {
  take().release()
  expect(readdirSync(folder)).toEqual([])
}

async function deadPid(): Promise<number> {
  const child = spawn(process.execPath, ['--version'], { stdio: 'ignore' })
  await once(child, 'exit')
  return child.pid as number
}

/** When a process started, in ticks since the host started. */
const startOf = (pid: number) =>
  readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ')[19] as string

it('a lock has one holder, also within a process, until it is released', () => {
  const lock = take()
  expect(attempt()).toEqual({ holder: process.pid })
  expect(lock.isHeld()).toBe(true)
  lock.release()
  expectAbandoned()
})

it('a lock of a process that runs is left alone, however old it is', () => {
  heldBy({ pid: process.ppid, started: startOf(process.ppid) })
  const theirs = readFileSync(path, 'utf8')
  age(2 * STALE_MS)
  expect(attempt()).toEqual({ holder: process.ppid })
  expect(readFileSync(path, 'utf8')).toBe(theirs)
})

it('a lock of a dead process is taken at once, also if another process has its id now', async () => {
  for (const of of [
    { pid: await deadPid() },
    { pid: process.ppid, started: '1' },
    { pid: process.pid, started: '1' },
    { boot: 'of an earlier start of the host' },
  ]) {
    heldBy(of)
    expectAbandoned()
  }
})

it('a lock of a dead process that its parent did not collect is taken at once', async () => {
  // The shell would collect it; `cat` does not.
  const parent = spawn('sh', ['-c', 'sleep 1000 >&2 & exec cat /proc/self/task/$$/children -'])
  const [text] = await once(parent.stdout, 'data')
  const pid = Number.parseInt(String(text), 10)
  process.kill(pid, 'SIGKILL')
  const state = () => readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.[0]
  await vi.waitUntil(() => state() === 'Z')
  heldBy({ pid, started: startOf(pid) })
  expectAbandoned()
  parent.kill()
})

it.each([
  ['another host', { host: 'other' }],
  ['another container', { pidNamespace: 'pid:[1]' }],
  ['a process without a start time', { started: '' }],
  ['no process, because it is empty', undefined],
])('a lock of %s is held until it is stale', (_, of) => {
  if (of) heldBy(of)
  else writeFileSync(path, '')
  for (const ms of [0, STALE_MS - 5000, 5000 - STALE_MS]) {
    age(ms)
    expect(attempt()).toEqual({ holder: of && process.pid })
  }
  age(STALE_MS + 5000)
  expectAbandoned()
})

it('a lock from the future is stale, too', () => {
  heldBy({ host: 'other' })
  age(-STALE_MS - 5000)
  expectAbandoned()
})

it('a holder writes its lock again, many times before it is stale, until another one takes it', () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
  expect(BEAT_MS).toBeLessThanOrEqual(STALE_MS / 5)
  const ageAfterBeat = () => {
    age(STALE_MS)
    vi.advanceTimersByTime(BEAT_MS)
    return Date.now() - statSync(path).mtimeMs
  }
  const lock = take()
  const content = readFileSync(path, 'utf8')
  expect(ageAfterBeat()).toBeLessThan(BEAT_MS)
  expect(readFileSync(path, 'utf8')).toBe(content)
  rmSync(path)
  writeFileSync(path, 'of another one')
  expect(ageAfterBeat()).toBeGreaterThanOrEqual(STALE_MS)
  lock.release()
  expect(readFileSync(path, 'utf8')).toBe('of another one')
})

it('a lock taken by force is not released by the one who lost it', () => {
  const first = take()
  const second = take({ force: true })
  expect([first.isHeld(), second.isHeld()]).toEqual([false, true])
  first.release()
  expect(existsSync(path)).toBe(true)
  second.release()
  expect(readdirSync(folder)).toEqual([])
})

const UNSHARE = ['-pf', '--mount-proc']
const canUnshare = spawnSync('unshare', [...UNSHARE, 'true']).status === 0

it.skipIf(!canUnshare)(
  'the first process of each container has id 1, and its lock is held in another one (needs unshare)',
  () => {
    const identity = `readlink /proc/self/ns/pid; cat /proc/1/stat`
    const other = spawnSync('unshare', [...UNSHARE, 'sh', '-c', identity], { encoding: 'utf8' })
    const [pidNamespace, stat] = other.stdout.split('\n') as [string, string]
    heldBy({ pidNamespace, pid: 1, started: stat.split(') ').at(-1)?.split(' ')[19] as string })
    expect(attempt()).toEqual({ holder: 1 })
    age(STALE_MS + 5000)
    expectAbandoned()
  },
)
