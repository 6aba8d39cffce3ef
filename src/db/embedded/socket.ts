import { createHash } from 'node:crypto'
import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Account, give } from './account.ts'
import { dataDir, identity } from './folder.ts'
import { closeFolder } from './owner.ts'

/** The longest path of a Unix socket that works on all systems (104 bytes with its NUL on macOS). */
const SOCKET_PATH_LIMIT = 103
const SOCKET_NAME = '.s.PGSQL.5432'
const ROOT = 0

/** The folder of the socket. It belongs to the server's user and is closed to others. */
export function makeSocketFolder(dir: string, account: Account | undefined): string {
  const path = join(fits(dir) ? dir : makeShortFolder(dir), socketFolder(dir))
  closeFolder(path)
  give(path, account)
  return path
}

/** The folder of the socket of a server that does not know its path: root has opened it for the server. */
export const socketPath = (dir: string): string =>
  join(fits(dir) ? dir : shortFolder(dir), socketFolder(dir))

const fits = (parent: string): boolean =>
  Buffer.byteLength(join(parent, 'run-00000000', SOCKET_NAME)) <= SOCKET_PATH_LIMIT

/**
 * Of this data directory alone: if the folder is removed and created again, the server of the removed one notices
 * it after a while, and removes its own socket, not that of the new server.
 */
const socketFolder = (dir: string): string =>
  `run-${createHash('sha256')
    .update(identity(dataDir(dir)))
    .digest('hex')
    .slice(0, 8)}`

/** A folder of the same owner with a short path, the same one each time. */
function shortFolder(dir: string): string {
  const { uid } = fs.statSync(dir)
  const hash = createHash('sha256').update(fs.realpathSync(dir)).digest('hex').slice(0, 12)
  const name = `wfstore-${uid}-${hash}`
  // For root all processes must agree on it, also those with another TMPDIR.
  return join(uid !== ROOT && fits(join(tmpdir(), name)) ? tmpdir() : '/tmp', name)
}

/** Another one if another user has its name. Root needs the same one each time, and refuses that of another user. */
function makeShortFolder(dir: string): string {
  let path = shortFolder(dir)
  const { uid } = fs.statSync(dir)
  const found = fs.lstatSync(path, { throwIfNoEntry: false })
  if (found && (!found.isDirectory() || found.uid !== uid)) {
    if (uid === ROOT)
      throw Object.assign(new Error(`${path} belongs to another user`), { code: 'EPERM' })
    path = fs.mkdtempSync(`${path}-`)
  }
  closeFolder(path)
  return path
}
