import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

/** How to start a program of the PostgreSQL server: `command` and `args` go before its own, ids to spawn(). */
export interface Account {
  prefix: string[]
  uid?: number
  gid?: number
  /** Files of the server must belong to this user; undefined where it runs as ourselves. */
  owner?: { uid: number; gid: number }
}

/**
 * PostgreSQL refuses to run as root, so root runs it as `nobody`. That user cannot enter root's folders
 * (/root, mktemp -d), so where util-linux's setpriv is at hand the server keeps one capability of root's,
 * to pass folders by; otherwise it gets the plain user, which works in folders that everyone may enter.
 */
export function serverAccount(): Account {
  if (process.platform === 'win32' || process.getuid?.() !== 0) return { prefix: [] }
  const owner = userIds('nobody') ?? { uid: 65534, gid: 65534 }
  const setpriv = [
    'setpriv',
    `--reuid=${owner.uid}`,
    `--regid=${owner.gid}`,
    '--clear-groups',
    '--inh-caps=-all,+dac_override',
    '--ambient-caps=-all,+dac_override',
    '--bounding-set=-all,+dac_override',
    // access(2) ignores capabilities of a user other than root unless told otherwise.
    '--securebits=+no_setuid_fixup',
    '--no-new-privs',
  ]
  const probe = spawnSync(setpriv[0] as string, [...setpriv.slice(1), 'true'], { stdio: 'ignore' })
  if (probe.status === 0) return { prefix: setpriv, owner }
  return { prefix: [], uid: owner.uid, gid: owner.gid, owner }
}

function userIds(name: string): { uid: number; gid: number } | undefined {
  try {
    const line = readFileSync('/etc/passwd', 'utf8').match(
      new RegExp(`^${name}:[^:]*:(\\d+):(\\d+):`, 'm'),
    )
    return line ? { uid: Number(line[1]), gid: Number(line[2]) } : undefined
  } catch {
    return undefined
  }
}
