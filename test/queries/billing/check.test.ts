import type pg from 'pg'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { agreements, checkPeriod, reconcile } from '../../../src/queries/billing/reconcile.ts'
import { createBills } from '../../server/pages/bills-support.ts'
import type { TestDatabase } from '../../support/database.ts'
import { runOn } from '../usage/support.ts'

let database: TestDatabase
let client: pg.Client

beforeAll(async () => {
  database = await createBills('billing_check')
  client = await database.connect()
})
afterAll(async () => {
  await client.end()
  await database.drop()
})

it.each([
  ['2026-11', undefined],
  ['2026-11', 'user_1'],
  ['2026-10', undefined],
])(
  'of %s and user %s it has what agreements has, and the faults of reconcile',
  async (period, userId) => {
    const run = runOn(client)
    const checks = await checkPeriod(run, { period, userId }, 1000)
    expect(checks.map(({ rows: _, ...check }) => check)).toEqual(
      await agreements(run, { periods: [period], userId }),
    )
    const listed = ['unbilled', 'differs', 'no_run']
    const faults = (await reconcile(run, { period, userId })).filter(({ kind }) =>
      listed.includes(kind),
    )
    expect(checks.flatMap(({ rows }) => rows)).toEqual(faults)
    expect(faults.length).toBeGreaterThan(0)
    const first = await checkPeriod(run, { period, userId }, 1)
    expect(first.every(({ rows }) => rows.length <= 1)).toBe(true)
    expect(first.map(({ count }) => count)).toEqual(checks.map(({ count }) => count))
  },
)
