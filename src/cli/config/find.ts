import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  readFileSync,
  statSync,
} from 'node:fs'
import { dirname, isAbsolute, join, resolve } from 'node:path'
import type { Environment } from '../../db/connect/libpq.ts'
import { WfstoreError } from '../../error.ts'
import { formatBytes } from '../../numbers.ts'

export const CONFIG_FILE = 'wfstore.config.json'

export interface ConfigFile {
  path: string
  bytes: Buffer
  /** If other users can read the file, a password in it is not secret. */
  othersMayRead: boolean
}

export interface Found {
  file?: ConfigFile | undefined
  /** Files that are not used because another user may have written them, and why. */
  ignored: readonly { path: string; why: string }[]
}

const LARGEST = 256 * 1024

/**
 * The config: the file that WFSTORE_CONFIG names, else the first in the working folder and its parents, up to the root
 * of a git checkout or the home folder, and last in the home folder. It names servers that passwords are sent to, so a
 * file that another user owns or all users can write to is ignored, as git does with a checkout.
 * @throws WfstoreError usage if the file that WFSTORE_CONFIG names cannot be read
 */
export function findConfig(cwd: string, env: Environment, uid = process.getuid?.()): Found {
  if (env.WFSTORE_CONFIG) return { file: readNamed(resolve(cwd, env.WFSTORE_CONFIG)), ignored: [] }
  const ignored: { path: string; why: string }[] = []
  for (const folder of folders(cwd, env)) {
    const path = join(folder, CONFIG_FILE)
    const found = readTrusted(path, uid)
    if (typeof found === 'string') ignored.push({ path, why: found })
    else if (found) return { file: found, ignored }
  }
  return { ignored }
}

function* folders(cwd: string, { HOME, USERPROFILE }: Environment): Generator<string> {
  const home = [HOME, USERPROFILE].find((path) => path && isAbsolute(path))
  for (let at = resolve(cwd); ; at = dirname(at)) {
    yield at
    if (at === home) return
    if (at === dirname(at) || lstat(join(at, '.git'))) break
  }
  if (home !== undefined) yield home
}

function lstat(path: string) {
  try {
    return lstatSync(path, { throwIfNoEntry: false })
  } catch {
    return undefined
  }
}

/** The file, undefined if there is none, or why it is ignored. */
function readTrusted(path: string, uid: number | undefined): ConfigFile | string | undefined {
  const entry = lstat(path)
  if (!entry) return undefined
  let file: number
  try {
    // A pipe must not block until another process writes to it.
    file = openSync(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0))
  } catch (error) {
    return `it cannot be read: ${(error as NodeJS.ErrnoException).code}`
  }
  try {
    const stats = fstatSync(file)
    if (!stats.isFile()) return undefined
    if (uid !== undefined) {
      const isOurs = (owner: number) => owner === uid || owner === 0
      if (!isOurs(entry.uid) || !isOurs(stats.uid)) return 'another user owns it'
      if (stats.mode & 0o002) return 'all users can write to it'
      // In a folder with the sticky bit, such as /tmp, other users cannot replace the file.
      const { mode } = statSync(dirname(path))
      if (mode & 0o002 && !(mode & 0o1000)) return 'all users can write to its folder'
    }
    if (stats.size > LARGEST) throw tooLarge(path)
    return { path, bytes: readFileSync(file), othersMayRead: othersMayRead(stats.mode, uid) }
  } finally {
    closeSync(file)
  }
}

/** A file that WFSTORE_CONFIG names is used even if another user owns it. */
function readNamed(path: string): ConfigFile | undefined {
  if (path === '/dev/null') return undefined
  try {
    const bytes = readFileSync(path)
    if (bytes.length > LARGEST) throw tooLarge(path)
    return { path, bytes, othersMayRead: othersMayRead(statSync(path).mode, process.getuid?.()) }
  } catch (cause) {
    if (cause instanceof WfstoreError) throw cause
    const { code } = cause as NodeJS.ErrnoException
    throw new WfstoreError('usage', `WFSTORE_CONFIG: cannot read ${path}: ${code}`, { cause })
  }
}

const othersMayRead = (mode: number, uid: number | undefined) =>
  uid !== undefined && (mode & 0o004) !== 0

const tooLarge = (path: string) =>
  new WfstoreError('usage', `${path} is not a config: it is larger than ${formatBytes(LARGEST)}`)
