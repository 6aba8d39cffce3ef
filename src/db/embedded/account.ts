import { spawnSync } from 'node:child_process'
import * as fs from 'node:fs'
import { type Binaries, findOnPath } from './binaries.ts'
import { dataDir } from './folder.ts'

interface Ids {
  uid: number
  gid: number
}

/** The user that runs the server: `prefix` goes before a command, `spawn` into the options of spawn(). */
export interface Account {
  prefix: string[]
  spawn: Partial<Ids>
  /** The user that must own the files of the server; undefined if it is the current user. */
  owner: Ids | undefined
}

/**
 * PostgreSQL refuses to run as root. In a folder that another user owns, root runs the server as that user. In a folder
 * of its own root uses the user nobody, which cannot enter folders of root (/root, mktemp -d). If setpriv of util-linux
 * is installed, the server keeps one capability of root for this, and only root can connect to it. Otherwise the server
 * runs without it, in folders that all users can enter.
 */
export function serverAccount(dir: string, binaries: Binaries, path: string | undefined): Account {
  if (process.platform === 'win32' || process.getuid?.() !== 0) {
    return { prefix: [], spawn: {}, owner: undefined }
  }
  const folder = ownerOf(dir)
  // No capability here: the owner of the folder controls this server.
  if (folder) return plain(folder)
  const owner = ownerOf(dataDir(dir)) ?? passwd(/^nobody:/) ?? { uid: 65534, gid: 65534 }
  const setpriv = findOnPath('setpriv', path ?? '/usr/local/bin:/usr/bin:/bin')
  if (!setpriv) return plain(owner)
  // The weaker capability comes first. Docker does not grant it, and it does not allow programs to run that only root may run.
  for (const capability of ['dac_read_search', 'dac_override']) {
    const prefix = withCapability(setpriv, owner, capability)
    // initdb runs the server through a shell, which may not be allowed although setpriv is.
    const probe = ['/bin/sh', '-c', 'exec "$0" --version', binaries.postgres]
    if (spawnSync(setpriv, [...prefix.slice(1), ...probe], { stdio: 'ignore' }).status === 0) {
      return { prefix, spawn: {}, owner }
    }
  }
  return plain(owner)
}

export function own(path: string, account: Account): void {
  if (account.owner) fs.chownSync(path, account.owner.uid, account.owner.gid)
}

/**
 * Creates the folder if necessary, accessible only to its owner. A server of another user can pass through it by its
 * group, without listing it.
 */
export function closeFolder(path: string, account: Account): void {
  fs.mkdirSync(path, { recursive: true, mode: 0o700 })
  const { uid, gid } = account.spawn
  const { uid: folder, mode } = fs.statSync(path)
  const passing = uid !== undefined && uid !== folder
  if (passing) fs.chownSync(path, folder, gid as number)
  const wanted = passing ? 0o710 : 0o700
  if ((mode & 0o777) !== wanted) fs.chmodSync(path, wanted)
}

const plain = (owner: Ids): Account => ({ prefix: [], spawn: owner, owner })

const withCapability = (setpriv: string, { uid, gid }: Ids, capability: string): string[] => [
  setpriv,
  `--reuid=${uid}`,
  `--regid=${gid}`,
  '--clear-groups',
  `--inh-caps=-all,+${capability}`,
  `--ambient-caps=-all,+${capability}`,
  `--bounding-set=-all,+${capability}`,
  // Without this access(2) ignores the capabilities of users other than root.
  '--securebits=+no_setuid_fixup',
  '--no-new-privs',
]

/** The user who owns the path, unless it is root, with the user's own group: the group of the folder may be root's. */
function ownerOf(path: string): Ids | undefined {
  let uid: number
  try {
    uid = fs.statSync(path).uid
  } catch {
    return undefined
  }
  if (uid === 0) return undefined
  return passwd(new RegExp(`^[^:]*:[^:]*:${uid}:`)) ?? { uid, gid: uid }
}

function passwd(pattern: RegExp): Ids | undefined {
  let lines: string[]
  try {
    lines = fs.readFileSync('/etc/passwd', 'utf8').split('\n')
  } catch {
    return undefined
  }
  const [, , uid, gid] = lines.find((line) => pattern.test(line))?.split(':') ?? []
  return uid && gid ? { uid: Number(uid), gid: Number(gid) } : undefined
}
