import { randomUUID } from 'node:crypto'
import type { TestDatabase } from '../support/database.ts'

export const insert = (period: string, cost = '1', id: string = randomUUID()) =>
  `insert into billing_records (billing_id, user_id, model_id, cost, tokens_total, billing_period)
   values ('${id}', 'u', 'm', ${cost}, 10, '${period}')`

export const close = (period: string) =>
  `update wfstore_periods set closed_at = now() where billing_period = '${period}' returning records, cost::text, tokens_total`

export async function periodOfBill(database: TestDatabase, id: string) {
  const [bill] = await database.sql(
    'select billing_period, original_period from billing_records where billing_id = $1',
    [id],
  )
  return bill
}

/** The month of the server's clock. */
export async function currentPeriod(database: TestDatabase): Promise<string> {
  const [row] = await database.sql(`select to_char(now() at time zone 'UTC', 'YYYY-MM') as month`)
  return row?.month as string
}
