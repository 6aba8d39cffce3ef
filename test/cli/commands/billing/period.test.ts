import { afterAll, beforeAll, expect, it } from 'vitest'
import { monthOf } from '../../../../src/cli/commands/billing/period-option.ts'
import type { BillingPeriod } from '../../../../src/queries/billing/billing.ts'
import { runCli } from '../../../support/cli.ts'
import type { TestDatabase } from '../../../support/database.ts'
import { createMigrated } from '../../../support/migrated.ts'

let database: TestDatabase
/** The months before the current one, by the clock of the server. */
let months: string[]

beforeAll(async () => {
  database = await createMigrated('period_words')
  const rows = await database.sql(
    `insert into billing_records (user_id, model_id, billing_period, cost, timestamp)
     select 'u' || back, 'm', to_char(date_trunc('month', now() at time zone 'UTC') - back * interval '1 month', 'YYYY-MM'), 1 + back, now()
     from generate_series(0, 2) as back returning billing_period`,
  )
  months = rows.map(({ billing_period }) => String(billing_period))
})
afterAll(() => database.drop())

it.each([
  'billing --period',
  'billing --by day --period',
  'billing --reconcile --period',
  'billing -o focus --period',
  'billing records --period',
  'billing close --dry-run --period',
  'billing pay --dry-run --payment-id p --period',
])('%s takes this and last for the current month and the one before', async (command) => {
  const said = (period: string) =>
    runCli([...command.split(' '), period, '--database-url', database.url])
  const [current, before] = await Promise.all(months.map(said))
  expect(await said('this')).toEqual(current)
  expect(await said('last')).toEqual(before)
  if (!command.includes('reconcile')) expect(before).not.toEqual(current)
})

it('the month before January is December', async () => {
  const billing = { period: async () => ({ period: '2026-01' }) as BillingPeriod }
  expect(await monthOf(billing, 'last')).toBe('2025-12')
  expect(await monthOf(billing, 'this')).toBe('2026-01')
  expect(await monthOf(billing)).toBe('2026-01')
  expect(await monthOf(billing, '2024-02')).toBe('2024-02')
})

it.each(['next', 'Last', '2026-13', ''])('--period "%s" is refused', async (period) => {
  expect(await runCli(['billing', '--period', period])).toMatchObject({ code: 2, stdout: '' })
})
