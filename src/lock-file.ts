import * as fs from 'node:fs'
import { type Holder, newHolder, parseHolder, processTag, random, stateOf } from './lock-holder.ts'

const codeOf = (error: unknown) => (error as NodeJS.ErrnoException).code

/** How often a holder writes its lock again. */
export const BEAT_MS = 10_000
/** A lock that was not written for this time is abandoned, if nothing else is known of its holder. */
export const STALE_MS = 60_000

export interface Lock {
  /** False if another process has taken the lock, for example because this one was stopped for minutes. */
  isHeld: () => boolean
  release: () => void
}

export type LockAttempt = Lock | { holder: number | undefined }

export interface FileLockOptions {
  /** Takes it from any holder. */
  force?: boolean
  beatMs?: number
  staleMs?: number
}

/**
 * Takes the lock if it is free or abandoned; otherwise says which process has it, undefined where the file does not say.
 * A holder in the same pid namespace is judged by its process, another one by the age of the file. The age is the
 * difference to a file that is written now in the same folder, so that the clocks of hosts do not matter.
 *
 * Node has no lock of the kernel, and a library for one is native code for each platform. Thus two processes can believe
 * that they hold the lock, if one of them was stopped. What a lock protects must bear that: see `isHeld`.
 * @throws what the file system refuses
 */
export function tryLock(
  path: string,
  { force = false, beatMs = BEAT_MS, staleMs = STALE_MS }: FileLockOptions = {},
): LockAttempt {
  const content = JSON.stringify(newHolder() satisfies Holder)
  const ticket = `${path}.${processTag()}-${random()}`
  const written = fs.openSync(ticket, 'wx+', 0o600)
  let own: number | undefined
  try {
    fs.writeSync(written, content, 0)
    const now = fs.fstatSync(written).mtimeMs
    for (;;) {
      own = claim(path, { ticket, written, content })
      if (own !== undefined) return lockOf(path, own, { content, beatMs })
      const found = read(path)
      if (found === undefined) continue
      // A network file system may say EEXIST after it has made the link.
      if (found.text === content) {
        own = written
        return lockOf(path, own, { content, beatMs })
      }
      const holder = parseHolder(found.text)
      const state = stateOf(holder)
      // The clock of the volume may have been set back: a holder writes again with the new time.
      const isStale = state === 'unknown' && Math.abs(now - found.mtimeMs) > staleMs
      if (!force && state !== 'dead' && !isStale) return { holder: holder?.pid }
      takeAway(path, found.text)
    }
  } finally {
    fs.rmSync(ticket, { force: true })
    if (own !== written) fs.closeSync(written)
  }
}

/** A link shows the lock with its content at once, so that a process that is killed leaves no empty lock. */
function claim(
  path: string,
  { ticket, written, content }: { ticket: string; written: number; content: string },
): number | undefined {
  try {
    fs.linkSync(ticket, path)
    return written
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return undefined
  }
  // Not every file system has links.
  try {
    const own = fs.openSync(path, 'wx+', 0o600)
    fs.writeSync(own, content, 0)
    return own
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return undefined
    throw error
  }
}

/** The timer writes to the file that this process made: after the lock was taken, that file has no name any more. */
function lockOf(
  path: string,
  own: number,
  { content, beatMs }: { content: string; beatMs: number },
): Lock {
  const timer = setInterval(() => {
    try {
      fs.writeSync(own, content, 0)
      fs.fsyncSync(own)
    } catch {
      // The holder learns from isHeld whether it has lost the lock.
    }
  }, beatMs)
  timer.unref()
  const isHeld = () => {
    try {
      return read(path)?.text === content
    } catch {
      return false
    }
  }
  return {
    isHeld,
    release: () => {
      clearInterval(timer)
      fs.closeSync(own)
      if (isHeld()) fs.rmSync(path, { force: true })
    },
  }
}

/** Undefined where there is no lock. It is opened, because a network file system may know only an old state of its name. */
function read(path: string): { text: string; mtimeMs: number } | undefined {
  try {
    const fd = fs.openSync(path, fs.constants.O_RDONLY | (fs.constants.O_NONBLOCK ?? 0))
    try {
      return { mtimeMs: fs.fstatSync(fd).mtimeMs, text: fs.readFileSync(fd, 'utf8') }
    } finally {
      fs.closeSync(fd)
    }
  } catch (error) {
    const code = codeOf(error)
    if (code === 'ENOENT') return undefined
    if (code !== 'EACCES') throw error
    const stat = fs.statSync(path, { throwIfNoEntry: false })
    return stat && { mtimeMs: stat.mtimeMs, text: '' }
  }
}

/**
 * Removes the lock with this content. It is renamed first: of several processes that find it abandoned only one gets it,
 * and can see whether it is still the one that it has judged.
 */
function takeAway(path: string, content: string): void {
  const aside = `${path}.${processTag()}-${random()}`
  try {
    fs.renameSync(path, aside)
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return
    throw error
  }
  try {
    if (read(aside)?.text !== content) fs.linkSync(aside, path)
  } catch {
    // A third process has taken the lock in the meantime, or there are no links. Its holder sees that it is gone.
  } finally {
    fs.rmSync(aside, { force: true })
  }
}
