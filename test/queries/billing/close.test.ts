import { describe, expect, it } from 'vitest'
import { useBilling } from './support.ts'

const on = useBilling('billing_close')

describe('close', () => {
  it('refuses a month without bills, and one before which a month with bills is open', async () => {
    await on.add('2024-10', '3')
    await on.add('2024-12', '1')
    // The name of a period of an adopted store need not be a month, and cannot be closed.
    await on.database.sql('alter table billing_records drop constraint billing_records_month')
    await on.add('2024-Q1', '1')
    for (const dryRun of [true, false]) {
      await expect(on.billing.closePeriod({ period: '2024-09', dryRun })).rejects.toMatchObject({
        code: 'conflict',
        message: '2024-09 has no bills',
      })
      await expect(on.billing.closePeriod({ period: '2024-12', dryRun })).rejects.toMatchObject({
        code: 'conflict',
        message: '2024-10 is still open and before 2024-12',
      })
    }
    expect(await on.billing.closePeriod({ period: '2024-09', allowEmpty: true })).toMatchObject({
      outcome: 'closed',
    })
    expect(await on.billing.closePeriod({ period: '2024-10' })).toMatchObject({ outcome: 'closed' })
    expect(await on.billing.closePeriod({ period: '2024-12' })).toMatchObject({
      outcome: 'closed',
      openBefore: [],
    })
  })

  it('records the totals once and names the earlier months that are open', async () => {
    await on.add('2024-10', '3')
    await on.add('2024-11', '1.5')
    const period = '2024-11'
    expect(
      await on.billing.closePeriod({ period, allowEarlierOpen: true, dryRun: true }),
    ).toMatchObject({
      outcome: 'planned',
      openBefore: ['2024-10'],
    })
    expect((await on.billing.period('2024-11')).state).toBe('open')
    const closed = await on.billing.closePeriod({
      period,
      allowEarlierOpen: true,
      closedBy: 'maria',
    })
    expect(closed).toMatchObject({
      outcome: 'closed',
      period: {
        state: 'closed',
        records: 1,
        cost: '1.5',
        tokensTotal: 10,
        closedBy: 'maria',
        differs: false,
      },
    })
    expect(await on.billing.closePeriod({ period: '2024-11', closedBy: 'otto' })).toEqual({
      ...closed,
      outcome: 'already',
    })
  })

  it('refuses the current month and later ones, in the time zone of the store', async () => {
    for (const zone of ['Pacific/Kiritimati', 'Pacific/Pago_Pago']) {
      await on.billing.setZone(zone)
      const [row] = await on.database.sql(
        `select to_char(now() at time zone $1, 'YYYY-MM') as month, to_char((now() at time zone $1) - interval '1 month', 'YYYY-MM') as last`,
        [zone],
      )
      await expect(on.billing.closePeriod({ period: row?.month as string })).rejects.toMatchObject({
        code: 'usage',
      })
      await expect(on.billing.closePeriod({ period: '9999-12' })).rejects.toMatchObject({
        code: 'usage',
      })
      expect(
        await on.billing.closePeriod({
          period: row?.last as string,
          allowEmpty: true,
          dryRun: true,
        }),
      ).toMatchObject({ outcome: 'planned' })
    }
  })

  it('reports a closed month whose bills differ from the recorded totals', async () => {
    await on.add('2024-11', '1')
    await on.billing.closePeriod({ period: '2024-11' })
    await on.database.sql('alter table billing_records disable trigger wfstore_keep_bills')
    await on.add('2024-11', '1')
    await on.database.sql('alter table billing_records enable trigger wfstore_keep_bills')
    expect(await on.billing.period('2024-11')).toMatchObject({
      differs: true,
      records: 1,
      cost: '1',
    })
  })

  it('the time zone is one that the server knows; it cannot change after a month is closed', async () => {
    expect(await on.billing.zone()).toBe('UTC')
    expect(await on.billing.setZone('UTC')).toBe(false)
    expect(await on.billing.setZone('Europe/Berlin')).toBe(true)
    expect(await on.billing.period('2024-11')).toMatchObject({
      timeZone: 'Europe/Berlin',
      startTime: '2024-10-31T23:00:00.000000Z',
      endTime: '2024-11-30T23:00:00.000000Z',
    })
    await expect(on.billing.setZone('Mars/Olympus')).rejects.toMatchObject({ code: 'usage' })
    await on.billing.closePeriod({ period: '2024-11', allowEmpty: true })
    await expect(on.billing.setZone('UTC')).rejects.toMatchObject({
      code: 'conflict',
      message: 'time zone Europe/Berlin cannot be changed: a billing period is closed',
    })
    expect(await on.billing.setZone('Europe/Berlin')).toBe(false)
  })
})
