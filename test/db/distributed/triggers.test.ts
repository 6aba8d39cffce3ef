import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readHistory } from '../../../src/db/migrate/history.ts'
import { citusUrl } from '../../support/citus.ts'
import type { TestDatabase } from '../../support/database.ts'
import { withClient } from '../../support/migrate.ts'
import { createAdopted } from '../../support/migrated.ts'

let database: TestDatabase
const run = '00000000-0000-4000-8000-0000000000a1'
const bill = '00000000-0000-4000-8000-0000000000b1'
const sql = (text: string) => database.sql(text)
const billed = (period: string, id = 'gen_random_uuid()') =>
  `insert into billing_records (billing_id, user_id, model_id, cost, tokens_total, billing_period) values (${id}, 'u', 'm', 1.5, 3, '${period}') returning billing_period, original_period`

describe.skipIf(!citusUrl)('the triggers of a distributed store', () => {
  beforeAll(async () => {
    database = await createAdopted('shards')
  }, 120_000)
  afterAll(() => database?.drop())

  it('keep the totals of a run from its steps, its bill, and the lines of the bill', async () => {
    await sql(
      `insert into workflow_executions (execution_id, workflow_name, user_id, mode, model_id, status) values ('${run}', 'w', 'u', 'm', 'm', 'started')`,
    )
    await sql(
      `insert into workflow_steps (execution_id, step_number, step_name, cost, tokens_used, status) values ('${run}', 1, 's', 0.25, 7, 'done')`,
    )
    await sql(`update workflow_steps set cost = 0.5 where execution_id = '${run}'`)
    await sql(
      `update workflow_executions set status = 'completed', total_cost = 9 where execution_id = '${run}'`,
    )
    expect(
      await sql(
        `select status, total_cost::text, total_tokens from workflow_executions where execution_id = '${run}'`,
      ),
    ).toEqual([{ status: 'success', total_cost: '0.5', total_tokens: '7' }])
    await sql(
      `insert into billing_records (billing_id, user_id, execution_id, model_id, cost, tokens_total, billing_period) values ('${bill}', 'u', '${run}', 'm', 5, 5, '2023-01')`,
    )
    const lines = `select meter, quantity, cost::text from wfstore_bill_lines where billing_id = '${bill}' order by meter`
    expect(await sql(lines)).toEqual([
      { meter: 'given', quantity: null, cost: '0.5' },
      { meter: 'tokens', quantity: '7', cost: '0' },
    ])
    await sql(`update billing_records set cost = 0.75 where billing_id = '${bill}'`)
    expect(await sql(lines)).toMatchObject([{ cost: '0.75' }, { cost: '0' }])
    await sql(`delete from billing_records where billing_id = '${bill}'`)
    expect(await sql(lines)).toEqual([])
  })

  it('remove the spans of a run with it', async () => {
    await sql(
      `insert into wfstore_traces (trace_id, first_arrival, last_arrival) values ('${run}', now(), now())`,
    )
    await sql(
      `insert into wfstore_spans (trace_id, span_id, end_time, facts) values ('${run}', 's', now(), '{}')`,
    )
    await sql(`delete from workflow_executions where execution_id = '${run}'`)
    expect(await sql('select 1 from wfstore_traces')).toEqual([])
    expect(await sql('select 1 from wfstore_spans')).toEqual([])
  })

  it('keep a closed month with its totals, its bills and their lines', async () => {
    await sql(billed('2023-02', `'${bill}'`))
    await sql(billed('2023-02'))
    expect(await sql(`select wfstore_close('2023-02', 'ann') as closed`)).toEqual([
      { closed: true },
    ])
    expect(await sql(`select wfstore_close('2023-02', 'bob') as closed`)).toEqual([
      { closed: null },
    ])
    expect(
      await sql(
        `select records, cost::text, tokens_total, closed_by from wfstore_periods where billing_period = '2023-02'`,
      ),
    ).toEqual([{ records: '2', cost: '3.0', tokens_total: '6', closed_by: 'ann' }])
    for (const change of [
      `update wfstore_periods set closed_at = null where billing_period = '2023-02'`,
      `delete from wfstore_periods where billing_period = '2023-02'`,
      `update billing_records set cost = 0 where billing_id = '${bill}'`,
      `delete from billing_records where billing_id = '${bill}'`,
      `update wfstore_bill_lines set cost = 0 where billing_id = '${bill}'`,
      `delete from wfstore_bill_lines where billing_id = '${bill}'`,
      `insert into wfstore_bill_lines (execution_id, billing_id, line_id, model_id, meter, cost, cost_source) values (wfstore_no_run(), '${bill}', gen_random_uuid(), 'm', 'given', 0, 'given')`,
      `update wfstore_settings set time_zone = 'Asia/Tokyo'`,
    ])
      await expect(sql(change), change).rejects.toMatchObject({ code: 'WF001' })
    expect(await sql(billed('2023-02'))).toEqual([
      { billing_period: expect.not.stringMatching('2023-02'), original_period: '2023-02' },
    ])
    await sql(`update billing_records set paid = true where billing_id = '${bill}'`)
    // A bill from before there were lines may get all of them, in one statement.
    const before = '00000000-0000-4000-8000-0000000000b2'
    await sql(
      `begin; set local wfstore.keeps_totals = 'on'; ${billed('2023-06', `'${before}'`)}; commit`,
    )
    const given = (cost: string) =>
      `insert into wfstore_bill_lines (execution_id, billing_id, line_id, model_id, meter, quantity, cost, cost_source)
       values (wfstore_no_run(), '${before}', gen_random_uuid(), 'm', 'given', null, ${cost}, 'given'), (wfstore_no_run(), '${before}', gen_random_uuid(), 'm', 'tokens', 3, 0, 'given')`
    await expect(sql(`select wfstore_close('2023-06')`)).rejects.toMatchObject({ code: 'WF004' })
    await sql(given('1.5'))
    await sql(`select wfstore_close('2023-06')`)
    await expect(sql(given('1.5'))).rejects.toMatchObject({ code: 'WF001' })
  })

  it('close no month with UPDATE, which cannot count the bills of other nodes', async () => {
    await sql(billed('2023-03'))
    await sql(`insert into wfstore_periods values ('2023-03')`)
    await expect(
      sql(`update wfstore_periods set closed_at = now() where billing_period = '2023-03'`),
    ).rejects.toMatchObject({ code: 'WF003' })
  })

  it('let a close wait for a bill, and a bill for a close', async () => {
    const [writer, closer] = [await database.connect(), await database.connect()]
    const waits = async () => {
      const text = `select sum(result::int)::int as n from run_command_on_workers('select count(*) from pg_locks where locktype = ''advisory'' and not granted')`
      while ((await sql(text))[0]?.n === 0);
    }
    try {
      await writer.query('begin')
      await writer.query(billed('2023-04'))
      const closing = closer.query(`select wfstore_close('2023-04')`)
      await waits()
      await writer.query('commit')
      await closing
      expect(
        await sql(`select records from wfstore_periods where billing_period = '2023-04'`),
      ).toEqual([{ records: '1' }])
      await closer.query('begin')
      await closer.query(`select wfstore_close('2023-05')`)
      const writing = writer.query(billed('2023-05'))
      await waits()
      await closer.query('commit')
      expect((await writing).rows).toMatchObject([{ original_period: '2023-05' }])
    } finally {
      await writer.end()
      await closer.end()
    }
  })

  it('refuse to change prices, and note when another client wrote', async () => {
    await sql(
      `insert into wfstore_prices (model, meter, price, valid_from, source) values ('m', 'input', 1, now(), 'own')`,
    )
    await expect(sql('update wfstore_prices set price = 2')).rejects.toMatchObject({
      code: 'WF005',
    })
    await expect(sql('delete from wfstore_prices')).rejects.toMatchObject({ code: 'WF005' })
    const { applied } = await withClient(database, (client) => readHistory(client, 'public'))
    expect(Date.parse(applied[0]?.otherWriteAt ?? '')).toBeGreaterThan(0)
  })
})
