// @module-tag slow
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { sum, units, useBilling } from './support.ts'

const on = useBilling('billing_property')

it('in any order of bills, corrections, payments and closes, a closed month never changes and nothing is lost', async () => {
  const months = ['2024-01', '2024-02', '2024-03']
  const month = fc.constantFrom(...months)
  const cost = fc.integer({ min: 0, max: 10_000_000 }).map((n) => (n / 1e6).toFixed(6))
  const step = fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({
        do: fc.constant('bill' as const),
        month,
        cost,
        user: fc.constantFrom('u', 'v'),
      }),
    },
    {
      weight: 2,
      arbitrary: fc.record({ do: fc.constant('correct' as const), which: fc.nat(), cost }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        do: fc.constant('pay' as const),
        month,
        id: fc.constantFrom('p', 'q'),
        rest: fc.boolean(),
      }),
    },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('close' as const), month }) },
  )
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
      await on.database.sql('truncate billing_records, wfstore_periods, wfstore_settings')
      /** The expected cost of each bill. */
      const bills = new Map<string, string>()
      const frozen = new Map<string, unknown>()
      for (const one of steps) {
        if (one.do === 'bill') bills.set(await on.add(one.month, one.cost, one.user), one.cost)
        else if (one.do === 'correct') {
          const id = [...bills.keys()][one.which % bills.size]
          if (id === undefined) continue
          await on.billing.correct({ billingId: id, cost: one.cost, reason: 'r' })
          bills.set(id, one.cost)
        } else if (one.do === 'pay') {
          await on.billing
            .pay({ period: one.month, paymentId: one.id, rest: one.rest })
            .catch((error) => {
              expect(error.code).toBe('conflict')
            })
        } else {
          const { period } = await on.billing.closePeriod({
            period: one.month,
            allowEmpty: true,
            allowEarlierOpen: true,
          })
          const { records, cost: total, tokensTotal } = period
          if (!frozen.has(one.month)) frozen.set(one.month, { records, cost: total, tokensTotal })
        }
        for (const [closed, totals] of frozen)
          expect(await on.billing.period(closed)).toMatchObject({
            ...(totals as object),
            differs: false,
          })
      }
      const periods = await on.billing.periods()
      expect(sum(periods.map((period) => period.cost))).toBe(sum([...bills.values()]))
      const { rows: lines } = await on.billing.lines({ limit: 1000 })
      expect(sum(lines.map((line) => line.cost))).toBe(sum([...bills.values()]))
      for (const period of periods)
        expect(units(period.paidCost) + units(period.unpaidCost)).toBe(units(period.cost))
    }),
    { numRuns: 40 },
  )
})
