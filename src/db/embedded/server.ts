import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { WfstoreError } from '../../error.ts'
import { closeFolder, serverAccount } from './account.ts'
import { findBinaries } from './binaries.ts'
import { embeddedExists, embeddedVersion, folderError, logFile } from './folder.ts'
import { initialise } from './initialise.ts'
import { type LaunchOptions, launch } from './launch.ts'
import { answers, type Endpoint, isPostmaster, readClaim } from './postmaster.ts'
import { inTurn, removeAbandoned } from './turn.ts'

export { embeddedExists, embeddedVersion, logFile, passFile, readPassword } from './folder.ts'
export type { Endpoint } from './postmaster.ts'

export interface EmbeddedOptions extends LaunchOptions {
  /** PATH, searched where npm has no server for this platform. */
  path?: string | undefined
  /** May a database that does not exist yet be made? Only `migrate up` and `demo` say yes. */
  create?: boolean
  /** Folder whose node_modules holds the server programs; by default wfstore's own. */
  binariesFrom?: string | undefined
}

/** A fast shutdown ends with a checkpoint, which writes what is in memory. */
const STOP_LIMIT_MS = 60_000
const POLL_MS = 10

/**
 * The server that runs on this folder now and is ready to work, or undefined.
 * @throws WfstoreError unreachable where we may not look
 */
export async function runningServer(dir: string): Promise<Endpoint | undefined> {
  const claim = readClaim(resolve(dir))
  const ready = claim?.state === 'ready' && (await answers(resolve(dir), claim))
  return ready ? claim.endpoint : undefined
}

/**
 * Makes sure that a server runs on `dir` and says where. It goes on running when this process ends.
 * Several callers at once share one server.
 * @throws WfstoreError no_database (none here, or no programs), unreachable (the server would not start)
 */
export async function startEmbedded(dir: string, options: EmbeddedOptions = {}): Promise<Endpoint> {
  const folder = resolve(dir)
  const running = await runningServer(folder)
  if (running) return running
  const exists = embeddedExists(folder)
  if (!exists && !options.create) {
    throw new WfstoreError('no_database', `no database is named and there is none in ${folder}`, {
      hint: 'name one with --database-url or WFSTORE_DATABASE_URL, or make one here with `wfstore demo` or `wfstore migrate up`',
    })
  }
  const binaries = findBinaries({
    path: options.path,
    from: options.binariesFrom,
    links: join(folder, 'lib'),
    made: exists ? { dir: folder, version: embeddedVersion(folder) } : undefined,
  })
  const account = serverAccount(folder, binaries, options.path)
  const host = { binaries, account, path: options.path }
  const sync = options.settings?.fsync !== 'off'
  try {
    closeFolder(folder, account)
    return await inTurn(folder, async () => {
      await removeAbandoned(folder)
      if (!embeddedExists(folder)) await initialise(folder, host, { sync })
      return launch(folder, host, options)
    })
  } catch (error) {
    throw error instanceof WfstoreError ? error : folderError(folder, error)
  }
}

/**
 * Ends the server of this folder as `pg_ctl stop -m fast` does and waits until it is gone.
 * @returns the process id it had, or undefined where none ran
 * @throws WfstoreError failed where it does not end, or is not this system's to end
 */
export async function stopEmbedded(dir: string): Promise<number | undefined> {
  const folder = resolve(dir)
  const claim = readClaim(folder)
  if (!claim) return undefined
  const { pid } = claim.endpoint
  const here = isPostmaster(pid, folder)
  if (here !== true && !(await answers(folder, claim))) return undefined
  if (here === false) {
    if (readClaim(folder)?.text !== claim.text) return stopEmbedded(folder)
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

/** Where the system does not tell about processes, the lock file says it: taking it away is the last a server does. */
function isGone(pid: number, dir: string): boolean {
  const runs = isPostmaster(pid, dir)
  return runs === undefined ? readClaim(dir)?.endpoint.pid !== pid : !runs
}
