import * as fs from 'node:fs'
import { join } from 'node:path'
import { WfstoreError } from '../../error.ts'

export const dataDir = (dir: string): string => join(dir, 'data')
export const logFile = (dir: string): string => join(dir, 'postgres.log')
/** In libpq's format. It is in the data directory, so that one rename creates both. */
export const passFile = (dir: string): string => join(dataDir(dir), 'pgpass')

/** What wfstore writes into the folder. */
export const isOurName = (name: string): boolean =>
  /^(\.gitignore|postgres\.log|data|starting(\..*)?|(init|run)-.*)$/.test(name)

/**
 * Whether there is an embedded database in this folder, running or not.
 * @throws WfstoreError unreachable if the folder cannot be read
 */
export function embeddedExists(dir: string): boolean {
  try {
    fs.statSync(join(dataDir(dir), 'PG_VERSION'))
    return true
  } catch (error) {
    if (isMissing(error)) return false
    throw folderError(dir, error)
  }
}

/** Major version of the server that created the data: '18'. */
export const embeddedVersion = (dir: string): string =>
  readText(join(dataDir(dir), 'PG_VERSION')).trim()

/** The same for a renamed folder, another one for a copy. */
export function identity(path: string): string {
  const { ino, birthtimeNs, ctimeNs } = fs.statSync(path, { bigint: true })
  // Without a time of birth some systems report the time of the last change.
  return `${ino}-${birthtimeNs === ctimeNs ? 0 : birthtimeNs}`
}

/** O_NOFOLLOW and O_NONBLOCK, which Windows does not have: not a link, and no pipe to wait for. */
export const PLAIN = (fs.constants.O_NOFOLLOW ?? 0) | (fs.constants.O_NONBLOCK ?? 0)

/** The text of a file. For root the server's user owns some of them, so a link there is not followed. */
export function readText(path: string, start = 0): string {
  const file = fs.openSync(path, fs.constants.O_RDONLY | PLAIN)
  try {
    return fs.readFileSync(file).subarray(start).toString('utf8')
  } finally {
    fs.closeSync(file)
  }
}

/** The password for connections over TCP. The Unix socket is protected by its folder instead. */
export function readPassword(dir: string): string {
  try {
    return readText(passFile(dir)).trim().split(':').at(-1) ?? ''
  } catch (error) {
    throw folderError(dir, error)
  }
}

export const isMissing = (error: unknown): boolean =>
  ['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')

/** An error of the file system in one line. */
export function folderError(dir: string, error: unknown): WfstoreError {
  const { code, message } = error as NodeJS.ErrnoException
  const denied = code === 'EACCES' || code === 'EPERM'
  const file = isFile(dir)
  return new WfstoreError(
    'unreachable',
    file
      ? `${dir} is a file, not the folder of an embedded database`
      : `the embedded database in ${dir} cannot be used: ${lastLine(message)}`,
    {
      hint: file
        ? 'move it away, or name a database with --database-url'
        : denied
          ? 'run wfstore as the user who owns the folder, or name a database with --database-url'
          : 'choose another folder, or name a database with --database-url',
      cause: error,
    },
  )
}

function isFile(path: string): boolean {
  try {
    return fs.statSync(path).isFile()
  } catch {
    return false
  }
}

export const lastLine = (text: string): string => text.trim().split('\n').at(-1)?.trim() ?? ''
