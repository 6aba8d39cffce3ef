import * as fs from 'node:fs'
import { WfstoreError } from '../../error.ts'
import { type LockAttempt, tryLock } from '../../lock-file.ts'

/** A queue of lines in a file, used by one process at a time. Its methods are synchronous, so they do not interleave. */
export interface SpoolFile {
  /** The number of waiting bytes. */
  readonly waiting: number
  /** The number of bytes of dropped lines that are still in the file. */
  readonly passed: number
  /** Writes a line to disk. Returns false if the file would become too large. @throws WfstoreError failed; nothing is written */
  append: (line: string) => boolean
  /** The first waiting line, or null. @throws WfstoreError failed */
  peek: () => string | null
  /** Drops the line that `peek` returned. After the last line the file is empty. @throws WfstoreError failed */
  drop: () => void
  /** Replaces the file with a new one that has these lines and the waiting lines. @throws WfstoreError failed */
  compact: (head: readonly string[]) => void
  /** Releases the file for another process. */
  close: () => void
}

const NEWLINE = 10
const CHUNK = 4096
const COPIED = 1 << 20
const TRUNCATED = 'another process has truncated it'

/**
 * Opens or creates the file, readable only by its owner. An incomplete last line of a killed process is removed.
 * @throws WfstoreError usage if another process uses it, or it cannot be opened
 */
export function openSpoolFile(path: string, maxBytes: number): SpoolFile {
  const unlock = lock(path)
  let fd: number
  try {
    fd = openWhole(path)
  } catch (cause) {
    unlock()
    throw cannotOpen(path, cause)
  }
  let size = fs.fstatSync(fd).size
  /** The offset of the first waiting line, and its length including the line end. */
  let done = 0
  let peeked = 0
  const guarded = <T>(work: () => T): T => {
    try {
      return work()
    } catch (cause) {
      const { message } = cause as Error
      throw new WfstoreError('failed', `the spool ${path} cannot be used: ${message}`, { cause })
    }
  }
  return {
    get waiting() {
      return size - done
    },
    get passed() {
      return done
    },
    append: (line) =>
      guarded(() => {
        const bytes = Buffer.from(`${line}\n`)
        if (size + bytes.length > maxBytes) return false
        try {
          writeAll(fd, bytes, size)
          fs.fsyncSync(fd)
        } catch (error) {
          // An incomplete line would also damage the next one.
          fs.ftruncateSync(fd, size)
          throw error
        }
        size += bytes.length
        return true
      }),
    peek: () =>
      guarded(() => {
        if (done === size) return null
        for (let length = CHUNK; ; length *= 2) {
          const bytes = Buffer.alloc(Math.min(length, size - done))
          const read = fs.readSync(fd, bytes, 0, bytes.length, done)
          const end = bytes.subarray(0, read).indexOf(NEWLINE)
          if (end >= 0) {
            peeked = end + 1
            return bytes.toString('utf8', 0, end)
          }
          if (read < length) throw new Error(TRUNCATED)
        }
      }),
    drop: () =>
      guarded(() => {
        done += peeked
        peeked = 0
        if (done < size) return
        fs.ftruncateSync(fd, 0)
        size = 0
        done = 0
      }),
    compact: (head) =>
      guarded(() => {
        const temporary = `${path}.new`
        const lines = Buffer.from(head.map((line) => `${line}\n`).join(''))
        const to = fs.openSync(temporary, 'w+', 0o600)
        try {
          writeAll(to, lines, 0)
          copy(fd, to, { from: done, until: size, at: lines.length })
          fs.fsyncSync(to)
          fs.renameSync(temporary, path)
        } catch (error) {
          fs.closeSync(to)
          throw error
        }
        fs.closeSync(fd)
        fd = to
        size = lines.length + size - done
        done = 0
        peeked = 0
      }),
    close: () => {
      fs.closeSync(fd)
      unlock()
    },
  }
}

/** Opens the file and removes an incomplete last line. */
function openWhole(path: string): number {
  const fd = fs.openSync(path, fs.constants.O_RDWR | fs.constants.O_CREAT, 0o600)
  let end = fs.fstatSync(fd).size
  const bytes = Buffer.alloc(CHUNK)
  while (end > 0) {
    const from = Math.max(0, end - CHUNK)
    const read = fs.readSync(fd, bytes, 0, end - from, from)
    const last = bytes.subarray(0, read).lastIndexOf(NEWLINE)
    end = last < 0 ? from : from + last + 1
    if (last >= 0) break
  }
  fs.ftruncateSync(fd, end)
  return fd
}

function writeAll(fd: number, bytes: Buffer, at: number): void {
  for (let written = 0; written < bytes.length; ) {
    written += fs.writeSync(fd, bytes, written, bytes.length - written, at + written)
  }
}

function copy(
  fd: number,
  to: number,
  { from, until, at }: { from: number; until: number; at: number },
): void {
  const bytes = Buffer.alloc(Math.min(COPIED, until - from))
  for (let place = from; place < until; ) {
    const read = fs.readSync(fd, bytes, 0, Math.min(bytes.length, until - place), place)
    if (read === 0) throw new Error(TRUNCATED)
    writeAll(to, bytes.subarray(0, read), at + place - from)
    place += read
  }
}

/** @returns a function that releases it @throws WfstoreError usage */
function lock(path: string): () => void {
  let attempt: LockAttempt
  try {
    attempt = tryLock(`${path}.lock`)
  } catch (cause) {
    throw cannotOpen(path, cause)
  }
  if ('release' in attempt) return attempt.release
  throw inUse(path, attempt.holder)
}

const inUse = (path: string, holder: number | undefined) =>
  new WfstoreError('usage', `the spool ${path} is in use by process ${holder ?? 'unknown'}`, {
    hint: `give each process a spool of its own; if that process does not use it, remove ${path}.lock`,
  })

const cannotOpen = (path: string, cause: unknown) =>
  new WfstoreError('usage', `the spool ${path} cannot be opened: ${(cause as Error).message}`, {
    cause,
  })
