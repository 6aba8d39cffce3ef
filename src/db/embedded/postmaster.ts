import { spawnSync } from 'node:child_process'
import * as fs from 'node:fs'
import { connect } from 'node:net'
import { basename, join } from 'node:path'
import { alive } from '../../lock-holder.ts'
import { sqlStateOf } from '../query/errors.ts'
import { dataDir, folderError, isMissing, readPassword, readText } from './folder.ts'
import { isOpened } from './host.ts'
import { socketPath } from './socket.ts'

/** Where a running server listens: a Unix socket in `socketDir`, or a loopback `port` with a password. */
export interface Endpoint {
  pid: number
  port: number
  socketDir: string | undefined
  startedAt: Date
}

/** The content of postmaster.pid. The server that wrote it may no longer run. */
export interface Claim {
  endpoint: Endpoint
  /** It listens on TCP. */
  loopback: boolean
  /** 'starting', 'ready', 'stopping', or '' at first. */
  state: string
  text: string
}

/** Tells on the command line which folder a server is for. */
export const FOLDER_SETTING = 'wfstore.folder='

const pidFile = (dir: string) => join(dataDir(dir), 'postmaster.pid')

/** postmaster.pid: pid, data directory, start (Unix time), port, socket directory, address, shared memory, state. */
export function readClaim(dir: string): Claim | undefined {
  let text: string
  try {
    text = readText(pidFile(dir))
  } catch (error) {
    if (isMissing(error)) return undefined
    throw folderError(dir, error)
  }
  const [pid, , started, port, socketDir, address, , state] = text
    .split('\n')
    .map((line) => line.trim())
  if (!Number(pid) || !started || !port) return undefined
  return {
    endpoint: {
      pid: Math.abs(Number(pid)),
      port: Number(port),
      socketDir: socketDir && isOpened(socketDir) ? socketPath(dir) : socketDir || undefined,
      startedAt: new Date(Number(started) * 1000),
    },
    loopback: !socketDir && Boolean(address),
    state: state ?? '',
    text,
  }
}

/** Whether the server of this claim accepts connections, if only to report that it starts or stops. */
export async function answers(dir: string, { endpoint, loopback }: Claim): Promise<boolean> {
  const { socketDir, port } = endpoint
  if (socketDir) return accepts(join(socketDir, `.s.PGSQL.${port}`))
  return loopback && knowsPassword(dir, port)
}

/** Other users cannot write to the folder of the socket, so only the server can listen there. */
function accepts(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path)
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    // EAGAIN: the server listens, but its queue of clients is full.
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code === 'EAGAIN'))
  })
}

/** After a crash another program may use the port. With SCRAM the server proves that it knows the password. */
async function knowsPassword(dir: string, port: number): Promise<boolean> {
  const { default: pg } = await import('pg')
  const client = new pg.Client({
    host: '127.0.0.1',
    port,
    user: 'wfstore',
    database: 'wfstore',
    password: readPassword(dir),
    ssl: false,
    connectionTimeoutMillis: 5_000,
  })
  client.on('error', () => {})
  try {
    await client.connect()
    return true
  } catch (error) {
    // 57P03: starting or stopping. 53300: all connections are in use.
    return ['57P03', '53300'].includes(sqlStateOf(error) ?? '')
  } finally {
    await client.end().catch(() => {})
  }
}

/**
 * Whether this process is the server of this folder; undefined if the system does not say. After a crash or in a new
 * container the process id in postmaster.pid may belong to any program.
 */
export function isPostmaster(pid: number, dir: string): boolean | undefined {
  if (!alive(pid)) return false
  const command = commandLine(pid)
  if (!command) return undefined
  if (!/^(postgres|postmaster)/.test(basename(command[0] ?? ''))) return false
  const served = command.find((word) => word.startsWith(FOLDER_SETTING))
  if (!served) return undefined
  try {
    const folder = served.slice(FOLDER_SETTING.length)
    const [a, b] = [fs.statSync(dataDir(folder)), fs.statSync(dataDir(dir))]
    return a.ino === b.ino && a.dev === b.dev
  } catch {
    return undefined
  }
}

/**
 * Removes the lock files of a dead server whose process id now belongs to another program. PostgreSQL would take that
 * program for the server and refuse to start.
 */
export function removeStale(dir: string, claim: Claim): void {
  if (readClaim(dir)?.text !== claim.text) return
  const { pid, port, socketDir } = claim.endpoint
  if (socketDir) {
    const lock = join(socketDir, `.s.PGSQL.${port}.lock`)
    if (fs.existsSync(lock) && Number.parseInt(readText(lock), 10) === pid) {
      fs.rmSync(lock, { force: true })
    }
  }
  fs.rmSync(pidFile(dir), { force: true })
}

/** The command line of a process; one empty word for a process that has ended or is a zombie. */
function commandLine(pid: number): string[] | undefined {
  if (process.platform === 'linux') {
    try {
      return fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')
    } catch (error) {
      return ['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')
        ? ['']
        : undefined
    }
  }
  if (process.platform === 'win32') return undefined
  const command = spawnSync('ps', ['-ww', '-o', 'comm=', '-p', String(pid)], { encoding: 'utf8' })
  return command.status === 0 ? [command.stdout.trim()] : undefined
}
