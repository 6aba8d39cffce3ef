import { randomBytes } from 'node:crypto'
import * as fs from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { alive } from './postmaster.ts'

/** A start takes a second; whoever takes longer is recovering from a crash, which the launch waits for, or hangs. */
const PATIENCE_MS = 10_000
const POLL_MS = 10

const random = () => randomBytes(8).toString('hex')
/** A number alone would be that of a dead starter too: in a container the first process is always 1. */
const me = `${process.pid}-${random()}`

/** The beginning of the names of what a starter makes for itself, to be cleared away should it be killed. */
export const temporaryName = `init-${me}-`

/**
 * Runs `work` while no other starter of this folder runs its own. This is courtesy: it saves work, and spares
 * PostgreSQL the moments in which two servers that start at once fail for each other's half-written or stale
 * postmaster.pid. That only one server gets the data does not rest on it, so nobody waits for ever.
 */
export async function inTurn<T>(dir: string, work: () => Promise<T>): Promise<T> {
  const lock = join(dir, 'starting')
  const token = `${temporaryName}${random()}`
  const ticket = join(dir, token)
  fs.writeFileSync(ticket, token)
  try {
    const deadline = Date.now() + PATIENCE_MS
    while (!take(ticket, lock, Date.now() > deadline)) await sleep(POLL_MS)
  } finally {
    fs.rmSync(ticket, { force: true })
  }
  try {
    return await work()
  } finally {
    if (holder(lock) === token) fs.rmSync(lock, { force: true })
  }
}

/** Half-made data directories and the like, of starters that are gone. */
export async function removeAbandoned(dir: string): Promise<void> {
  for (const name of fs.readdirSync(dir)) {
    if (/^init-\d+-/.test(name) && !isLive(name)) await remove(join(dir, name))
  }
}

/** An initdb that outlived its starter may still be writing there. What stays is removed by a later start. */
export const remove = (path: string): Promise<void> =>
  fs.promises
    .rm(path, { recursive: true, force: true, maxRetries: 20, retryDelay: 10 })
    .catch(() => {})

/** A link or a rename shows the lock with its content at once. */
function take(ticket: string, lock: string, impatient: boolean): boolean {
  try {
    fs.linkSync(ticket, lock)
    return true
  } catch (error) {
    // A file system without links has no such lock.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') return true
  }
  const held = holder(lock)
  if (held === undefined || (isLive(held) && !impatient)) return false
  fs.renameSync(ticket, lock)
  return true
}

function holder(lock: string): string | undefined {
  try {
    return fs.readFileSync(lock, 'utf8')
  } catch {
    return undefined
  }
}

function isLive(name: string): boolean {
  const pid = Number(name.split('-')[1])
  return pid === process.pid ? name.startsWith(temporaryName) : alive(pid)
}
