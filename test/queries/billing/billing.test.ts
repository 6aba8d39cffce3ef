import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Billing, SummaryKey } from '../../../src/queries/billing/billing.ts'
import { type Bill, type Bills, billRows } from '../../../src/queries/billing/bills.ts'
import type { Page } from '../../../src/queries/table/page.ts'
import type { TestDatabase } from '../../support/database.ts'
import { createAdopted } from '../../support/migrated.ts'
import { openBilling, sum, units } from './support.ts'

let database: TestDatabase
let billing: Billing
let list: Bills['list']
let end: () => Promise<void>
/** Every bill of the old application, to be added up here. */
let bills: Record<string, unknown>[]

beforeAll(async () => {
  database = await createAdopted('billing')
  const opened = await openBilling(database)
  ;({ billing, end } = opened)
  list = billRows(opened.run, opened.run).list
  bills = await database.sql(
    `select billing_id, user_id, model_id, billing_period, cost::text, paid, tokens_total, tokens_input,
       to_char(timestamp at time zone 'UTC', 'YYYY-MM-DD') as day from billing_records`,
  )
})
afterAll(async () => {
  await end()
  await database.drop()
})

const numbers = (rows: Record<string, unknown>[], name: string) =>
  rows.reduce((total, row) => total + Number(row[name] ?? 0), 0)

describe('on the database of the old application', () => {
  const periods = () => [...new Set(bills.map((bill) => bill.billing_period as string))].sort()

  it('has the periods of its bills, with their sums', async () => {
    const rows = await billing.periods()
    expect(rows.map(({ period }) => period)).toEqual(periods().reverse())
    for (const row of rows) {
      const own = bills.filter((bill) => bill.billing_period === row.period)
      expect(row).toMatchObject({
        state: 'open',
        records: own.length,
        tokensTotal: numbers(own, 'tokens_total'),
        startTime: `${row.period}-01T00:00:00.000000Z`,
        differs: false,
      })
      expect(units(row.cost)).toBe(sum(own.map(({ cost }) => cost)))
      expect(units(row.paidCost)).toBe(sum(own.filter(({ paid }) => paid).map(({ cost }) => cost)))
      expect(units(row.paidCost) + units(row.unpaidCost)).toBe(units(row.cost))
      expect(await billing.period(row.period)).toEqual(row)
    }
  })

  it.each<[SummaryKey, string]>([
    ['user', 'user_id'],
    ['model', 'model_id'],
    ['day', 'day'],
  ])('by %s is the sum of the bills, and the total is the sum of the rows', async (by, column) => {
    for (const period of periods()) {
      const own = bills.filter((bill) => bill.billing_period === period)
      const { rows, total } = await billing.summary({ period, by })
      expect(rows.map(({ key }) => key)).toEqual(
        [...new Set(own.map((bill) => bill[column]))].sort(),
      )
      for (const row of rows) {
        const mine = own.filter((bill) => bill[column] === row.key)
        expect(row).toMatchObject({
          records: mine.length,
          tokensTotal: numbers(mine, 'tokens_total'),
          tokensInput: numbers(mine, 'tokens_input'),
          tokensCacheRead: null,
          unpaidRecords: mine.filter(({ paid }) => !paid).length,
        })
        expect(units(row.cost)).toBe(sum(mine.map(({ cost }) => cost)))
        expect(units(row.unpaidCost)).toBe(
          sum(mine.filter(({ paid }) => !paid).map(({ cost }) => cost)),
        )
      }
      expect(units(total.cost)).toBe(sum(rows.map(({ cost }) => cost)))
      expect(units(total.cost)).toBe(units(total.paidCost) + units(total.unpaidCost))
      expect(total.records).toBe(own.length)
      expect((await billing.summary({ period, by: 'total' })).rows).toEqual([total])
    }
  })

  it('of one user contains only that user', async () => {
    const [period = ''] = periods()
    const own = bills.filter((bill) => bill.billing_period === period)
    const userId = own[0]?.user_id as string
    const { rows, total } = await billing.summary({ period, userId })
    expect(rows).toEqual([{ ...total, key: userId }])
    expect(units(total.cost)).toBe(
      sum(own.filter((bill) => bill.user_id === userId).map(({ cost }) => cost)),
    )
  })

  it('lists every record of a period, page by page', async () => {
    for (const period of periods()) {
      const found: string[] = []
      let cursor: string | null = null
      do {
        const page: Page<Bill> = await list({
          billingPeriod: period,
          limit: 7,
          cursor,
        })
        found.push(...page.rows.map(({ billingId }) => billingId))
        cursor = page.nextCursor
      } while (cursor !== null)
      const own = bills.filter((bill) => bill.billing_period === period)
      expect(found.sort()).toEqual(own.map(({ billing_id }) => billing_id).sort())
    }
  })

  it('reconciles each period like a comparison row by row', async () => {
    const runs = await database.sql(
      `select execution_id, total_cost::text as cost, total_tokens::int as tokens,
         to_char(end_time at time zone 'UTC', 'YYYY-MM') as ended from workflow_executions`,
    )
    const all = await database.sql(
      `select billing_id, nullif(execution_id, wfstore_no_run()) as execution_id, cost::text, tokens_total::int as tokens, billing_period from billing_records`,
    )
    let found = 0
    for (const period of periods()) {
      const expected: unknown[] = []
      for (const run of runs) {
        const own = all.filter((bill) => bill.execution_id === run.execution_id)
        if (own.length === 0 && run.ended === period) expected.push(['unbilled', run.execution_id])
        const same =
          sum(own.map(({ cost }) => cost)) === units(run.cost) &&
          numbers(own, 'tokens') === run.tokens
        if (own.some((bill) => bill.billing_period === period) && !same)
          expected.push(['differs', run.execution_id])
      }
      for (const bill of all.filter((one) => one.billing_period === period)) {
        if (bill.execution_id === null) expected.push(['no_run', bill.billing_id])
        else if (!runs.some((run) => run.execution_id === bill.execution_id))
          expected.push(['run_gone', bill.execution_id])
      }
      const rows = await billing.reconcile({ period })
      const got = rows.map(({ kind, executionId, billingId }) => [kind, executionId ?? billingId])
      expect(got.map(String).sort()).toEqual(expected.map(String).sort())
      const counts = await billing.differences({ period })
      for (const { kind, count, costDifference } of counts) {
        const own = rows.filter((row) => row.kind === kind)
        expect(count).toBe(own.length)
        if (kind === 'differs' || kind === 'unbilled')
          expect(units(costDifference)).toBe(sum(own.map((row) => row.costDifference)))
      }
      expect(counts.reduce((total, { count }) => total + count, 0)).toBe(rows.length)
      found += rows.length
    }
    expect(found).toBeGreaterThan(0)
  })

  it('gives FOCUS rows whose costs and tokens are those of the bills', async () => {
    for (const period of periods()) {
      const own = bills.filter((bill) => bill.billing_period === period)
      const rows = []
      for await (const row of billing.focus({ period })) rows.push(row)
      expect(sum(rows.map(({ BilledCost }) => BilledCost))).toBe(sum(own.map(({ cost }) => cost)))
      const tokens = rows.filter(({ ConsumedUnit }) => ConsumedUnit === 'Tokens')
      expect(numbers(tokens as never, 'ConsumedQuantity')).toBe(numbers(own, 'tokens_total'))
    }
  })
})

