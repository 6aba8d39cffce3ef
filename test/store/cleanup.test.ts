import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { archiveInFolder, openStore } from '../../src/index.ts'
import { beforehand } from '../cleanup/cleanup-support.ts'
import { ALL, BEFORE, CLEANED, oldStore, rowsOf } from '../cli/commands/cleanup/support.ts'
import { openPool } from '../support/database.ts'
import { dataFolder } from '../support/folder.ts'
import type { Template } from '../support/template.ts'

let template: Template
let folder: string
beforeAll(async () => {
  template = await oldStore('store_cleanup')
  folder = dataFolder('store')
})
afterAll(async () => {
  rmSync(folder, { recursive: true })
  await template.drop()
})

const before = `${BEFORE}T00:00:00Z`

it.each(['databaseUrl', 'pool'] as const)(
  'a store on a %s counts, cleans up, lists and restores, and its totals do not change',
  async (kind) => {
    const database = await template.copy()
    const pool = openPool({ connectionString: database.url })
    const store = openStore(kind === 'pool' ? { pool } : { databaseUrl: database.url })
    const totals = await store.getStats()
    const { remove, kept } = await store.cleanups.count({ before })
    const told: number[] = []
    const result = await store.cleanup({
      before: new Date(before),
      archive: archiveInFolder(join(folder, kind)),
      progress: ({ execution }) => told.push(execution),
    })
    expect(result).toMatchObject({ outcome: 'done', removed: remove, left: null })
    expect(kept).toEqual(beforehand(result.kept))
    expect(told.at(-1)).toBe(12)
    expect(await rowsOf(database)).toEqual(CLEANED)
    expect(await store.getStats()).toEqual(totals)
    expect(await store.cleanups.list()).toMatchObject({
      rows: [{ cleanupId: result.cleanupId, outcome: 'done', executionsRemoved: 12 }],
      nextCursor: null,
      hasMore: false,
    })
    const { restored } = await store.restore(result.archive?.place ?? '')
    expect(restored).toEqual(remove)
    expect(await rowsOf(database)).toEqual(ALL)
    expect(await store.getStats()).toEqual(totals)
    await store.close()
    await pool.end()
    await database.drop()
  },
)

it('an invalid cutoff is refused, and nothing is removed', async () => {
  const database = await template.copy()
  const store = openStore({ databaseUrl: database.url })
  for (const options of [
    {},
    { days: 0 },
    { days: 1.5 },
    { days: 90, before },
    { before: '2999-01-01T00:00:00Z' },
  ])
    await expect(store.cleanup(options)).rejects.toMatchObject({ code: 'usage' })
  expect(await rowsOf(database)).toEqual(ALL)
  expect((await store.cleanups.list()).rows).toEqual([])
  await store.close()
  await database.drop()
})
