import type { ChildProcess } from 'node:child_process'
import * as fs from 'node:fs'
import { createServer } from 'node:net'
import { basename, join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { WfstoreError } from '../../error.ts'
import { alive } from '../../lock-holder.ts'
import { dataDir, lastLine, logFile, PLAIN, readText } from './folder.ts'
import { type Host, isOpened, spawnProgram } from './host.ts'
import {
  answers,
  type Claim,
  type Endpoint,
  FOLDER_SETTING,
  isPostmaster,
  readClaim,
  removeStale,
} from './postmaster.ts'
import { fixedSettings } from './settings.ts'
import { makeSocketFolder, socketPath } from './socket.ts'

export interface LaunchOptions {
  /** Additional server settings. */
  settings?: Record<string, string>
  /** Default: 'tcp' on Windows, a Unix socket elsewhere. */
  transport?: 'socket' | 'tcp'
}

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
      log = readText(logFile(dir), attempt.logFrom)
      const empty = EMPTY_LOCK.exec(log)?.[1]
      if (attempt.refused || !(empty || OTHER_SERVER.test(log))) {
        throw startFailure(dir, log, attempt.refused)
      }
      attempt = undefined
      await sleep(PAUSE_MS)
      if (empty) removeEmpty(lockPath(dir, empty))
    } else if (!attempt && !(claim && (await isHeld(dir, claim)))) {
      attempt = await attemptStart(dir, host, options)
    }
    if (Date.now() > deadline) throw startFailure(dir, log || 'it is not ready after a minute')
    await sleep(POLL_MS)
  }
}

/** The path of a lock file in the log, which is relative to the data or in a folder that root has opened. */
const lockPath = (dir: string, file: string): string =>
  isOpened(file) ? join(socketPath(dir), basename(file)) : resolve(dataDir(dir), file)

function removeEmpty(file: string): void {
  if (fs.lstatSync(file, { throwIfNoEntry: false })?.size === 0) fs.rmSync(file, { force: true })
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
  const transport = options.transport ?? (process.platform === 'win32' ? 'tcp' : 'socket')
  const port = transport === 'tcp' ? await freePort() : 5432
  const sockets = transport === 'tcp' ? [] : [makeSocketFolder(dir, host.account)]
  const log = openLog(dir)
  const logFrom = fs.fstatSync(log).size
  const child = spawnProgram(
    host,
    {
      program: host.binaries.postgres,
      folders: [dataDir(dir), ...sockets],
      args: ([data = '', socket]) => [
        '-D',
        data,
        '-c',
        `${FOLDER_SETTING}${dir}`,
        ...Object.entries({
          ...fixedSettings(data, Number(host.binaries.version)),
          ...options.settings,
          port: String(port),
          listen_addresses: transport === 'tcp' ? '127.0.0.1' : '',
          // The setting is a list, so a path with a comma or space must be quoted.
          unix_socket_directories: socket ? `"${socket.replaceAll('"', '""')}"` : '',
        }).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
      ],
    },
    { cwd: dir, detached: true, stdio: ['ignore', log, log] },
  )
  const attempt: Attempt = { child, logFrom }
  child.on('error', (error) => {
    attempt.refused = error
  })
  child.unref()
  fs.closeSync(log)
  return attempt
}

/** Opened for the server to inherit. */
function openLog(dir: string): number {
  const { O_WRONLY, O_APPEND, O_CREAT } = fs.constants
  return fs.openSync(logFile(dir), O_WRONLY | O_APPEND | O_CREAT | PLAIN, 0o600)
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

function startFailure(dir: string, log: string, refused?: Error): WfstoreError {
  const reason =
    refused?.message ??
    (/(?:FATAL|PANIC):\s*(.*)/.exec(log)?.[1] || lastLine(log) || 'no reason given')
  return new WfstoreError('unreachable', `the embedded server did not start: ${reason}`, {
    hint: `see ${logFile(dir)}`,
    cause: refused,
  })
}
