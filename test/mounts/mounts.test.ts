// The applications of docs/SERVE.md as the page shows them, with the library of dist/: it needs `npm run build`.
import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createMigrated } from '../support/migrated.ts'
import { type Running, startServer } from './child.ts'
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
  let application: Running
  beforeAll(async () => {
    application = await startServer(join(folder, name), [], folder, database.url)
  })
  afterAll(() => application.stop())
  keepsPromises(() => ({ url: application.url, database }))
})

it('every application of the page is run', () => {
  const shown = [...shownFiles.keys()].filter((name) => !/^(wfstore\.mjs|next|app\/)/.test(name))
  expect(shown.sort()).toEqual([...APPLICATIONS].sort())
})
