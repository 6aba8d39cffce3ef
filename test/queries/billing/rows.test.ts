import { expect, it } from 'vitest'
import { billRows } from '../../../src/queries/billing/bills.ts'
import { useBilling } from './support.ts'

const on = useBilling('billing_rows')
const bills = () => billRows(on.run, on.run)
const linesOf = async (billingId: string) =>
  (await on.billing.lines({ billingId, sort: 'meter' })).rows.map(
    ({ modelId, meter, quantity, cost }) => [modelId, meter, quantity, cost],
  )
const NEW = {
  ...{ userId: 'u', modelId: 'm', billingPeriod: '2024-11', cost: '0.5' },
  ...{ tokensTotal: 12, tokensInput: 8, tokensOutput: 3 },
}

it('a bill that is added as a row has its lines, and a repeat adds none', async () => {
  const { billingId } = await bills().create(NEW)
  await bills().create({ ...NEW, billingId })
  expect(await linesOf(billingId)).toEqual([
    ['m', 'given', null, '0.5'],
    ['m', 'input', 8, null],
    ['m', 'output', 3, null],
    ['m', 'tokens', 1, null],
  ])
})

it('the lines follow a change of cost, tokens or model, and stay the same if the bill is paid', async () => {
  const { billingId } = await bills().create(NEW)
  await bills().update(billingId, { cost: '0.75', tokensTotal: 11, modelId: 'n' })
  const changed = [
    ['n', 'given', null, '0.75'],
    ['n', 'input', 8, null],
    ['n', 'output', 3, null],
  ]
  expect(await linesOf(billingId)).toEqual(changed)
  await bills().update(billingId, { paid: true, paymentId: 'p' })
  expect(await linesOf(billingId)).toEqual(changed)
  const { rows } = await on.billing.summary({ period: '2024-11', by: 'model' })
  expect(rows).toMatchObject([{ key: 'n', paidCost: '0.75', unpaidCost: '0', records: 1 }])
})

it('a deleted bill has no lines', async () => {
  const { billingId } = await bills().create(NEW)
  await bills().delete(billingId)
  expect(await linesOf(billingId)).toEqual([])
})

it('the lines of a closed month stay as they were', async () => {
  const { billingId } = await bills().create(NEW)
  await on.billing.closePeriod({ period: '2024-11' })
  await expect(bills().update(billingId, { cost: '9' })).rejects.toMatchObject({ code: 'conflict' })
  await expect(
    on.database.sql(`update wfstore_bill_lines set cost = 9 where billing_id = $1`, [billingId]),
  ).rejects.toMatchObject({ code: 'WF001' })
  expect((await linesOf(billingId))[0]).toEqual(['m', 'given', null, '0.5'])
})
