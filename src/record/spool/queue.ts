import * as fs from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { WfstoreError } from '../../error.ts'
import { type FileLockOptions, tryLock } from '../../lock-file.ts'
import { uuidv7 } from '../../uuid.ts'
import { createSpoolFile, type SpoolFile, takeSpoolFile } from './file.ts'

/**
 * The waiting lines of this process, and those of ended processes with the same spool. Each process writes to a file of its
 * own, so that none of them waits for another. Its methods are synchronous, so they do not interleave.
 */
export interface Spool {
  /** The number of waiting bytes. */
  readonly waiting: number
  /** The number of bytes of dropped lines that are still in the files. */
  readonly passed: number
  /** Writes a line to disk. Returns false if the files would become too large. @throws WfstoreError failed */
  append: (line: string) => boolean
  /** The first waiting line, or null. @throws WfstoreError failed */
  peek: () => string | null
  /** Drops the line that `peek` returned. After the last line the files are removed. @throws WfstoreError failed */
  drop: () => void
  /** Replaces the files with one that has these lines and the waiting lines. @throws WfstoreError failed */
  compact: (head: readonly string[]) => void
  /** Adds the files of ended processes, before the own one. Not between `peek` and `drop`. @returns what is wrong with them */
  takeOver: () => WfstoreError[]
  /** Leaves the files to the next process. */
  close: () => void
}

const UUID = '[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}'
/** A thief that takes each new file is one with a wrong clock or a program that removes locks. */
const MAX_MOVES = 3

/** @throws WfstoreError usage if the folder cannot be used */
export function openSpool(path: string, maxBytes: number, options: FileLockOptions = {}): Spool {
  const folder = dirname(path)
  const name = basename(path)
  try {
    fs.accessSync(folder, fs.constants.W_OK)
    if (fs.statSync(path, { throwIfNoEntry: false })?.isFile() === false)
      throw new Error('it is not a file')
  } catch (cause) {
    const { message } = cause as Error
    throw new WfstoreError('usage', `the spool ${path} cannot be opened: ${message}`, { cause })
  }
  /** Files of other processes, the oldest first, and the own one while it has lines. */
  let taken: SpoolFile[] = []
  let own: SpoolFile | undefined
  /** Files that cannot be used, which are reported once. */
  const unusable = new Set<string>()

  const files = () => (own ? [...taken, own] : taken)
  const sum = (of: (file: SpoolFile) => number) =>
    files().reduce((total, file) => total + of(file), 0)
  const waiting = () => sum((file) => file.waiting)
  const create = () => createSpoolFile(`${path}.${uuidv7(Date.now())}`, options)
  const failed = (what: string, cause: unknown, hint?: string) => {
    const { message } = cause as Error
    return new WfstoreError('failed', `the spool ${what} cannot be used: ${message}`, {
      cause,
      hint,
    })
  }
  const guarded = <T>(work: () => T): T => {
    try {
      return work()
    } catch (cause) {
      throw failed(path, cause)
    }
  }
  const removeAll = () => {
    for (const file of files()) file.remove()
    taken = []
    own = undefined
  }

  /** A new file with the waiting lines of a file that another process has taken over. */
  function moved(lost: SpoolFile): SpoolFile {
    const to = create()
    try {
      to.appendFrom(lost)
    } catch (error) {
      to.remove()
      throw error
    }
    lost.close()
    return to
  }

  function take(file: string): WfstoreError | undefined {
    try {
      const found = takeSpoolFile(file, options)
      if (found && found.waiting > 0) taken.push(found)
      else found?.remove()
      unusable.delete(file)
      return undefined
    } catch (cause) {
      if (unusable.has(file)) return undefined
      unusable.add(file)
      return failed(file, cause, `look at ${file}; give it to the user of the engine, or remove it`)
    }
  }

  /** Locks whose file is gone, and temporary files of locks, of killed processes. */
  function removeLocks(names: readonly string[]): void {
    for (const lock of names) {
      try {
        const attempt = tryLock(join(folder, lock), options)
        if ('release' in attempt) attempt.release()
      } catch {
        // The next process tries again.
      }
    }
  }

  /** An empty file that was made by hand is no spool of an ended process. */
  const isPrepared = (found: string) =>
    found === name && fs.statSync(path, { throwIfNoEntry: false })?.size === 0

  function takeOver(): WfstoreError[] {
    const mine = new Set(files().map((file) => basename(file.path)))
    const names = fs.readdirSync(folder).filter((found) => found.startsWith(name))
    const suffixOf = (found: string) => found.slice(name.length)
    const spools = new Set(
      names.filter((found) => new RegExp(`^(?:\\.${UUID})?$`).test(suffixOf(found))),
    )
    const locks = names.filter((found) => {
      const [, id, rest] = new RegExp(`^(|\\.${UUID})\\.lock(\\..*)?$`).exec(suffixOf(found)) ?? []
      return id !== undefined && (rest !== undefined || !spools.has(name + id))
    })
    removeLocks(locks)
    return [...spools]
      .filter((found) => !mine.has(found) && !isPrepared(found))
      .sort()
      .map((found) => take(join(folder, found)))
      .filter((error) => error !== undefined)
  }

  return {
    get waiting() {
      return waiting()
    },
    get passed() {
      return sum((file) => file.size - file.waiting)
    },
    append: (line) =>
      guarded(() => {
        const bytes = Buffer.from(`${line}\n`)
        if (sum((file) => file.size) + bytes.length > maxBytes) return false
        own ??= create()
        own.append(bytes)
        for (let moves = 0; !own.isHeld(); moves++) {
          if (moves === MAX_MOVES) throw new Error('other processes take its files')
          own = moved(own)
        }
        return true
      }),
    peek: () =>
      guarded(
        () =>
          files()
            .find((file) => file.waiting > 0)
            ?.peek() ?? null,
      ),
    drop: () =>
      guarded(() => {
        files()
          .find((file) => file.waiting > 0)
          ?.drop()
        if (waiting() === 0) removeAll()
      }),
    compact: (head) =>
      guarded(() => {
        const to = create()
        try {
          to.append(Buffer.from(head.map((line) => `${line}\n`).join('')))
          for (const file of files()) to.appendFrom(file)
          if (!to.isHeld()) throw new Error('another process takes its files')
        } catch (error) {
          to.remove()
          throw error
        }
        removeAll()
        own = to
      }),
    takeOver: () => guarded(takeOver),
    close: () => {
      if (waiting() === 0) removeAll()
      for (const file of files()) file.close()
      taken = []
      own = undefined
    },
  }
}
