import { randomUUID } from 'node:crypto'
import type pg from 'pg'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { citusUrl } from '../support/citus.ts'
import type { TestDatabase } from '../support/database.ts'
import { untilBlocked } from '../support/migrate.ts'
import { createMigrated } from '../support/migrated.ts'
import { currentPeriod, insert as insertBill, periodOfBill } from './periods-support.ts'

let database: TestDatabase

beforeAll(async () => {
  database = await createMigrated('billing_closing')
})
afterAll(() => database.drop())
beforeEach(() => database.sql('truncate billing_records, wfstore_periods, wfstore_settings'))

const periodOf = (id: string) => periodOfBill(database, id)
const now = () => currentPeriod(database)
/** A bill of an execution of its own, so that the bills of a distributed store are on all nodes. */
const insert = (period: string, cost?: string, id?: string) =>
  insertBill(period, cost, id)
    .replace('(', '(execution_id, ')
    .replace('values (', 'values (gen_random_uuid(), ')
const close = (period: string) => `select wfstore_close('${period}') as closed`
const totalsOf = async (period: string) => {
  const [row] = await database.sql(
    'select records, cost::text, tokens_total from wfstore_periods where billing_period = $1',
    [period],
  )
  return row
}

describe('closing while other sessions write', () => {
  const connections: pg.Client[] = []
  beforeAll(async () => {
    for (let n = 0; n < 9; n++) connections.push(await database.connect())
  })
  afterAll(() => Promise.all(connections.map((client) => client.end())))
  const [pid, client] = [
    async (on: pg.Client) => (await on.query('select pg_backend_pid() as pid')).rows[0].pid,
    (at: number) => connections[at] as pg.Client,
  ]

  it.each([
    ['insert a bill', insert('2024-11', '2')],
    ['change one', `update billing_records set cost = cost + 2`],
    ['delete one', 'delete from billing_records'],
  ])('waits for sessions that %s and counts what they have done', async (_, change) => {
    await database.sql(insert('2024-11', '5'))
    await client(0).query('begin')
    await client(0).query(change)
    const waiter = await pid(client(1))
    const closing = client(1).query(close('2024-11'))
    await untilBlocked(database, waiter)
    await client(0).query('commit')
    expect((await closing).rows).toEqual([{ closed: true }])
    const [live] = await database.sql(
      'select count(*) as records, coalesce(sum(cost), 0)::text as cost from billing_records',
    )
    expect(await totalsOf('2024-11')).toMatchObject(live as object)
  })

  it('a bill that is written during the close waits and goes into the open month', async () => {
    await database.sql(insert('2024-11', '5'))
    await client(0).query('begin')
    await client(0).query(close('2024-11'))
    const late = randomUUID()
    const waiter = await pid(client(1))
    const inserting = client(1).query(insert('2024-11', '2', late))
    await untilBlocked(database, waiter)
    await client(0).query('commit')
    await inserting
    expect(await periodOf(late)).toEqual({
      billing_period: await now(),
      original_period: '2024-11',
    })
  })

  it.each(['repeatable read', 'serializable'])(
    'a transaction at %s that began before the close cannot add to the month afterwards',
    async (level) => {
      await database.sql(insert('2024-11', '5'))
      await client(0).query(`begin isolation level ${level}`)
      await client(0).query('select 1 from billing_records')
      await database.sql(close('2024-11'))
      await expect(client(0).query(insert('2024-11', '2'))).rejects.toMatchObject({
        code: citusUrl ? 'WF007' : '40001',
      })
      await client(0).query('rollback')
      await database.sql(insert('2024-12', '5'))
      await client(0).query(`begin isolation level ${level}`)
      await expect(client(0).query(close('2024-12'))).rejects.toMatchObject({ code: 'WF003' })
      await client(0).query('rollback')
    },
  )

  it('every bill of eight writers is in the totals of the close or in the open month', async () => {
    const months = ['2024-01', '2024-02', '2024-03', '2024-04', '2024-05']
    let written = 0
    let stop = false
    const writers = connections.slice(1).map(async (own, at) => {
      for (let n = 0; !stop; n++) {
        await own.query(insert(months[(n + at) % months.length] as string, '0.01'))
        written++
      }
    })
    const totals: Record<string, unknown>[] = []
    for (const month of months) {
      const wanted = written + 80
      while (written < wanted) await database.sql('select')
      await client(0).query(close(month))
      totals.push((await totalsOf(month)) ?? {})
    }
    stop = true
    await Promise.all(writers)
    const rows = await database.sql(
      `select billing_period, count(*) as records, sum(cost)::text as cost, sum(tokens_total) as tokens_total,
         count(original_period)::int as moved
       from billing_records group by 1 order by 1`,
    )
    expect(rows.map(({ billing_period }) => billing_period)).toEqual([...months, await now()])
    expect(rows.slice(0, -1)).toEqual(
      months.map((billing_period, at) => ({ ...totals[at], billing_period, moved: 0 })),
    )
    expect(rows.reduce((sum, { records }) => sum + Number(records), 0)).toBe(written)
    expect(rows.at(-1)?.moved).toBe(Number(rows.at(-1)?.records))
    expect(rows.at(-1)?.moved).toBeGreaterThan(0)
  })

  it('a writer that adds to the month again while a close waits for it ends, and so does the close', async () => {
    await client(0).query('begin')
    await client(0).query(insert('2024-11'))
    const waiter = await pid(client(1))
    const closing = client(1).query(close('2024-11'))
    await untilBlocked(database, waiter)
    const writing = (async () => {
      // Some of them are on another node than the first.
      for (let n = 0; n < 6; n++) await client(0).query(insert('2024-11'))
      await client(0).query('commit')
    })()
    const ended = await Promise.allSettled([closing, writing])
    await client(0).query('rollback')
    // In a distributed store the close may have locked another node. Of the two the server ends one.
    for (const end of ended)
      if (end.status === 'rejected') expect(end.reason).toMatchObject({ code: '40P01' })
    expect(ended.some(({ status }) => status === 'fulfilled')).toBe(true)
    await database.sql(close('2024-11'))
    const [bills] = await database.sql(
      `select count(*) as records from billing_records where billing_period = '2024-11'`,
    )
    expect(await totalsOf('2024-11')).toMatchObject(bills as object)
  })
})
