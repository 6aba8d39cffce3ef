import { createHash } from 'node:crypto'
import * as fs from 'node:fs'
import { homedir, tmpdir, userInfo } from 'node:os'
import { isAbsolute, join } from 'node:path'
import { WfstoreError } from '../../error.ts'
import type { Environment } from '../connect/libpq.ts'
import { dataDir, identity, passFile, readPassword } from './folder.ts'

/**
 * The databases that this user has created or trusts: a file for each in a folder of the user, outside of the project.
 * A database can contain functions, triggers and settings that run code as the user who starts it. So wfstore does not
 * start a database that comes from elsewhere, such as one in an archive, without a question.
 */

/**
 * Names the database of this folder and not a copy of it: a renamed folder keeps its number and its time of birth.
 * Another user knows no password of this user.
 */
function nameOf(dir: string): string {
  const password = fs.existsSync(passFile(dir)) ? readPassword(dir) : ''
  const hash = createHash('sha256').update(password).digest('hex')
  return `${identity(dataDir(dir))}-${hash.slice(0, 16)}`
}

export function isKnown(dir: string, env: Environment): boolean {
  const name = nameOf(dir)
  return stateFolders(env).some(
    (state) => isOurs(state) && fs.existsSync(join(state, 'databases', name)),
  )
}

/** Remembers the database of a folder, for the reader by its later path. @throws WfstoreError failed */
export function remember(dir: string, env: Environment, path = dir): void {
  const databases = join(stateFolder(env), 'databases')
  fs.mkdirSync(databases, { recursive: true, mode: 0o700 })
  fs.writeFileSync(join(databases, nameOf(dir)), `${path}\n`, { mode: 0o600 })
}

/**
 * A folder of this user for what wfstore remembers: of the XDG standard, or for a user without a home in the folder for
 * temporary files. @throws WfstoreError failed if there is none
 */
export function stateFolder(env: Environment): string {
  for (const state of stateFolders(env)) {
    try {
      fs.mkdirSync(state, { recursive: true, mode: 0o700 })
      if (!isOurs(state)) continue
      fs.accessSync(state, fs.constants.W_OK | fs.constants.X_OK)
      return state
    } catch {}
  }
  throw new WfstoreError('failed', 'there is no folder to remember this database in', {
    hint: 'set XDG_STATE_HOME to a folder that only you can write to',
  })
}

function stateFolders(env: Environment): string[] {
  const { XDG_STATE_HOME: xdg } = env
  const homes = [env.HOME, tryTo(homedir), tryTo(() => userInfo().homedir)]
  return [
    ...(xdg && isAbsolute(xdg) ? [join(xdg, 'wfstore')] : []),
    // With sudo, HOME may be that of another user.
    ...[...new Set(homes)].flatMap((home) =>
      home && isAbsolute(home) && isOf(home) ? [join(home, '.local', 'state', 'wfstore')] : [],
    ),
    join(tmpdir(), `wfstore-${process.getuid?.() ?? 'state'}`),
  ]
}

function tryTo(read: () => string): string | undefined {
  try {
    return read()
  } catch {
    return undefined
  }
}

/** Whether this user owns the folder. */
function isOf(path: string, find: (path: string) => fs.Stats = fs.statSync): fs.Stats | undefined {
  try {
    const stats = find(path)
    const uid = process.getuid?.()
    return stats.isDirectory() && (uid === undefined || stats.uid === uid) ? stats : undefined
  } catch {
    return undefined
  }
}

/** Whether only this user can write to the folder. */
function isOurs(path: string): boolean {
  const stats = isOf(path, fs.lstatSync)
  return stats !== undefined && (process.platform === 'win32' || (stats.mode & 0o022) === 0)
}
