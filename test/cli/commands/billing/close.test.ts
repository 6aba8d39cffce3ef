import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type CliOptions, runCli } from '../../../support/cli.ts'
import type { TestDatabase } from '../../../support/database.ts'
import { createMigrated } from '../../../support/migrated.ts'

let database: TestDatabase

const on =
  (db: TestDatabase) =>
  (line: string, options: CliOptions = {}) =>
    runCli(['billing', ...line.split(' ').filter(Boolean), '--database-url', db.url], {
      env: { USER: 'maria' },
      ...options,
    })

const UNCONFIRMED =
  'error: confirmation required, but this is not a terminal; nothing was changed; use --yes\n'

describe('from the first bill to the close', () => {
  let wfstore: ReturnType<typeof on>
  const BILL = '00000000-0000-4000-8000-000000000001'
  const LATE = '00000000-0000-4000-8000-000000000002'
  let month: string
  beforeAll(async () => {
    database = await createMigrated('cli_billing_life')
    wfstore = on(database)
    await database.sql(
      `insert into billing_records (billing_id, user_id, model_id, cost, tokens_total, tokens_input, tokens_output, timestamp, billing_period)
       values ('${BILL}', 'u', 'm', 1.50, 12, 5, 4, '2024-10-31 23:30Z', '2024-11'), (gen_random_uuid(), '=v', 'm', 2, 0, null, null, '2024-11-30 23:30Z', '2024-11')`,
    )
    const [now] = await database.sql(
      `select to_char(now() at time zone 'Europe/Berlin', 'YYYY-MM') as month`,
    )
    month = now?.month as string
  })
  afterAll(() => database.drop())

  it('the time zone is printed and set', async () => {
    expect(await wfstore('zone')).toEqual({ code: 0, stdout: 'UTC\n', stderr: '' })
    expect(await wfstore('zone Europe/Berlin')).toEqual({
      code: 0,
      stdout: 'Europe/Berlin\n',
      stderr: 'billing periods now begin at midnight in Europe/Berlin\n',
    })
    expect(await wfstore('zone --json')).toMatchObject({
      stdout: '{\n  "timeZone": "Europe/Berlin"\n}\n',
    })
    // Half past midnight there is the first of the month.
    expect((await wfstore('--period 2024-11 --by day -o csv --columns day,cost')).stdout).toBe(
      'day,cost\r\n2024-11-01,1.50\r\n2024-12-01,2\r\n',
    )
  })

  it('paying asks on a terminal, changes nothing if the answer is no, and prints the result', async () => {
    const line = 'pay --period 2024-11 --user u --payment-id inv_1'
    expect(await wfstore(`${line} --dry-run`)).toEqual({
      code: 0,
      stdout: 'would pay 1 bill, USD 1.5\n',
      stderr: '',
    })
    const refused = await wfstore(line, { answer: 'n\n' })
    expect(refused.stderr).toContain(
      'Mark 1 bill of 1 user in 2024-11, USD 1.5, as paid by inv_1? [y/N]',
    )
    expect(refused.code).toBe(1)
    expect(await wfstore(line)).toEqual({ code: 2, stdout: '', stderr: UNCONFIRMED })
    expect(await wfstore(`${line} --yes`)).toEqual({
      code: 0,
      stdout: 'paid 1 bill, USD 1.5\n',
      stderr: '',
    })
    expect(await wfstore(line)).toEqual({
      code: 0,
      stdout: 'already paid 1 bill, USD 1.5\n',
      stderr: 'payment inv_1 is already recorded; nothing was changed\n',
    })
    expect(await wfstore('pay --period 2024-11 --payment-id inv_2')).toEqual({
      code: 1,
      stdout: '',
      stderr: `error: bill ${BILL} of u is already paid by payment inv_1; nothing was changed; use --rest to pay only the 1 unpaid\n`,
    })
    expect(
      JSON.parse(
        (await wfstore('pay --period 2024-11 --payment-id inv_2 --rest --yes --json')).stdout,
      ),
    ).toEqual({
      ...{
        outcome: 'paid',
        period: '2024-11',
        userId: null,
        paymentId: 'inv_2',
        records: 1,
        cost: 2,
        unpaidRecords: 0,
      },
    })
  })

  it('closing refuses a month without bills, and one before which another is open, also in a dry run', async () => {
    for (const mode of ['--yes', '--dry-run']) {
      expect(await wfstore(`close --period 2024-10 ${mode}`)).toEqual({
        code: 1,
        stdout: '',
        stderr: 'error: 2024-10 has no bills; check the month, or use --allow-empty\n',
      })
      expect(await wfstore(`close --period 2024-12 --allow-empty ${mode}`)).toEqual({
        code: 1,
        stdout: '',
        stderr:
          'error: 2024-11 is still open and before 2024-12; close 2024-11 first, or use --allow-earlier-open\n',
      })
    }
    expect(await wfstore('close --period 2024-10 --allow-empty --dry-run')).toEqual({
      code: 0,
      stdout: 'would close 2024-10 (Europe/Berlin): 0 bills, USD 0, 0 tokens\n',
      stderr: '',
    })
    expect(
      await wfstore('close --period 2024-12 --allow-empty --allow-earlier-open --dry-run'),
    ).toMatchObject({ code: 0, stderr: 'earlier periods are still open: 2024-11\n' })
  })

  it('closing prints the permanent totals', async () => {
    const totals = '2024-11 (Europe/Berlin): 2 bills, USD 3.5, 12 tokens'
    expect(await wfstore('close --period 2024-11 --dry-run')).toMatchObject({
      code: 0,
      stdout: `would close ${totals}\n`,
    })
    expect((await wfstore('close --period 2024-11', { answer: 'no\n' })).code).toBe(1)
    expect(await wfstore('close --period 2024-11')).toEqual({
      code: 2,
      stdout: '',
      stderr: UNCONFIRMED,
    })
    expect(await wfstore('close --period 2024-11 --yes')).toEqual({
      code: 0,
      stdout: `closed ${totals}\n`,
      stderr: '',
    })
    expect((await wfstore('close --period 2024-11')).stdout).toMatch(
      /^already closed on 20\d\d-\d\d-\d\d \d\d:\d\d: 2024-11 \(Europe\/Berlin\): 2 bills, USD 3.5, 12 tokens\n$/,
    )
    expect(await wfstore(`close --period ${month}`)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining(`${month} has not ended; it ends at `),
    })
    expect(await wfstore('zone UTC')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('time zone Europe/Berlin cannot be changed'),
    })
    expect((await wfstore('--period 2024-11', { terminal: 80 })).stderr).toMatch(
      /^bills of 2024-11 \(Europe\/Berlin\), closed \d{4}-\d\d-\d\d\n/,
    )
  })

  it('later bills and corrections belong to the open month, and FOCUS shows it', async () => {
    await database.sql(
      `insert into billing_records (billing_id, user_id, model_id, cost, tokens_total, billing_period, timestamp)
       values ('${LATE}', 'u', 'm', 0.25, 7, '2024-11', '2024-11-15 12:00Z')`,
    )
    const { stdout } = await wfstore(`correct ${BILL} --cost 1.25 --reason list-price`)
    expect(stdout).toMatch(
      new RegExp(
        `^corrected USD 1.5 to USD 1.25 \\(USD -0.25\\) by bill [0-9a-f-]{36} in ${month}\n$`,
      ),
    )
    expect((await wfstore(`correct ${BILL} --cost 1.25 --reason list-price`)).stdout).toBe(
      `the cost of bill ${BILL} is already USD 1.25; nothing was changed\n`,
    )
    expect(
      (await wfstore('correct 00000000-0000-4000-8000-00000000000f --cost 1 --reason r')).code,
    ).toBe(6)
    const records = await wfstore(
      `records --period ${month} -o csv --columns cost,corrects,originalPeriod`,
    )
    expect(records.stdout.split('\r\n').sort()).toEqual(
      ['', `-0.25,${BILL},2024-11`, '0.25,,2024-11', 'cost,corrects,originalPeriod'].sort(),
    )
    const focus = async (period: string) => {
      const columns =
        'SubAccountId,SkuMeter,ConsumedQuantity,ConsumedUnit,BilledCost,ChargeClass,ChargePeriodStart,BillingPeriodEnd'
      const result = await wfstore(`--period ${period} -o focus --columns ${columns}`)
      return result.stdout.split('\r\n').slice(1, -1).sort()
    }
    expect(await focus('2024-11')).toEqual([
      "'=v,Runs,1,Runs,2,,2024-11-30T23:00:00Z,2024-11-30T23:00:00Z",
      'u,Input Tokens,5,Tokens,0,,2024-10-31T23:00:00Z,2024-11-30T23:00:00Z',
      'u,Output Tokens,4,Tokens,0,,2024-10-31T23:00:00Z,2024-11-30T23:00:00Z',
      'u,Runs,1,Runs,1.50,,2024-10-31T23:00:00Z,2024-11-30T23:00:00Z',
      'u,Tokens,3,Tokens,0,,2024-10-31T23:00:00Z,2024-11-30T23:00:00Z',
    ])
    const [now] = await database.sql(
      `select to_char((to_date($1, 'YYYY-MM') + interval '1 month') at time zone 'Europe/Berlin' at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') as ends`,
      [month],
    )
    expect(await focus(month)).toEqual([
      `u,Runs,,,-0.25,Correction,2024-10-31T23:00:00Z,${now?.ends}`,
      `u,Tokens,7,Tokens,0.25,Correction,2024-11-14T23:00:00Z,${now?.ends}`,
    ])
  })
})
