import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import * as fs from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { WfstoreError } from '../../error.ts'
import type { Account } from './account.ts'
import type { Binaries } from './binaries.ts'
import { lastLine } from './folder.ts'
import { remove, removeAbandoned, temporaryName } from './turn.ts'

/** Where root keeps programs for the server's user. */
const PROGRAMS = '/var/lib/wfstore'

/**
 * Programs that the server's user can run. It cannot enter the folders of root in which npm installs packages for root,
 * such as /root, so root copies the programs once.
 * @throws WfstoreError unreachable if they cannot be copied
 */
export async function withinReach(
  binaries: Binaries,
  account: Account | undefined,
  programs = PROGRAMS,
): Promise<Binaries> {
  if (!account) return binaries
  const reason = tryRun(binaries.postgres, account)
  if (!reason) return binaries
  const installation = dirname(dirname(fs.realpathSync(binaries.postgres)))
  try {
    if (CANNOT_CHANGE.includes(reason.code ?? '')) throw reason
    const copied = join(await copyOf(installation, programs), 'bin')
    const postgres = join(copied, basename(binaries.postgres))
    const refused = tryRun(postgres, account)
    if (refused) throw refused
    return { ...binaries, postgres, initdb: join(copied, basename(binaries.initdb)) }
  } catch (error) {
    throw new WfstoreError(
      'unreachable',
      `the embedded server runs as user ${account.uid}, who cannot run ${binaries.postgres}: ${lastLine((error as Error).message)}`,
      {
        hint: 'install wfstore in a folder that all users can enter, run it as another user than root, or name a database with --database-url',
        cause: error,
      },
    )
  }
}

/** Root cannot become another user, for example in a container that has no other one. A copy does not help. */
const CANNOT_CHANGE = ['EINVAL', 'EPERM']

/** Undefined if the user can run the program, or the reason why not. */
function tryRun(program: string, account: Account): NodeJS.ErrnoException | undefined {
  const { status, error, stderr } = spawnSync(program, ['--version'], {
    ...account,
    cwd: '/',
    env: {},
    encoding: 'utf8',
  })
  return status === 0 ? undefined : (error ?? new Error(lastLine(stderr)))
}

/** The copy of these programs. A killed process leaves no part of one under this name. */
async function copyOf(installation: string, programs: string): Promise<string> {
  const { ino, mtimeMs } = fs.statSync(join(installation, 'bin', 'postgres'))
  const hash = createHash('sha256').update(`${installation} ${ino} ${mtimeMs}`).digest('hex')
  const copy = join(programs, `postgres-${hash.slice(0, 12)}`)
  if (fs.existsSync(copy)) return copy
  // Other installations, such as that of Debian, are in folders that all users can enter.
  if (!fs.existsSync(join(installation, 'share')))
    throw new Error(`${installation} is no folder of a whole PostgreSQL`)
  fs.mkdirSync(programs, { recursive: true })
  fs.chmodSync(programs, 0o755)
  await removeAbandoned(programs)
  const fresh = fs.mkdtempSync(join(programs, temporaryName()))
  try {
    fs.cpSync(installation, join(fresh, 'all'), { recursive: true, verbatimSymlinks: true })
    openToAll(join(fresh, 'all'))
    fs.renameSync(join(fresh, 'all'), copy)
  } catch (error) {
    if (!fs.existsSync(copy)) throw error
  } finally {
    await remove(fresh)
  }
  return copy
}

/** All users can read the files, and run those that their owner can run. */
function openToAll(path: string): void {
  const stats = fs.lstatSync(path)
  if (stats.isSymbolicLink()) return
  fs.lchownSync(path, 0, 0)
  const isProgram = stats.isDirectory() || (stats.mode & 0o100) !== 0
  fs.chmodSync(path, isProgram ? 0o755 : 0o644)
  if (stats.isDirectory()) for (const name of fs.readdirSync(path)) openToAll(join(path, name))
}
