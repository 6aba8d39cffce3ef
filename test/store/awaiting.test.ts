import { execFile } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'
import { openStore } from '../../src/index.ts'
import { bundle } from '../support/bundle.ts'
import { dataFolder } from '../support/folder.ts'
import { createMigrated } from '../support/migrated.ts'
import { everyCall, prepare } from './every-call.ts'

it('a process that awaits a call of the library stays alive until the call settles', async () => {
  const database = await createMigrated('awaiting')
  const folder = dataFolder('awaiting')
  mkdirSync(`${folder}/archives`)
  const program = join(folder, 'awaiting.mjs')
  const text = `import ${JSON.stringify(join(import.meta.dirname, 'awaiting.ts'))}`
  writeFileSync(program, await bundle(text, import.meta.dirname))
  const { stdout } = await promisify(execFile)(process.execPath, [program, database.url, folder])
  const store = openStore({ databaseUrl: database.url })
  const names = Object.keys(await everyCall(await prepare(store, folder)))
  expect(stdout.trim().split('\n')).toEqual([
    ...names,
    'batch.audit, alone',
    'run, without the database',
    'close, with a spool',
  ])
  await store.close()
  await database.drop()
})
