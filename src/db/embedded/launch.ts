import { type ChildProcess, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import * as fs from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { WfstoreError } from '../../error.ts'
import { alive } from '../../lock-file.ts'
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
  /** Server settings beside our own. */
  settings?: Record<string, string>
  /** 'tcp' is how Windows is served; elsewhere the default is a Unix socket. */
  transport?: 'socket' | 'tcp'
}

/** Longest path of a Unix socket on every system we run on (104 bytes on macOS, its end included). */
const SOCKET_PATH_LIMIT = 103
const SOCKET_NAME = '.s.PGSQL.5432'
/** Crash recovery replays at most a checkpoint's worth of log; a minute is ample. */
const START_LIMIT_MS = 60_000
const POLL_MS = 10
const PAUSE_MS = 100

/** Of a server that was refused because of another: one of another starter's, or one that is just ending. */
const OTHER_SERVER =
  /postmaster\.pid" already exists|is another (postmaster|postgres)|shared memory block .* still in use|address already in use|could not remove old lock file/i
/** Of a server that finds a lock file which another is about to fill, or which a full disk left so. */
const EMPTY_LOCK = /lock file "(.+)" is empty/

interface Attempt {
  child: ChildProcess
  /** Where its part of the log begins. */
  logFrom: number
  /** Why there was no process at all. */
  refused?: Error
}

/**
 * Starts the server, or waits for the one that somebody else is starting. PostgreSQL's own lock admits one.
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

/** Is a server of this folder starting or stopping now? What cannot be told is left to PostgreSQL to judge. */
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

/** The server inherits it open; on disk it belongs to the folder's owner, who may be another than root that writes it. */
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
  // The setting is a list: quotes keep a comma or a blank in the path from parting it.
  const quoted = `"${makeSocketDir(dir, account).replaceAll('"', '""')}"`
  return { listen_addresses: '', port: '5432', unix_socket_directories: quoted }
}

function makeSocketDir(dir: string, account: Account): string {
  const path = join(fits(dir) ? dir : makeShortFolder(dir, account), 'run')
  fs.mkdirSync(path, { recursive: true, mode: 0o700 })
  fs.chmodSync(path, 0o700)
  own(path, account)
  return path
}

const fits = (parent: string): boolean =>
  Buffer.byteLength(join(parent, 'run', SOCKET_NAME)) <= SOCKET_PATH_LIMIT

/** A folder of the same owner with a short path, the same one each time unless somebody else took its name. */
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
