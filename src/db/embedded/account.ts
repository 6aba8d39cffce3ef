import { spawnSync } from 'node:child_process'
import * as fs from 'node:fs'
import { type Binaries, findOnPath } from './binaries.ts'
import { dataDir } from './folder.ts'

interface Ids {
  uid: number
  gid: number
}

/** Who runs the programs of the server: `prefix` goes before a command, `spawn` into the options of spawn(). */
export interface Account {
  prefix: string[]
  spawn: Partial<Ids>
  /** Files of the server must belong to this user; undefined where it runs as ourselves. */
  owner: Ids | undefined
}

/**
 * PostgreSQL refuses to run as root. In a folder that belongs to another user, root runs the server as that user.
 * In its own it takes `nobody`, who cannot enter root's folders (/root, mktemp -d): where util-linux's setpriv is at
 * hand that server keeps one capability of root's, to pass folders by, and nobody but root can get in to use it.
 * Otherwise it is the plain user, which works in folders that everyone may enter.
 */
export function serverAccount(dir: string, binaries: Binaries, path: string | undefined): Account {
  if (process.platform === 'win32' || process.getuid?.() !== 0) {
    return { prefix: [], spawn: {}, owner: undefined }
  }
  const folder = ownerOf(dir)
  // Never with a capability: the owner of the folder commands this server.
  if (folder) return plain(folder)
  const owner = ownerOf(dataDir(dir)) ?? passwd(/^nobody:/) ?? { uid: 65534, gid: 65534 }
  const setpriv = findOnPath('setpriv', path ?? '/usr/local/bin:/usr/bin:/bin')
  if (!setpriv) return plain(owner)
  // The lesser one is not among those that Docker leaves to root, and does not let a program of root's alone be run.
  for (const capability of ['dac_read_search', 'dac_override']) {
    const prefix = withCapability(setpriv, owner, capability)
    // By a shell: setpriv itself may still run what the server, as initdb runs it, may not.
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
 * Makes the folder if need be, and lets in its owner alone. A server that is another, plain user passes by the group,
 * which may see nothing here.
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
  // access(2) ignores capabilities of a user other than root unless told otherwise.
  '--securebits=+no_setuid_fixup',
  '--no-new-privs',
]

/** The user a path belongs to, unless that is root. The group is the user's own: that of a folder may be root's. */
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
