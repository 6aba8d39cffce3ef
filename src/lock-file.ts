import { randomBytes } from 'node:crypto'
import * as fs from 'node:fs'

const codeOf = (error: unknown) => (error as NodeJS.ErrnoException).code
const random = () => randomBytes(8).toString('hex')

let ownTag: string | undefined

/**
 * Names this process in lock files and in the names of its temporary files. The process id alone could also be that of
 * an earlier process: in a container the first process always has id 1. It is made when used: commands load this file
 * but most of them need no random bytes, which take a millisecond to load.
 */
export function processTag(): string {
  ownTag ??= `${process.pid}-${random()}`
  return ownTag
}

/** Whether the process of this tag still runs. A text without a process id counts as one that runs. */
export function isLive(tag: string): boolean {
  const pid = Number.parseInt(tag, 10)
  if (!(pid > 0)) return true
  return pid === process.pid ? tag.startsWith(processTag()) : alive(pid)
}

export function alive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return codeOf(error) === 'EPERM'
  }
}

export type LockAttempt = { release: () => void } | { holder: number | undefined }

/**
 * Takes the lock if it is free or its holder no longer runs; otherwise says which process has it, undefined where the
 * file does not say. With `force` it is taken from any holder.
 * @throws what the file system refuses
 */
export function tryLock(path: string, { force = false } = {}): LockAttempt {
  const token = `${processTag()}-${random()}`
  for (;;) {
    const holder = readHolder(path)
    if (holder === undefined) {
      if (create(path, token)) return { release: () => release(path, token) }
    } else if (force || !isLive(holder)) {
      takeAway(path, holder)
    } else {
      return { holder: Number.parseInt(holder, 10) || undefined }
    }
  }
}

function release(path: string, token: string): void {
  if (readHolder(path) === token) fs.rmSync(path, { force: true })
}

/** Undefined where there is no lock; '' where it cannot be read. */
function readHolder(path: string): string | undefined {
  try {
    return fs.readFileSync(path, 'utf8')
  } catch (error) {
    const code = codeOf(error)
    if (code === 'ENOENT') return undefined
    if (code === 'EACCES') return ''
    throw error
  }
}

/** A link shows the lock with its content at once, so that a process that is killed leaves no empty lock. */
function create(path: string, token: string): boolean {
  const ticket = `${path}.${token}`
  const write = (file: string) => fs.writeFileSync(file, token, { flag: 'wx', mode: 0o600 })
  try {
    write(ticket)
    try {
      fs.linkSync(ticket, path)
    } catch (error) {
      if (codeOf(error) === 'EEXIST') return false
      // Not every file system has links.
      write(path)
    }
    return true
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false
    throw error
  } finally {
    fs.rmSync(ticket, { force: true })
  }
}

/**
 * Removes the lock of this holder. It is renamed first: of several processes that find it abandoned only one gets it,
 * and can see whether it is still the one that it has judged.
 */
function takeAway(path: string, holder: string): void {
  const aside = `${path}.${processTag()}-${random()}`
  try {
    fs.renameSync(path, aside)
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return
    throw error
  }
  try {
    if (readHolder(aside) !== holder) fs.linkSync(aside, path)
  } catch (error) {
    // A third process has taken the lock in the meantime.
    if (codeOf(error) !== 'EEXIST') throw error
  } finally {
    fs.rmSync(aside, { force: true })
  }
}
