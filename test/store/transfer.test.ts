import pg from 'pg'
import { afterAll, expect, it } from 'vitest'
import { openStore, type Store } from '../../src/index.ts'
import { openPool, type TestDatabase } from '../support/database.ts'
import { createAdopted, createMigrated } from '../support/migrated.ts'

const databases: TestDatabase[] = []
const closers: (() => Promise<void>)[] = []
afterAll(async () => {
  for (const close of closers) await close()
  for (const database of databases) await database.drop()
})

async function made(database: Promise<TestDatabase>): Promise<TestDatabase> {
  databases.push(await database)
  return database
}

const everything = async (store: Store) => {
  const chunks: Buffer[] = []
  for await (const chunk of store.export()) chunks.push(chunk)
  return Buffer.concat(chunks).toString()
}

it.each(['a URL', 'a pool of yours', 'a client of yours'])(
  'an export of a store on %s is imported by another to the byte, and its connections are free again',
  async (kind) => {
    const old = await made(createAdopted('transfer_old'))
    const young = await made(createMigrated('transfer_new'))
    const [from, to] = await Promise.all(
      [old, young].map(async ({ url }) => {
        if (kind === 'a URL') {
          const store = openStore({ databaseUrl: url })
          closers.push(store.close)
          return store
        }
        const pool =
          kind === 'a pool of yours'
            ? openPool({ connectionString: url, max: 1 })
            : new pg.Client({ connectionString: url })
        if (pool instanceof pg.Client) await pool.connect()
        closers.push(() => pool.end())
        return openStore({ pool })
      }),
    )
    const exported = await everything(from as Store)
    const report = await (to as Store).import(chunksOf(exported))
    expect(report).toMatchObject({
      inserted: { execution: 160, step: 479, audit: 1775, bill: 149, metric: 60 },
      repeated: 0,
      invalidCount: 0,
    })
    expect(await everything(to as Store)).toBe(exported)
    expect((await (to as Store).import(chunksOf(exported))).repeated).toBe(
      160 + 479 + 1775 + 149 + 60,
    )
    expect(await (to as Store).getStats()).toEqual(await (from as Store).getStats())
  },
)

/** In pieces that end anywhere, also in the middle of a character. */
async function* chunksOf(text: string): AsyncGenerator<Buffer> {
  const bytes = Buffer.from(text)
  for (let at = 0; at < bytes.length; at += 10_007) yield bytes.subarray(at, at + 10_007)
}
