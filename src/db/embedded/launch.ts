import { type ChildProcess, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import * as fs from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { WfstoreError } from '../../error.ts'
import { alive } from '../../lock-holder.ts'
import { type Account, closeFolder, own } from './account.ts'
import { dataDir, lastLine, logFile } from './folder.ts'
import { type Host, serverCommand } from './host.ts'
import {
  answers,
  type Claim,
  type Endpoint,
  isPostmaster,
  readClaim,
  removeStale,
} from './postmaster.ts'

export interface LaunchOptions {
  /** Additional server settings. */
  settings?: Record<string, string>
  /** Default: 'tcp' on Windows, a Unix socket elsewhere. */
  transport?: 'socket' | 'tcp'
}

/** The longest path of a Unix socket that works on all systems (104 bytes with its NUL on macOS). */
const SOCKET_PATH_LIMIT = 103
const SOCKET_NAME = '.s.PGSQL.5432'
/** Crash recovery replays the log since the last checkpoint, which takes much less than a minute. */
const START_LIMIT_MS = 60_000
const POLL_MS = 10
const PAUSE_MS = 100

/** The log of a server that did not start because of another one, which starts or stops at the same time. */
const OTHER_SERVER =
  /postmaster\.pid" already exists|is another (postmaster|postgres)|shared memory block .* still in use|address already in use|could not remove old lock file/i
/** The log of a server that found an empty lock file: another server is about to write it, or the disk was full. */
const EMPTY_LOCK = /lock file "(.+)" is empty/

interface Attempt {
  child: ChildProcess
  /** Where its part of the log starts. */
  logFrom: number
  /** Why the process could not be started. */
  refused?: Error
}

/**
 * Starts the server, or waits for one that another process starts. PostgreSQL's own lock admits only one.
 * @throws WfstoreError unreachable
 */
export async function launch(dir: string, host: Host, options: LaunchOptions): Promise<Endpoint> {
  const deadline = Date.now() + START_LIMIT_MS
  let attempt: Attempt | undefined
  let log = ''
  for (;;) {
    const claim = readClaim(dir)
    if (claim?.state === 'ready' && (await answers(dir, claim))) return claim.endpoint
    if (attempt && hasEnded(attempt)) {
      log = readFrom(logFile(dir), attempt.logFrom)
      const empty = EMPTY_LOCK.exec(log)?.[1]
      if (attempt.refused || !(empty || OTHER_SERVER.test(log))) {
        throw startFailure(dir, log, attempt.refused)
      }
      attempt = undefined
      await sleep(PAUSE_MS)
      if (empty) removeEmpty(resolve(dataDir(dir), empty))
    } else if (!attempt && !(claim && (await isHeld(dir, claim)))) {
      attempt = await attemptStart(dir, host, options)
    }
    if (Date.now() > deadline) throw startFailure(dir, log || 'it is not ready after a minute')
    await sleep(POLL_MS)
  }
}

function removeEmpty(file: string): void {
  if (fs.statSync(file, { throwIfNoEntry: false })?.size === 0) fs.rmSync(file, { force: true })
}

/** Whether a server of this folder starts or stops now. If that is unknown, PostgreSQL decides. */
async function isHeld(dir: string, claim: Claim): Promise<boolean> {
  if (await answers(dir, claim)) return true
  const { pid } = claim.endpoint
  const held = isPostmaster(pid, dir)
  if (held === false && alive(pid)) removeStale(dir, claim)
  return held === true
}

async function attemptStart(dir: string, host: Host, options: LaunchOptions): Promise<Attempt> {
  const settings = {
    cluster_name: 'wfstore',
    timezone: 'UTC',
    log_timezone: 'UTC',
    ...options.settings,
    ...(await transportSettings(dir, host.account, options)),
  }
  const log = openLog(dir)
  const {
    command,
    args,
    options: how,
  } = serverCommand(host, host.binaries.postgres, [
    '-D',
    dataDir(dir),
    ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
  ])
  const logFrom = fs.fstatSync(log).size
  const child = spawn(command, args, {
    ...how,
    cwd: dir,
    detached: true,
    stdio: ['ignore', log, log],
  })
  const attempt: Attempt = { child, logFrom }
  child.on('error', (error) => {
    attempt.refused = error
  })
  child.unref()
  fs.closeSync(log)
  return attempt
}

/** Opened for the server to inherit. The owner of the folder owns it, also if root creates it. */
function openLog(dir: string): number {
  const log = fs.openSync(logFile(dir), 'a', 0o600)
  const { uid, gid } = fs.statSync(dir)
  if (fs.fstatSync(log).uid !== uid) fs.fchownSync(log, uid, gid)
  return log
}

async function transportSettings(
  dir: string,
  account: Account,
  options: LaunchOptions,
): Promise<Record<string, string>> {
  const transport = options.transport ?? (process.platform === 'win32' ? 'tcp' : 'socket')
  if (transport === 'tcp') {
    return {
      listen_addresses: '127.0.0.1',
      port: String(await freePort()),
      unix_socket_directories: '',
    }
  }
  // The setting is a list, so a path with a comma or space must be quoted.
  const quoted = `"${makeSocketDir(dir, account).replaceAll('"', '""')}"`
  return { listen_addresses: '', port: '5432', unix_socket_directories: quoted }
}

function makeSocketDir(dir: string, account: Account): string {
  const path = join(fits(dir) ? dir : makeShortFolder(dir, account), socketFolder(dir))
  fs.mkdirSync(path, { recursive: true, mode: 0o700 })
  fs.chmodSync(path, 0o700)
  own(path, account)
  return path
}

const fits = (parent: string): boolean =>
  Buffer.byteLength(join(parent, 'run-00000000', SOCKET_NAME)) <= SOCKET_PATH_LIMIT

/**
 * Of this data directory alone: if the folder is removed and created again, the server of the removed one notices
 * it after a while, and removes its own socket, not that of the new server.
 */
function socketFolder(dir: string): string {
  const { ino, birthtimeMs } = fs.statSync(dataDir(dir))
  return `run-${createHash('sha256').update(`${ino} ${birthtimeMs}`).digest('hex').slice(0, 8)}`
}

/** A folder of the same owner with a short path. It is the same one each time, unless another user has its name. */
function makeShortFolder(dir: string, account: Account): string {
  const { uid, gid } = fs.statSync(dir)
  const hash = createHash('sha256').update(fs.realpathSync(dir)).digest('hex').slice(0, 12)
  const name = `wfstore-${uid}-${hash}`
  const parent = fits(join(tmpdir(), name)) ? tmpdir() : '/tmp'
  let path = join(parent, name)
  const found = fs.lstatSync(path, { throwIfNoEntry: false })
  if (!found) fs.mkdirSync(path, { recursive: true, mode: 0o700 })
  else if (!found.isDirectory() || found.uid !== uid) {
    path = fs.mkdtempSync(join(parent, 'wfstore-'))
  }
  if (account.owner) fs.chownSync(path, uid, gid)
  closeFolder(path, account)
  return path
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0))
    })
  })
}

const hasEnded = ({ child, refused }: Attempt): boolean =>
  refused !== undefined || child.exitCode !== null || child.signalCode !== null

const readFrom = (file: string, start: number): string =>
  fs.readFileSync(file).subarray(start).toString('utf8')

function startFailure(dir: string, log: string, refused?: Error): WfstoreError {
  const reason =
    refused?.message ??
    (/(?:FATAL|PANIC):\s*(.*)/.exec(log)?.[1] || lastLine(log) || 'no reason given')
  return new WfstoreError('unreachable', `the embedded server did not start: ${reason}`, {
    hint: `see ${logFile(dir)}`,
    cause: refused,
  })
}
