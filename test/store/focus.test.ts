import pg from 'pg'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { openStore, type Store } from '../../src/index.ts'
import type { TestDatabase } from '../support/database.ts'
import { createMigrated } from '../support/migrated.ts'

const BILLS = 2500
let database: TestDatabase
let store: Store

beforeAll(async () => {
  database = await createMigrated('focus')
  await database.sql(`insert into billing_records (user_id, model_id, billing_period, timestamp, cost)
    select 'u', 'x', '2026-11', timestamptz '2026-11-20Z' - n * interval '1 s', n from generate_series(1, ${BILLS}) as n`)
  store = openStore({ databaseUrl: database.url })
})
afterAll(async () => {
  await store.close()
  await database.drop()
})

it('the FOCUS rows of a period are those of one moment, although bills are paid and added meanwhile', async () => {
  let cost = 0
  let rows = 0
  for await (const { BilledCost } of store.billing.focus({ period: '2026-11' })) {
    if (rows === 1) {
      await database.sql(`insert into billing_records (user_id, model_id, billing_period, timestamp, cost)
        select 'u', 'x', '2026-11', timestamptz '2026-11-19Z', 1000000`)
      await database.sql(`delete from billing_records where cost between 2000 and 2499`)
    }
    cost += Number(BilledCost)
    rows++
  }
  expect([rows, cost]).toEqual([BILLS, (BILLS * (BILLS + 1)) / 2])
})

it('a reader of FOCUS rows that leaves early leaves no transaction open', async () => {
  for await (const _ of store.billing.focus({ period: '2026-11' })) break
  expect((await store.billing.list({ limit: 1 })).rows).toHaveLength(1)
  const open = await database.sql(
    `select from pg_stat_activity where datname = current_database() and state like 'idle in transaction%'`,
  )
  expect(open).toEqual([])
})

it.each<[string, (store: Store) => Promise<unknown>]>([
  ['billing.focus', (own) => own.billing.focus({ period: '2026-11' }).next()],
  ['export', (own) => own.export().next()],
  ['cleanup', (own) => own.cleanup({ days: 9000 })],
  ['cleanups.count', (own) => own.cleanups.count({ days: 9000 })],
])('%s refuses a client that is in a transaction, whose changes stay', async (_, call) => {
  const client = new pg.Client({ connectionString: database.url })
  await client.connect()
  try {
    await client.query(`begin; create table kept (kept text)`)
    await expect(call(openStore({ pool: client }))).rejects.toMatchObject({
      code: 'usage',
      message: 'the client is in a transaction, and this needs its own',
    })
    await client.query('commit')
    expect((await client.query('select from kept')).rowCount).toBe(0)
  } finally {
    await client.query('drop table if exists kept')
    await client.end()
  }
})
