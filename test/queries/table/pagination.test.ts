import fc from 'fast-check'
import type pg from 'pg'
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { migrateUp } from '../../../src/db/migrate/up.ts'
import { openStore, type Store } from '../../../src/index.ts'
import type { ExecutionListOptions } from '../../../src/queries/executions/executions.ts'
import { createDatabase, type TestDatabase } from '../../support/database.ts'

let database: TestDatabase
let client: pg.Client
let store: Store

beforeAll(async () => {
  database = await createDatabase('pagination')
  client = await database.connect()
  await migrateUp(client, {
    legacyTimeZone: 'UTC',
    lockWaitMs: 10_000,
    lockTimeoutMs: 2000,
    notice: () => {},
  })
  store = openStore({ databaseUrl: database.url })
})
beforeEach(async () => {
  await client.query('delete from workflow_executions')
})
afterAll(async () => {
  await store.close()
  await client.end()
  await database.drop()
})

interface Seed {
  /** Microseconds after a fixed instant: few, so that ties are common. */
  at: number
  user: string
  status: string
}

const seed: fc.Arbitrary<Seed> = fc.record({
  at: fc.integer({ min: 0, max: 3 }),
  user: fc.constantFrom('a', 'b'),
  status: fc.constantFrom('running', 'success', 'failed'),
})

async function insert(rows: Seed[]): Promise<void> {
  await client.query(
    `insert into workflow_executions (workflow_name, user_id, mode, model_id, status, start_time)
     select 'w', r.user, 'm', 'x', r.status, timestamptz '2026-01-01T00:00:00.000001Z' + r.at * interval '1 microsecond'
     from json_to_recordset($1) as r ("user" text, status text, at int)`,
    [JSON.stringify(rows)],
  )
}

/** The ids that a filter should give, in order, by a statement that shares nothing with ours. */
async function expected(where: string, direction: 'asc' | 'desc'): Promise<string[]> {
  const { rows } = await client.query(
    `select execution_id from workflow_executions where ${where} order by start_time ${direction}, execution_id ${direction}`,
  )
  return rows.map((row) => row.execution_id as string)
}

/** Every page to the end, each asked for after `between` has run. */
async function walk(
  list: Store['executions']['list'],
  options: Omit<ExecutionListOptions, 'cursor'>,
  between: () => Promise<void> = async () => {},
): Promise<string[]> {
  const ids: string[] = []
  let cursor: string | undefined
  do {
    const page = await list({ ...options, ...(cursor ? { cursor } : {}) })
    expect(page.rows.length).toBeLessThanOrEqual(options.limit)
    ids.push(...page.rows.map((row) => row.executionId))
    cursor = page.nextCursor ?? undefined
    if (cursor) await between()
  } while (cursor)
  return ids
}

it('pages of any size return every row once and in order, also with ties on the same microsecond', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(seed, { maxLength: 25 }),
      fc.integer({ min: 1, max: 8 }),
      fc.constantFrom<[string, Partial<ExecutionListOptions>]>(
        ['true', {}],
        [`user_id = 'a'`, { userId: 'a' }],
        [`status = 'failed'`, { status: ['failed'] }],
        [`status in ('failed', 'success')`, { status: ['failed', 'success'] }],
      ),
      async (rows, limit, [where, filter]) => {
        await client.query('delete from workflow_executions')
        await insert(rows)
        expect(await walk(store.executions.list, { ...filter, limit })).toEqual(
          await expected(where, 'desc'),
        )
        expect(await walk(store.executions.running, { limit })).toEqual(
          await expected(`status = 'running'`, 'asc'),
        )
      },
    ),
    { numRuns: 60 },
  )
})

it('rows added and removed between pages repeat no row and skip none that existed all the time', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(seed, { minLength: 1, maxLength: 20 }),
      fc.array(seed, { minLength: 1, maxLength: 3 }),
      fc.integer({ min: 1, max: 6 }),
      async (rows, added, limit) => {
        await client.query('delete from workflow_executions')
        await insert(rows)
        const before = await expected('true', 'desc')
        let pages = 0
        const ids = await walk(store.executions.list, { limit }, async () => {
          // A bounded number of newcomers: some sort before the page, some after it, some tie with it.
          if (pages++ < 5) await insert(added)
        })
        expect(new Set(ids).size).toBe(ids.length)
        expect(ids.filter((id) => before.includes(id))).toEqual(before)
      },
    ),
    { numRuns: 40 },
  )
})

it('a cursor of another query, or a damaged one, is refused', async () => {
  await insert([
    { at: 0, user: 'a', status: 'running' },
    { at: 1, user: 'a', status: 'running' },
    { at: 2, user: 'a', status: 'running' },
  ])
  const { nextCursor } = await store.executions.list({ limit: 1, userId: 'a' })
  const cursor = nextCursor as string
  const refused = { code: 'usage', message: 'the cursor belongs to another query, or is damaged' }
  await expect(store.executions.list({ limit: 1, userId: 'b', cursor })).rejects.toMatchObject(
    refused,
  )
  await expect(store.executions.list({ limit: 1, cursor })).rejects.toMatchObject(refused)
  await expect(store.executions.running({ limit: 1, userId: 'a', cursor })).rejects.toMatchObject(
    refused,
  )
  await expect(store.executions.list({ limit: 5, userId: 'a', cursor })).resolves.toMatchObject({
    nextCursor: null,
  })
  for (const damaged of ['', 'x', cursor.slice(0, -4), `${cursor}A`]) {
    await expect(
      store.executions.list({ limit: 1, userId: 'a', cursor: damaged }),
    ).rejects.toMatchObject({
      code: 'usage',
      message: 'the cursor is damaged',
    })
  }
})

it('any text as a cursor is a usage error and never reaches SQL', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.string(),
      fc.array(fc.jsonValue(), { maxLength: 6 }),
      async (text, payload) => {
        for (const cursor of [text, Buffer.from(JSON.stringify(payload)).toString('base64url')]) {
          await expect(store.executions.list({ limit: 1, cursor })).rejects.toMatchObject({
            code: 'usage',
          })
        }
      },
    ),
  )
})

it('a page says whether there are more rows, also if it is sorted and has no cursor', async () => {
  await insert([0, 1, 2].map((at) => ({ at, user: 'a', status: 'success' })))
  const list = async (options: Parameters<Store['executions']['list']>[0]) => {
    const { rows, nextCursor, hasMore } = await store.executions.list(options)
    return [rows.length, nextCursor !== null, hasMore]
  }
  expect(await list({ limit: 2 })).toEqual([2, true, true])
  expect(await list({ limit: 3 })).toEqual([3, false, false])
  expect(await list({ limit: 2, sort: 'userId' })).toEqual([2, false, true])
  expect(await list({ limit: 3, sort: 'userId' })).toEqual([3, false, false])
  expect(await list({ limit: 2, sort: 'startTime:desc' })).toEqual([2, true, true])
})
