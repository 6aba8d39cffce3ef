import * as fs from 'node:fs'
import { join } from 'node:path'
import { WfstoreError } from '../../error.ts'
import { serverAccount, userName } from './account.ts'
import { dataDir, embeddedExists, folderError, isMissing, isOurName } from './folder.ts'

const ROOT = 0
const OTHERS_WRITE = 0o022

/**
 * The folder without its links, if it and what wfstore reads of it belong to the user of this process. Nothing of it is
 * read before. Files of root are accepted, and for root those of the server's user.
 * @throws WfstoreError unreachable if another user owns or can write to it
 */
export function ownFolder(dir: string): string {
  const uid = process.getuid?.()
  if (uid === undefined) return dir
  const account = serverAccount()
  try {
    const link = fs.lstatSync(dir, { throwIfNoEntry: false })
    if (!link) return dir
    assertOwner(dir, link, [uid])
    const folder = link.isSymbolicLink() ? fs.realpathSync(dir) : dir
    const stats = fs.lstatSync(folder)
    assertOwner(dir, stats, [uid])
    if (!stats.isDirectory()) return folder
    assertClosed(dir, stats)
    const owners = [uid, ROOT, account?.uid]
    assertEntries(folder, owners, isOurName)
    if (!embeddedExists(folder)) return folder
    const data = fs.statSync(dataDir(folder))
    // The server refuses data of root.
    assertOwner(dataDir(dir), data, [account?.uid ?? uid])
    assertClosed(dataDir(dir), data)
    assertEntries(dataDir(folder), owners)
    return folder
  } catch (error) {
    if (error instanceof WfstoreError) throw error
    if (isMissing(error))
      throw new WfstoreError('unreachable', `${dir} is a link to a folder that does not exist`, {
        hint: 'remove the link, or name a database with --database-url',
        cause: error,
      })
    throw folderError(dir, error)
  }
}

function assertEntries(
  folder: string,
  owners: (number | undefined)[],
  isChecked: (name: string) => boolean = () => true,
): void {
  for (const name of fs.readdirSync(folder).filter(isChecked)) {
    const path = join(folder, name)
    // The server removes files at any time.
    const stats = fs.lstatSync(path, { throwIfNoEntry: false })
    if (stats) assertOwner(path, stats, owners)
  }
}

function assertOwner(path: string, { uid }: fs.Stats, owners: (number | undefined)[]): void {
  if (owners.includes(uid)) return
  const [owner] = owners
  const isMine = uid === process.getuid?.()
  throw new WfstoreError('unreachable', `${path} belongs to user ${userName(uid)}`, {
    hint: isMine
      ? `run \`chown -R ${userName(owner ?? uid)} ${path}\`, as the server runs as that user; or name a database with --database-url`
      : 'run wfstore as that user, or name a database with --database-url',
  })
}

function assertClosed(path: string, { mode }: fs.Stats): void {
  if ((mode & OTHERS_WRITE) === 0) return
  throw new WfstoreError('unreachable', `other users can write to ${path}`, {
    hint: `run \`chmod go-w ${path}\` if its files are yours, or name a database with --database-url`,
  })
}

/** Creates the folder if necessary, and closes it to other users. */
export function closeFolder(path: string): void {
  fs.mkdirSync(path, { recursive: true, mode: 0o700 })
  if (process.platform === 'win32') return
  const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW } = fs.constants
  const folder = fs.openSync(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
  try {
    if ((fs.fstatSync(folder).mode & 0o777) !== 0o700) fs.fchmodSync(folder, 0o700)
  } finally {
    fs.closeSync(folder)
  }
}
