import * as fs from 'node:fs'
import { dirname } from 'node:path'
import { type FileLockOptions, type Lock, tryLock } from '../../lock-file.ts'
import { syncFolderNow } from '../../sync-folder.ts'

/**
 * A file of lines with its lock. Only the process that has made it writes lines to it, always at its end; another process
 * that takes it over reads it and removes it. No file is truncated or replaced, and no name is used again, so a process
 * that lost its file while it was stopped destroys nothing. It asks `isHeld` after it has written a line.
 */
export interface SpoolFile {
  readonly path: string
  /** The number of bytes of all lines, and of those that are not dropped. */
  readonly size: number
  readonly waiting: number
  /** False if another process has taken it over. What is written from then on may be lost. */
  isHeld: () => boolean
  /** Writes lines to disk, all of them or nothing. */
  append: (lines: Buffer) => void
  /** Writes the waiting lines of another file to disk. */
  appendFrom: (other: SpoolFile) => void
  /** The bytes from this offset after the dropped lines. */
  read: (bytes: Buffer, offset: number) => number
  /** The first waiting line, or null. */
  peek: () => string | null
  /** Drops the line that `peek` returned. */
  drop: () => void
  /** Leaves the file to the next process. */
  close: () => void
  /** Removes the file and its lock. */
  remove: () => void
}

const NEWLINE = 10
const CHUNK = 4096
const COPIED = 1 << 20
const { O_RDONLY, O_RDWR, O_CREAT, O_EXCL, O_APPEND } = fs.constants
/** A link is not followed, and a pipe does not block. Windows has neither. */
const NO_SURPRISE = (fs.constants.O_NOFOLLOW ?? 0) | (fs.constants.O_NONBLOCK ?? 0)

/** Creates a file, readable only by its owner. The lock comes first: a file without one is free. */
export function createSpoolFile(path: string, options: FileLockOptions): SpoolFile {
  const lock = tryLock(`${path}.lock`, options)
  if (!('release' in lock)) throw new Error(`${path}.lock is held`)
  try {
    const fd = fs.openSync(path, O_RDWR | O_CREAT | O_EXCL | O_APPEND, 0o600)
    try {
      syncFolderNow(dirname(path))
      return spoolFile(path, { fd, size: 0, lock })
    } catch (error) {
      fs.closeSync(fd)
      fs.rmSync(path, { force: true })
      throw error
    }
  } catch (error) {
    lock.release()
    throw error
  }
}

/**
 * Takes over a file that no live process has. An incomplete last line of a killed process is not one of its lines.
 * @returns undefined if a process has it, or it is gone
 */
export function takeSpoolFile(path: string, options: FileLockOptions): SpoolFile | undefined {
  const lock = tryLock(`${path}.lock`, options)
  if (!('release' in lock)) return undefined
  try {
    const fd = fs.openSync(path, O_RDONLY | NO_SURPRISE)
    try {
      checkOwn(path, fd)
      return spoolFile(path, { fd, size: endOfLines(fd), lock })
    } catch (error) {
      fs.closeSync(fd)
      throw error
    }
  } catch (error) {
    lock.release()
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

/**
 * Its calls are recorded as those of this engine, so another user must not have made it. The lock is of this process: a
 * file server may show another owner than the user of the process.
 */
function checkOwn(path: string, fd: number): void {
  const found = fs.fstatSync(fd)
  if (!found.isFile()) throw new Error('it is not a file')
  if (found.uid !== fs.statSync(`${path}.lock`).uid) throw new Error('it belongs to another user')
}

function spoolFile(path: string, opened: { fd: number; size: number; lock: Lock }): SpoolFile {
  const { fd, lock } = opened
  let { size } = opened
  /** The offset of the first waiting line, and its length including the line end. */
  let done = 0
  let peeked = 0
  const allOrNothing = (write: () => number) => {
    let added: number
    try {
      added = write()
      fs.fsyncSync(fd)
    } catch (error) {
      // An incomplete line would also damage the next one.
      fs.ftruncateSync(fd, size)
      throw error
    }
    size += added
  }
  const close = () => {
    fs.closeSync(fd)
    lock.release()
  }
  const file: SpoolFile = {
    path,
    get size() {
      return size
    },
    get waiting() {
      return size - done
    },
    isHeld: lock.isHeld,
    append: (lines) => allOrNothing(() => writeAll(fd, lines)),
    appendFrom: (other) => allOrNothing(() => copy(other, fd)),
    read: (bytes, offset) =>
      fs.readSync(fd, bytes, 0, Math.min(bytes.length, size - done - offset), done + offset),
    peek: () => {
      if (done === size) return null
      for (let length = CHUNK; ; length *= 2) {
        const bytes = Buffer.alloc(Math.min(length, size - done))
        const read = file.read(bytes, 0)
        const end = bytes.subarray(0, read).indexOf(NEWLINE)
        if (end >= 0) {
          peeked = end + 1
          return bytes.toString('utf8', 0, end)
        }
        if (read < length) throw new Error(TRUNCATED)
      }
    },
    drop: () => {
      done += peeked
      peeked = 0
    },
    close,
    remove: () => {
      fs.rmSync(path, { force: true })
      close()
    },
  }
  return file
}

const TRUNCATED = 'another program has truncated it'

/** The end of the last complete line. */
function endOfLines(fd: number): number {
  let end = fs.fstatSync(fd).size
  const bytes = Buffer.alloc(CHUNK)
  while (end > 0) {
    const from = Math.max(0, end - CHUNK)
    const read = fs.readSync(fd, bytes, 0, end - from, from)
    const last = bytes.subarray(0, read).lastIndexOf(NEWLINE)
    if (last >= 0) return from + last + 1
    end = from
  }
  return 0
}

function writeAll(fd: number, bytes: Buffer): number {
  for (let written = 0; written < bytes.length; ) written += fs.writeSync(fd, bytes, written)
  return bytes.length
}

function copy(from: SpoolFile, to: number): number {
  const { waiting } = from
  const bytes = Buffer.alloc(Math.min(COPIED, waiting))
  for (let place = 0; place < waiting; ) {
    const read = from.read(bytes, place)
    if (read === 0) throw new Error(TRUNCATED)
    place += writeAll(to, bytes.subarray(0, read))
  }
  return waiting
}
