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
  /** PATH, searched if npm has no server for this platform. */
  path?: string | undefined
  /** Creates the database if it does not exist. Only `migrate up` and `demo` do this. */
  create?: boolean
  /** Folder whose node_modules has the server programs (default: the one of wfstore). */
  binariesFrom?: string | undefined
}

/** A fast shutdown ends with a checkpoint, which writes the memory to disk. */
const STOP_LIMIT_MS = 60_000
const POLL_MS = 10

/**
 * The server of this folder if it runs and is ready.
 * @throws WfstoreError unreachable if the folder cannot be read
 */
export async function runningServer(dir: string): Promise<Endpoint | undefined> {
  const claim = readClaim(resolve(dir))
  const ready = claim?.state === 'ready' && (await answers(resolve(dir), claim))
  return ready ? claim.endpoint : undefined
}

/**
 * Starts the server of `dir` if it does not run, and returns where it listens. It keeps running when this process ends.
 * Callers at the same time share one server.
 * @throws WfstoreError no_database (none here, or no programs), unreachable (the server would not start)
 */
export async function startEmbedded(dir: string, options: EmbeddedOptions = {}): Promise<Endpoint> {
  const folder = resolve(dir)
  const running = await runningServer(folder)
  if (running) return running
  const exists = embeddedExists(folder)
  if (!exists && !options.create) {
    throw new WfstoreError(
      'no_database',
      `no database is set, and there is no embedded database in ${folder}`,
      {
        hint: 'name one with --database-url or WFSTORE_DATABASE_URL, or create one here with `wfstore demo` or `wfstore migrate up`',
      },
    )
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
 * Stops the server of this folder like `pg_ctl stop -m fast` and waits for it to end.
 * @returns its process id, or undefined if none ran
 * @throws WfstoreError failed if it does not end, or runs in another container
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

/** If the system does not tell, the lock file does: the server removes it last. */
function isGone(pid: number, dir: string): boolean {
  const runs = isPostmaster(pid, dir)
  return runs === undefined ? readClaim(dir)?.endpoint.pid !== pid : !runs
}
