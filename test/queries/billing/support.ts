import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, beforeEach } from 'vitest'
import * as d from '../../../src/db/query/decode.ts'
import { query } from '../../../src/db/query/query.ts'
import { type Billing, billingOf } from '../../../src/queries/billing/billing.ts'
import type { Run } from '../../../src/queries/executions/executions.ts'
import type { TestDatabase } from '../../support/database.ts'
import { createMigrated } from '../../support/migrated.ts'
import { onLayout } from '../../support/on-layout.ts'

/** The functions of bills on a connection of their own. */
export async function openBilling(
  database: TestDatabase,
): Promise<{ billing: Billing; run: Run; end: () => Promise<void> }> {
  const client = await database.connect()
  const run = onLayout((statement, shape) => query(client, statement, shape))
  return { billing: billingOf(run, run), run, end: () => client.end() }
}

/** A decimal in units of 10^-12, to add up without SQL. */
export function units(amount: unknown): bigint {
  const [, sign, whole = '0', fraction = ''] = /^(-?)(\d+)(?:\.(\d+))?$/.exec(String(amount)) ?? []
  const value = BigInt(whole + fraction.replace(/0+$/, '').padEnd(12, '0'))
  return sign === '-' ? -value : value
}

export const sum = (amounts: unknown[]): bigint =>
  amounts.reduce<bigint>((total, amount) => total + units(amount), 0n)

/** A database of its own, empty before each test, and the functions of bills on two connections. */
export function useBilling(label: string) {
  const on = {} as {
    database: TestDatabase
    billing: Billing
    other: Billing
    run: Run
    otherRun: Run
  }
  const ends: (() => Promise<void>)[] = []
  beforeAll(async () => {
    on.database = await createMigrated(label)
    const [one, two] = [await openBilling(on.database), await openBilling(on.database)]
    Object.assign(on, { billing: one.billing, run: one.run, other: two.billing, otherRun: two.run })
    ends.push(one.end, two.end, on.database.drop)
  })
  beforeEach(() => on.database.sql('truncate billing_records, wfstore_periods, wfstore_settings'))
  afterAll(async () => {
    for (const end of ends) await end()
  })
  return Object.assign(on, {
    /** Writes a bill of 10 tokens and gives its id. */
    add: async (period: string, cost: string, userId = 'u'): Promise<string> => {
      const id = randomUUID()
      await on.database.sql(
        `insert into billing_records (billing_id, user_id, model_id, cost, tokens_total, billing_period)
         values ($1, $2, 'm', $3, 10, $4)`,
        [id, userId, cost, period],
      )
      return id
    },
    everything: () => on.database.sql('select * from billing_records order by billing_id'),
  })
}

export const pidOf = async (run: Run): Promise<number> =>
  (await run('select pg_backend_pid() as pid', { pid: d.count() }))[0]?.pid as number
