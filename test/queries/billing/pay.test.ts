import { describe, expect, it } from 'vitest'
import { untilBlocked } from '../../support/migrate.ts'
import { pidOf, useBilling } from './support.ts'

const on = useBilling('billing_pay')

describe('pay', () => {
  it('marks the unpaid bills of one user and month, and nothing else', async () => {
    const [mine, next, theirs] = [
      await on.add('2024-11', '0.1'),
      await on.add('2024-12', '1'),
      await on.add('2024-11', '1', 'v'),
    ]
    await on.add('2024-11', '0.2')
    const scope = { period: '2024-11', userId: 'u', paymentId: 'p' }
    const confirmed: unknown[] = []
    const confirm = async (plan: unknown) => void confirmed.push(plan)
    expect(await on.billing.pay({ ...scope, confirm })).toMatchObject({
      outcome: 'paid',
      plan: { records: 2, cost: '0.3', users: 1 },
    })
    expect(confirmed).toMatchObject([{ records: 2, cost: '0.3' }])
    const rows = await on.database.sql('select billing_id, paid, payment_id from billing_records')
    for (const { billing_id, paid, payment_id } of rows) {
      const untouched = billing_id === next || billing_id === theirs
      expect([paid, payment_id]).toEqual(untouched ? [false, null] : [true, 'p'])
    }
    expect(rows.some(({ billing_id }) => billing_id === mine)).toBe(true)
  })

  it('repeated for the same payment changes nothing, not even later bills', async () => {
    const payment = { period: '2024-11', paymentId: 'p' }
    await on.add('2024-11', '1')
    await on.billing.pay(payment)
    await on.add('2024-11', '7')
    const before = await on.everything()
    expect(
      await on.billing.pay({ ...payment, confirm: () => Promise.reject(new Error('asked')) }),
    ).toMatchObject({
      outcome: 'already',
      plan: { records: 1, cost: '7', alreadyRecords: 1, alreadyCost: '1' },
    })
    expect(await on.everything()).toEqual(before)
  })

  it.each([
    ['another payment', 'p'],
    ['nobody knows what', null],
  ])('refuses bills that %s has paid, names them and changes nothing', async (_, paymentId) => {
    const paid = await on.add('2024-11', '1')
    await on.add('2024-11', '2')
    await on.database.sql(
      'update billing_records set paid = true, payment_id = $1 where billing_id = $2',
      [paymentId, paid],
    )
    const before = await on.everything()
    await expect(on.billing.pay({ period: '2024-11', paymentId: 'q' })).rejects.toMatchObject({
      code: 'conflict',
      message: `bill ${paid} of u is already paid ${paymentId === null ? 'without a payment id' : 'by payment p'}; nothing was changed`,
      hint: 'use `rest` to pay only the 1 unpaid',
    })
    expect(await on.everything()).toEqual(before)
    expect(await on.billing.pay({ period: '2024-11', paymentId: 'q', rest: true })).toMatchObject({
      outcome: 'paid',
      plan: { records: 1, cost: '2' },
    })
    expect(await on.database.sql('select payment_id from billing_records order by cost')).toEqual([
      { payment_id: paymentId },
      { payment_id: 'q' },
    ])
  })

  it('pays only what was confirmed: after a new bill it asks again', async () => {
    await on.add('2024-11', '1')
    const asked: string[] = []
    const confirm = async ({ cost }: { cost: string }) => {
      asked.push(cost)
      if (asked.length === 1) await on.add('2024-11', '5')
    }
    expect(await on.billing.pay({ period: '2024-11', paymentId: 'p', confirm })).toMatchObject({
      outcome: 'paid',
      plan: { records: 2 },
    })
    expect(asked).toEqual(['1', '6'])
  })

  it('changes nothing if another session has used the payment id in between, even for the same sum', async () => {
    await on.add('2024-11', '1')
    const confirm = async () => {
      await on.other.pay({ period: '2024-11', paymentId: 'p' })
      await on.add('2024-11', '1')
    }
    expect(await on.billing.pay({ period: '2024-11', paymentId: 'p', confirm })).toMatchObject({
      outcome: 'already',
      plan: { records: 1, alreadyRecords: 1 },
    })
  })

  it('of two payments at once, one pays all and the other is refused', async () => {
    for (let n = 0; n < 5; n++) await on.add('2024-11', '1')
    const holder = await on.database.connect()
    await holder.query('begin')
    await holder.query('update billing_records set paid = paid')
    const pids = [await pidOf(on.run), await pidOf(on.otherRun)]
    const paying = Promise.allSettled([
      on.billing.pay({ period: '2024-11', paymentId: 'p' }),
      on.other.pay({ period: '2024-11', paymentId: 'q' }),
    ])
    for (const pid of pids) await untilBlocked(on.database, pid)
    await holder.query('commit')
    await holder.end()
    const results = await paying
    expect(results.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
    const winner = results[0]?.status === 'fulfilled' ? 'p' : 'q'
    expect(
      await on.database.sql(
        'select payment_id, count(*)::int as n from billing_records group by 1',
      ),
    ).toEqual([{ payment_id: winner, n: 5 }])
  })

  it('changes nothing on a dry run, and pays nothing without unpaid bills', async () => {
    expect(await on.billing.pay({ period: '2024-11', paymentId: 'p' })).toMatchObject({
      outcome: 'nothing',
    })
    await on.add('2024-11', '1')
    expect(await on.billing.pay({ period: '2024-11', paymentId: 'p', dryRun: true })).toMatchObject(
      {
        outcome: 'planned',
        plan: { cost: '1' },
      },
    )
    expect(
      await on.database.sql('select count(*)::int as n from billing_records where paid'),
    ).toEqual([{ n: 0 }])
  })
})
