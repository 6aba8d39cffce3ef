import { mkdirSync, rmSync } from 'node:fs'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { archiveInFolder, archiveToStream, openStore, type WfstoreError } from '../../src/index.ts'
import { dataFolder } from '../support/folder.ts'
import { createMigrated } from '../support/migrated.ts'
import { type Call, everyCall, everyFunction, type Given, prepare, settle } from './every-call.ts'

const database = await createMigrated('options')
const store = openStore({ databaseUrl: database.url })
const folder = dataFolder('options')
let given: Given
let calls: Record<string, Call>
beforeAll(async () => {
  mkdirSync(`${folder}/archives`)
  given = await prepare(store, folder)
  calls = await everyCall(given)
})
afterAll(async () => {
  await store.close()
  await database.drop()
  rmSync(folder, { recursive: true, force: true })
})

/** Objects whose names are the caller's. */
const FREE = ['metadata', 'dimensions', 'models']

/** The value with a name that does not exist, once in each object of it. */
function misspelt(value: unknown): unknown[] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return []
  if (Symbol.asyncIterator in value || ArrayBuffer.isView(value)) return []
  const inner = Object.entries(value).filter(([name]) => !FREE.includes(name))
  return [
    { ...value, misspelt: 1 },
    ...inner.flatMap(([name, one]) => misspelt(one).map((wrong) => ({ ...value, [name]: wrong }))),
  ]
}

it('the table of calls has every function of the library', async () => {
  expect(Object.keys(calls).sort()).toEqual((await everyFunction(given)).sort())
})

it('every function refuses a name that it does not know, in every object that it takes', async () => {
  const wrongly: string[] = []
  let tried = 0
  for (const [name, [fn, ...args]] of Object.entries(calls))
    for (const [place, arg] of args.entries())
      for (const wrong of misspelt(arg)) {
        const given = args.map((one, at) => (at === place ? wrong : one))
        const call = async () => settle(fn(...(given as never[])))
        const error = await call().catch((thrown: unknown) => thrown)
        const { code, message = '', hint = '' } = (error ?? {}) as Partial<WfstoreError>
        if (code !== 'usage' || !/misspelt/.test(message) || !/^use /.test(hint))
          wrongly.push(`${name} ${JSON.stringify(wrong)}: ${code} ${message} ${hint}`)
        tried++
      }
  expect(wrongly).toEqual([])
  expect(tried).toBeGreaterThan(50)
})

it('the functions that open a store or an archive refuse it too, at once', () => {
  const { url } = database
  const wrong = { misspelt: 1 } as never
  const spool = { file: `${folder}/spool`, onError: () => {}, misspelt: 1 }
  for (const open of [
    () => openStore({ databaseUrl: url, ...(wrong as object) }),
    () => openStore({ databaseUrl: url, spool }),
    () => archiveInFolder(folder, wrong),
    () => archiveToStream('-', wrong),
  ])
    expect(open).toThrow(expect.objectContaining({ code: 'usage' }))
})

it('the hint names the option that was probably meant', async () => {
  const run = { workflowName: 'w', userID: 'u', mode: 'm', modelId: 'x' } as never
  await expect(store.startExecution(run)).rejects.toMatchObject({
    message: 'startExecution has no option userID',
    hint: 'use userId',
  })
  const filter = { stauts: 'failed' } as never
  await expect(store.executions.list(filter)).rejects.toMatchObject({ hint: 'use status' })
  const row = { userid: 'u' } as never
  await expect(store.executions.create(row)).rejects.toMatchObject({ hint: 'use userId' })
})
