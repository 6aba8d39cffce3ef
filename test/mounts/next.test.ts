// @module-tag slow
// An application of Next.js with the files of docs/SERVE.md: built and started, with the packed library.
import { execFile } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll } from 'vitest'
import { createMigrated } from '../support/migrated.ts'
import { type Running, startServer } from './child.ts'
import { writeApplication } from './page.ts'
import { fill, keepsPromises } from './promises.ts'

const run = promisify(execFile)
const root = join(import.meta.dirname, '../..')
const cache = join(root, 'node_modules/.cache/npm-next')
const quiet = ['--ignore-scripts', '--prefer-offline', '--no-audit', '--no-fund']

const database = await createMigrated('next')
let folder: string
let application: Running
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'wfstore-next-'))
  const env = { ...process.env, NEXT_TELEMETRY_DISABLED: '1', npm_config_cache: cache }
  const npm = (...words: string[]) => run('npm', words, { cwd: folder, env })
  cpSync(join(import.meta.dirname, 'next'), folder, { recursive: true })
  mkdirSync(cache, { recursive: true })
  await npm('ci', ...quiet)
  const { stdout } = await npm('pack', '--ignore-scripts', '--pack-destination', folder, root)
  const tarball = stdout.trim().split('\n').at(-1) as string
  await npm('install', ...quiet, '--no-save', '--no-package-lock', `./${tarball}`)
  writeApplication(folder, 'app/wfstore/[[...path]]/route.ts', 'next.config.mjs')
  const next = join(folder, 'node_modules/next/dist/bin/next')
  await run(process.execPath, [next, 'build'], { cwd: folder, env })
  application = await startServer(next, ['start', '-p', '0'], folder, database.url)
  await fill(database)
}, 600_000)
afterAll(async () => {
  await application.stop()
  await database.drop()
  rmSync(folder, { recursive: true })
})

keepsPromises(() => ({ url: application.url, database }))
