import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { WfstoreError } from '../../../src/error.ts'
import type { Billing } from '../../../src/queries/billing/billing.ts'
import { openBilling, useBilling } from './support.ts'

const on = useBilling('billing_beside')
const period = '2024-11'
const USERS = Array.from({ length: 8 }, (_, n) => `user_${n}`)
const sessions: Billing[] = []
const ends: (() => Promise<void>)[] = []

beforeAll(async () => {
  for (let n = 0; n < 6; n++) {
    const { billing, end } = await openBilling(on.database)
    sessions.push(billing)
    ends.push(end)
  }
})
afterAll(() => Promise.all(ends.map((end) => end())))

/** A bill of a run of its own: in a distributed store the bills are on all nodes. */
async function add(userId: string): Promise<string> {
  const id = randomUUID()
  await on.database.sql(
    `insert into billing_records (billing_id, execution_id, user_id, model_id, cost, tokens_total, billing_period)
     values ($1, $2, $3, 'm', 1.5, 10, $4)`,
    [id, randomUUID(), userId, period],
  )
  return id
}

/** Whether it was done. A session may find that others have been faster, and nothing else. */
async function done(work: Promise<unknown>): Promise<boolean> {
  try {
    await work
    return true
  } catch (error) {
    expect(error).toBeInstanceOf(WfstoreError)
    expect(error).toMatchObject({ code: 'conflict' })
    return false
  }
}

it('payments, corrections, new bills and a close at once lose nothing, and pay and count each bill once', async () => {
  const bills: string[] = []
  for (const user of USERS) bills.push(await add(user), await add(user))
  const [payer, other, corrector, another, closer] = sessions as [
    Billing,
    Billing,
    Billing,
    Billing,
    Billing,
  ]
  const paying = async (billing: Billing, name: string) => {
    for (const userId of USERS)
      await done(billing.pay({ period, userId, paymentId: `${name} ${userId}` }))
  }
  const correcting = async (billing: Billing, ids: readonly string[], cost: string) => {
    for (const billingId of ids) await done(billing.correct({ billingId, cost, reason: 'r' }))
  }
  let added = 0
  const adding = async () => {
    for (const user of USERS) {
      await add(user)
      added++
    }
  }
  await Promise.all([
    paying(payer, 'a'),
    paying(other, 'b'),
    correcting(corrector, bills, '2'),
    correcting(another, bills.toReversed(), '3.25'),
    adding(),
    closer.closePeriod({ period }),
  ])
  const rows = await on.database.sql(
    `select user_id, array_agg(distinct payment_id) as payments from billing_records
     where paid group by user_id order by user_id`,
  )
  for (const { user_id, payments } of rows)
    expect([[`a ${user_id}`], [`b ${user_id}`]]).toContainEqual(payments)
  const costs = await on.database.sql(
    `select o.billing_id, (o.cost + c.cost)::float as cost from billing_records o
     join (select corrects, sum(cost) as cost from billing_records group by corrects) c on c.corrects = o.billing_id
     order by 1`,
  )
  expect(costs.map(({ billing_id }) => billing_id)).toEqual(bills.toSorted())
  for (const { cost } of costs) expect([2, 3.25]).toContain(cost)
  const [counted] = await on.database.sql(
    'select count(*)::int as n from billing_records where corrects is null',
  )
  expect(counted?.n).toBe(bills.length + added)
  const [wrong] = await on.database.sql(
    `select count(*)::int as n from (
       select b.billing_id from billing_records b
       left join (select billing_id, sum(cost) as cost from wfstore_bill_lines group by 1) l on l.billing_id = b.billing_id
       where b.cost is distinct from coalesce(l.cost, 0)) as w`,
  )
  expect(wrong?.n).toBe(0)
  const closed = await closer.period(period)
  expect(closed).toMatchObject({ state: 'closed', differs: false })
  // What came later is in the open month.
  const [late] = await on.database.sql(
    `select count(*)::int as n from billing_records where billing_period <> $1 and original_period is distinct from $1`,
    [period],
  )
  expect(late?.n).toBe(0)
})
