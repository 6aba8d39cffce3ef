import { randomUUID } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { billRows } from '../../../src/queries/billing/bills.ts'
import { untilBlocked } from '../../support/migrate.ts'
import { pidOf, useBilling } from './support.ts'

const on = useBilling('billing_correct')

describe('correct', () => {
  const wrong = { cost: '0.75', reason: 'list price' }

  it('adds a record of the difference to the month of the bill while it is open', async () => {
    const id = await on.add('2024-11', '1')
    const { outcome, plan, record } = await on.billing.correct({
      ...wrong,
      billingId: id,
      by: 'maria',
    })
    expect([outcome, plan.costBefore, plan.difference]).toEqual(['corrected', '1', '-0.25'])
    expect(
      (await billRows(on.run, on.run).list({ billingPeriod: '2024-11' })).rows[0],
    ).toMatchObject({
      billingId: record?.billingId,
      userId: 'u',
      modelId: 'm',
      cost: '-0.25',
      tokensTotal: 0,
      corrects: id,
      originalPeriod: null,
      metadata: { by: 'maria', reason: 'list price' },
    })
  })

  it('has one line with the difference, and the tags of the bill', async () => {
    const id = await on.add('2024-11', '1')
    await on.database.sql(`update billing_records set tags = '{"team": "sales"}'`)
    const { record } = await on.billing.correct({ ...wrong, billingId: id })
    const billingId = record?.billingId as string
    const { rows } = await on.billing.lines({ billingId })
    expect(rows).toEqual([
      expect.objectContaining({
        ...{ billingId, modelId: 'm', meter: 'given', cost: '-0.25', costSource: 'given' },
        ...{ provider: null, quantity: null, unitPrice: null },
      }),
    ])
    const { rows: teams } = await on.billing.summary({ period: '2024-11', by: 'tag:team' })
    expect(teams).toMatchObject([{ key: 'sales', records: 2, cost: '0.75' }])
    const { rows: models } = await on.billing.summary({ period: '2024-11', by: 'model' })
    expect(models).toMatchObject([{ key: 'm', records: 2, cost: '0.75' }])
    const focus = []
    for await (const row of on.billing.focus({ period: '2024-11' })) focus.push(row)
    expect(focus.map((row) => [row.SkuMeter, row.BilledCost, row.ConsumedQuantity])).toEqual([
      ['Runs', '-0.25', null],
      ['Tokens', '1', 10],
    ])
  })

  it('adds it to the open month, with a reference, if the month of the bill is closed', async () => {
    const id = await on.add('2024-11', '1')
    await on.billing.closePeriod({ period: '2024-11' })
    const { record } = await on.billing.correct({ ...wrong, billingId: id })
    const { period } = await on.billing.period()
    expect(record).toMatchObject({
      billingPeriod: period,
      originalPeriod: '2024-11',
      cost: '-0.25',
    })
    expect(await on.billing.period('2024-11')).toMatchObject({ cost: '1', differs: false })
  })

  it('repeated changes nothing; a second correction includes the first', async () => {
    const id = await on.add('2024-11', '1')
    await on.billing.correct({ ...wrong, billingId: id })
    expect(await on.billing.correct({ ...wrong, billingId: id })).toMatchObject({
      outcome: 'already',
      record: null,
    })
    expect(await on.billing.correct({ ...wrong, billingId: id, cost: '0.1000001' })).toMatchObject({
      record: { cost: '-0.6499999' },
    })
    expect((await on.billing.summary({ period: '2024-11' })).total).toMatchObject({
      cost: '0.1000001',
      records: 3,
    })
  })

  it('asks again if the bill was corrected in between, and ends at its own cost', async () => {
    const id = await on.add('2024-11', '1')
    const asked: string[] = []
    const confirm = async ({ costBefore }: { costBefore: string }) => {
      if (asked.push(costBefore) === 1) await on.other.correct({ ...wrong, billingId: id, cost: 9 })
    }
    await on.billing.correct({ ...wrong, billingId: id, cost: 5, confirm })
    expect(asked).toEqual(['1', '9'])
    expect((await on.billing.summary({ period: '2024-11' })).total.cost).toBe('5')
  })

  it('waits for an uncommitted correction of the same bill and includes it', async () => {
    const id = await on.add('2024-11', '1')
    await on.otherRun('begin', {})
    await on.other.correct({ ...wrong, billingId: id, cost: 9 })
    const pid = await pidOf(on.run)
    const correcting = on.billing.correct({ ...wrong, billingId: id, cost: 5 })
    await untilBlocked(on.database, pid)
    await on.otherRun('commit', {})
    expect(await correcting).toMatchObject({ plan: { costBefore: '9' }, record: { cost: '-4' } })
    expect((await on.billing.summary({ period: '2024-11' })).total.cost).toBe('5')
  })

  it('refuses an unknown bill, an invalid amount, an empty reason, and the correction of a correction', async () => {
    const id = await on.add('2024-11', '1')
    const { record } = await on.billing.correct({ ...wrong, billingId: id })
    const refused = [
      [{ ...wrong, billingId: randomUUID() }, 'not_found'],
      [{ ...wrong, billingId: 'x' }, 'usage'],
      [{ ...wrong, billingId: id, cost: '-1' }, 'usage'],
      [{ ...wrong, billingId: id, cost: 'much' }, 'usage'],
      [{ ...wrong, billingId: id, reason: '' }, 'usage'],
      [{ ...wrong, billingId: record?.billingId as string }, 'usage'],
    ] as const
    for (const [correction, code] of refused)
      await expect(on.billing.correct(correction)).rejects.toMatchObject({ code })
    expect(await on.everything()).toHaveLength(2)
  })
})
