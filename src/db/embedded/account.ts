import * as fs from 'node:fs'
import { WfstoreError } from '../../error.ts'

/** A user of the system that runs the server. */
export interface Account {
  uid: number
  gid: number
}

/**
 * PostgreSQL refuses to run as root, so for root it runs as the user nobody, without privileges. Undefined if the
 * server runs as the user of this process.
 * @throws WfstoreError unreachable for root on systems without /proc
 */
export function serverAccount(): Account | undefined {
  if (process.getuid?.() !== 0) return undefined
  if (process.platform !== 'linux')
    throw new WfstoreError('unreachable', 'PostgreSQL does not run as root', {
      hint: 'run wfstore as another user, or name a database with --database-url',
    })
  const [, , uid, gid] = passwd((line) => line.startsWith('nobody:')) ?? []
  return uid && gid ? { uid: Number(uid), gid: Number(gid) } : { uid: 65534, gid: 65534 }
}

/** The name of a user, or its number if it has none. */
export const userName = (uid: number): string =>
  passwd((line) => line.split(':')[2] === String(uid))?.[0] ?? String(uid)

/** The fields of a line of /etc/passwd. */
function passwd(isWanted: (line: string) => boolean): string[] | undefined {
  try {
    return fs.readFileSync('/etc/passwd', 'utf8').split('\n').find(isWanted)?.split(':')
  } catch {
    return undefined
  }
}

/** Gives a file that is opened or created here to the server's user. Does not follow a link. */
export function give(path: string, account: Account | undefined): void {
  if (account) fs.lchownSync(path, account.uid, account.gid)
}
