import * as fs from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { tryLock } from '../../lock-file.ts'
import { isLive, processTag } from '../../lock-holder.ts'

/** A start takes a second. One that takes longer is recovering from a crash, which the launch waits for, or hangs. */
const PATIENCE_MS = 10_000
const POLL_MS = 10

/** The beginning of the names of temporary files, so that those of a killed process can be removed. */
export const temporaryName = () => `init-${processTag()}-`

/**
 * Runs `work` while no other starter of this folder runs its own. This saves work and avoids the moments in which two
 * servers that start at once fail because of each other's half-written postmaster.pid. PostgreSQL's own lock admits only
 * one server to the data, so after a while the lock is taken from its holder.
 */
export async function inTurn<T>(dir: string, work: () => Promise<T>): Promise<T> {
  const lock = join(dir, 'starting')
  const deadline = Date.now() + PATIENCE_MS
  for (;;) {
    const attempt = tryLock(lock, { force: Date.now() > deadline })
    if ('release' in attempt) {
      try {
        return await work()
      } finally {
        attempt.release()
      }
    }
    await sleep(POLL_MS)
  }
}

/** Removes half-made data directories and the like of processes that no longer run. */
export async function removeAbandoned(dir: string): Promise<void> {
  for (const name of fs.readdirSync(dir)) {
    const tag = /^(?:init-|starting\.)(\d+-.*)/.exec(name)?.[1]
    if (tag !== undefined && !isLive(tag)) await remove(join(dir, name))
  }
}

/** An initdb that outlived its starter may still be writing there. What stays is removed by a later start. */
export const remove = (path: string): Promise<void> =>
  fs.promises
    .rm(path, { recursive: true, force: true, maxRetries: 20, retryDelay: 10 })
    .catch(() => {})
