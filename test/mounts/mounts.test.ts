// The applications of docs/SERVE.md as the page shows them, with the library of dist/: it needs `npm run build`.
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createMigrated } from '../support/migrated.ts'
import { shownFiles, writeApplication } from './page.ts'
import { fill, keepsPromises } from './promises.ts'

const root = join(import.meta.dirname, '../..')
const APPLICATIONS = ['hono.mjs', 'express.mjs', 'http.mjs']

const database = await createMigrated('mounts')
let folder: string
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'wfstore-mounts-'))
  mkdirSync(join(folder, 'node_modules'))
  symlinkSync(root, join(folder, 'node_modules/wfstore'))
  for (const name of ['@hono', 'hono', 'express'])
    symlinkSync(join(root, 'node_modules', name), join(folder, 'node_modules', name))
  writeApplication(folder, ...APPLICATIONS)
  await fill(database)
})
afterAll(async () => {
  await database.drop()
  rmSync(folder, { recursive: true })
})

describe.each(APPLICATIONS)('%s', (name) => {
  let child: ChildProcess
  let url: string
  beforeAll(async () => {
    const { PATH, HOME } = process.env
    child = fork(join(folder, name), {
      cwd: folder,
      execArgv: ['--require', join(import.meta.dirname, 'announce.cjs')],
      env: { PATH, HOME, DATABASE_URL: database.url, PORT: '0' },
    })
    const ended = once(child, 'exit').then(([code]) => Promise.reject(new Error(`exit ${code}`)))
    ended.catch(() => {})
    const [port] = await Promise.race([once(child, 'message'), ended])
    url = `http://127.0.0.1:${port}`
  })
  afterAll(async () => {
    child.kill()
    await once(child, 'exit')
  })
  keepsPromises(() => ({ url, database }))
})

it('every application of the page is run', () => {
  const shown = [...shownFiles.keys()].filter((name) => !/^(wfstore\.mjs|next|app\/)/.test(name))
  expect(shown.sort()).toEqual([...APPLICATIONS].sort())
})
