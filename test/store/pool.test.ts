import { afterAll, beforeAll, expect, it } from 'vitest'
import type { Queryable } from '../../src/db/query/connection.ts'
import { openStore } from '../../src/index.ts'
import { citusUrl } from '../support/citus.ts'
import { openPool, type TestDatabase } from '../support/database.ts'
import { createMigrated } from '../support/migrated.ts'

const RUN = { workflowName: 'w', userId: 'u', mode: 'm', modelId: 'x' }

let database: TestDatabase
beforeAll(async () => {
  database = await createMigrated('store_pool')
})
afterAll(() => database.drop())

it('close does not end a pool or a client of the caller', async () => {
  const pool = openPool({ connectionString: database.url })
  const client = await pool.connect()
  for (const own of [pool, client]) {
    const store = openStore({ pool: own })
    await expect(store.getStats()).resolves.toMatchObject({ totalExecutions: 0 })
    await store.close()
    await expect(own.query('select 1 as one')).resolves.toMatchObject({ rows: [{ one: 1 }] })
    await expect(store.getStats()).resolves.toMatchObject({ totalExecutions: 0 })
  }
  client.release()
  await pool.end()
})

it('a client of the caller gets one query at a time, as pg requires', async () => {
  const client = await database.connect()
  let busy = false
  const pool: Queryable = {
    query: async (config) => {
      expect(busy).toBe(false)
      busy = true
      const result = await client.query(config)
      busy = false
      return result
    },
  }
  const store = openStore({ pool })
  await store.executions.list()
  await store.getStats()
  await client.end()
})

it('a rollback on a client of the caller reverts the calls of the store', async () => {
  const client = await database.connect()
  const store = openStore({ pool: client })
  await client.query('begin')
  const { executionId } = await store.executions.create(RUN)
  await client.query('rollback')
  await expect(store.executions.get(executionId)).rejects.toMatchObject({ code: 'not_found' })
  await client.end()
})

it('a pool of the caller keeps its type parsers', async () => {
  const pool = openPool({ connectionString: database.url })
  await openStore({ pool }).getStats()
  const { rows } = await pool.query(`select 1::int4 as n, true as b, '{"a": 1}'::jsonb as j`)
  expect(rows).toEqual([{ n: 1, b: true, j: { a: 1 } }])
  await pool.end()
})

it.skipIf(!citusUrl)('a session that Citus no longer sends to the nodes is replaced', async () => {
  const pool = openPool({ connectionString: database.url, max: 1 })
  const store = openStore({ pool })
  const client = await pool.connect()
  await expect(
    client.query(
      'select count(*) from (select user_id from audit_logs order by 1 offset (select 1)) as x',
    ),
  ).rejects.toThrow('OFFSET')
  client.release()
  const run = await store.startExecution({ ...RUN, userId: 'again' })
  await run.finish({ status: 'success' })
  expect(await store.executions.get(run.executionId)).toMatchObject({ status: 'success' })
  await pool.end()
})