describe('reconcile', () => {
  it('counts corrections and later bills of a run; a removed run and a run that differs are not the same', async () => {
    const id = (n: number) => `00000000-0000-4000-8000-00000000000${n}`
    await database.sql(
      `insert into workflow_executions (execution_id, workflow_name, user_id, mode, model_id, status, start_time, end_time, total_cost, total_tokens)
       select ('00000000-0000-4000-8000-00000000000' || n)::uuid, 'w', 'only', 'Sales', 'm', case n when 4 then 'running' else 'success' end,
         '2020-01-31 23:00Z', case when n < 4 then timestamptz '2020-02-01 00:30Z' when n = 5 then '2020-03-01Z' end, 2, 10
       from generate_series(1, 5) as n`,
    )
    await database.sql(
      `insert into billing_records (execution_id, user_id, model_id, cost, tokens_total, billing_period) values
       ('${id(1)}', 'only', 'm', 1.5, 10, '2020-02'), ('${id(1)}', 'only', 'm', 0.5, 0, '2020-03'),
       ('${id(2)}', 'only', 'm', 1.9, 10, '2020-02'), ('${id(9)}', 'only', 'm', 3, 1, '2020-02'),
       (wfstore_no_run(), 'only', 'm', 4, 1, '2020-02'), ('${id(5)}', 'only', 'm', 2, 10, '2020-02')`,
    )
    const [last] = await database.sql(
      `select billing_id from billing_records where execution_id = '${id(5)}'`,
    )
    const correction = { billingId: String(last?.billing_id), cost: '0.5', reason: 'a gift' }
    await billing.correct(correction)
    const rows = await billing.reconcile({ period: '2020-02' })
    expect(
      rows.map(({ kind, executionId, costDifference }) => [kind, executionId, costDifference]),
    ).toEqual([
      ['unbilled', id(3), '-2'],
      ['differs', id(2), '-0.1'],
      ['no_run', null, null],
      ['run_gone', id(9), null],
      ['corrected', id(5), '-1.5'],
    ])
    // What else is wrong with the bills of a corrected run is a fault still.
    await database.sql(`update billing_records set cost = 1.99 where billing_id = $1`, [
      last?.billing_id,
    ])
    const [, differing] = (await billing.reconcile({ period: '2020-02' })).filter(
      ({ kind }) => kind === 'differs',
    )
    expect(differing).toMatchObject({ executionId: id(5), costDifference: '-1.51' })
    expect(await billing.reconcile({ period: '2020-02', userId: 'nobody' })).toEqual([])
    await database.sql(`delete from billing_records where user_id = 'only'`)
    await database.sql(`delete from workflow_executions where user_id = 'only'`)
  })
})
