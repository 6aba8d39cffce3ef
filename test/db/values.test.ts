import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { cleanup } from '../../src/cleanup/cleanup.ts'
import type { ArchiveSink } from '../../src/cleanup/types.ts'
import { uuid } from '../cleanup/cleanup-support.ts'
import { runCli } from '../support/cli.ts'
import type { TestDatabase } from '../support/database.ts'
import { everythingOf, withClient } from '../support/migrate.ts'

import { createValueStore, type ValueStore } from './values-support.ts'

let store: TestDatabase
let values: ValueStore

beforeAll(async () => {
  values = await createValueStore('values')
  store = values.store
})
afterAll(() => store.drop())
beforeEach(() => values.refill())

const wfstore = (...words: string[]) => runCli([...words, '--database-url', store.url])
const runs = `update workflow_executions set`
const DOCTOR =
  '`wfstore doctor --full` prints the statements that change these rows (check values)\n'

/** The command is refused with one line that names the rows, and changes nothing. */
async function refuses(words: string[], says: string): Promise<void> {
  const before = await everythingOf(store)
  const { code, stdout, stderr } = await wfstore(...words)
  // The close names runs without a bill before.
  const error = stderr.slice(stderr.indexOf('error: '))
  expect({ code, stdout, error }).toEqual({
    code: 1,
    stdout: '',
    error: `error: ${says}; nothing was changed; ${DOCTOR}`,
  })
  expect(await everythingOf(store)).toBe(before)
}

describe('cleanup refuses rows that it would remove and whose amounts or times are not finite', () => {
  it.each([
    ['workflow_executions', 'total_cost', 'NaN', 'NaN or infinite', `execution_id ${uuid(2)}`],
    ['workflow_executions', 'total_cost', 'Infinity', 'NaN or infinite', `execution_id ${uuid(2)}`],
    ['workflow_executions', 'start_time', '-infinity', 'infinite', `execution_id ${uuid(2)}`],
    ['workflow_executions', 'end_time', '-infinity', 'infinite', `execution_id ${uuid(2)}`],
    ['audit_logs', 'cost', 'NaN', 'NaN or infinite', `log_id ${uuid(4)}`],
    ['audit_logs', 'timestamp', '-infinity', 'infinite', `log_id ${uuid(4)}`],
    ['observability_metrics', 'metric_value', 'NaN', 'NaN or infinite', `metric_id ${uuid(6)}`],
  ])('%s.%s = %s', async (table, column, value, how, id) => {
    await store.sql(
      `begin; set local wfstore.keeps_totals = 'on'; update ${table} set ${column} = '${value}' where ${id.replace(/ (.*)/, " = '$1'")}; commit`,
    )
    const says = `cannot clean up: ${table} has 1 row where ${column} is ${how}: ${id}`
    await refuses(['cleanup', '--before', '2024-06-01'], says)
    await refuses(['cleanup', '--before', '2024-06-01', '--dry-run'], says)
  })

  it('also steps of such runs, and rows under checks that are not validated', async () => {
    await store.sql(
      `begin; set local wfstore.keeps_totals = 'on'; update workflow_steps set cost = 'NaN', step_id = '${uuid(9)}' where execution_id = '${uuid(3)}'; commit`,
    )
    await values.restore('not valid')
    await refuses(
      ['cleanup', '--before', '2024-06-01'],
      `cannot clean up: workflow_steps has 1 row where cost is NaN or infinite: step_id ${uuid(9)}`,
    )
  })

  it('but not rows that it keeps', async () => {
    await store.sql(`${runs} status = 'running', total_cost = 'NaN' where execution_id = $1`, [
      uuid(3),
    ])
    expect((await wfstore('cleanup', '--before', '2024-06-01', '--allow-all')).code).toBe(0)
    expect(
      await store.sql('select sum(runs)::int as runs, sum(total_cost) as cost from usage_history'),
    ).toEqual([{ runs: 2, cost: '0.000002' }])
  })

  it('also a row that is written while it runs, before a batch moves it into the history', async () => {
    const before = await everythingOf(store)
    const nothing = async () => {}
    // The archive is opened after the first look at the rows.
    const sink: ArchiveSink = {
      place: 'test',
      open: async () => {
        await store.sql(`${runs} total_cost = 'NaN' where execution_id = $1`, [uuid(2)])
      },
      write: async (_, chunks) => {
        for await (const _chunk of chunks);
        return 0
      },
      sync: nothing,
      rollback: nothing,
      finish: () => expect.unreachable('it should be refused'),
      abandon: nothing,
    }
    await expect(
      withClient(store, (client) =>
        cleanup(client, {
          allowAll: true,
          before: '2024-06-01T00:00:00Z',
          pauseMs: 0,
          archive: sink,
        }),
      ),
    ).rejects.toMatchObject({
      code: 'conflict',
      message: `cannot clean up: workflow_executions has 1 row where total_cost is NaN or infinite: execution_id ${uuid(2)}`,
      hint: expect.stringContaining('the batches before this one are done'),
    })
    expect(await store.sql('select count(*)::int from usage_history')).toEqual([{ count: 0 }])
    await store.sql(`${runs} total_cost = '0.000001' where execution_id = $1`, [uuid(2)])
    await store.sql('truncate wfstore_cleanups')
    const withoutStamps = (text: string) => text.replace(/"20\d\d-[^"]*\+00"/g, '')
    expect(withoutStamps(await everythingOf(store))).toBe(withoutStamps(before))
  })

  it('an amount in the history that is NaN cannot be repaired, so none gets there: the statement of doctor comes first', async () => {
    await store.sql(`${runs} total_cost = 'NaN' where execution_id = $1`, [uuid(2)])
    await refuses(
      ['cleanup', '--before', '2024-06-01'],
      `cannot clean up: workflow_executions has 1 row where total_cost is NaN or infinite: execution_id ${uuid(2)}`,
    )
    await store.sql(`${runs} total_cost = 5 where total_cost = 'NaN'`)
    expect((await wfstore('cleanup', '--before', '2024-06-01', '--allow-all')).code).toBe(0)
    expect(await store.sql('select sum(total_cost) as cost from usage_history')).toEqual([
      { cost: '5.000002' },
    ])
  })
})

describe('metrics rollup refuses a window with rows that are not finite', () => {
  it.each([
    ['total_cost', 'NaN', 'NaN or infinite'],
    ['end_time', 'infinity', 'infinite'],
    ['start_time', 'infinity', 'infinite'],
  ])('%s = %s of a run', async (column, value, how) => {
    await store.sql(`${runs} ${column} = '${value}' where execution_id <> $1`, [uuid(3)])
    await refuses(
      ['metrics', 'rollup', '--period', 'day'],
      `cannot roll up the metrics: workflow_executions has 2 rows where ${column} is ${how}: execution_id ${uuid(1)}, ${uuid(2)}`,
    )
  })

  it('also of removed runs', async () => {
    expect((await wfstore('cleanup', '--before', '2024-06-01', '--allow-all')).code).toBe(0)
    await store.sql(`update usage_history set total_cost = 'NaN'`)
    const { code, stderr } = await wfstore('metrics', 'rollup', '--period', 'day')
    expect([code, stderr]).toEqual([
      1,
      expect.stringMatching(
        /^error: cannot roll up the metrics: usage_history has \d rows? where total_cost is NaN or infinite: history_id \d+/,
      ),
    ])
  })

  it('but not rows before the window', async () => {
    await store.sql(
      `${runs} total_cost = 'NaN', updated_at = '2024-01-11Z' where execution_id = $1`,
      [uuid(1)],
    )
    expect(
      (await wfstore('metrics', 'rollup', '--period', 'day', '--since', '2024-01-12')).code,
    ).toBe(0)
  })
})

describe('billing close refuses a month with bills that are not finite', () => {
  const bill = (n: number, set: string) =>
    store.sql(
      `insert into billing_records (billing_id, user_id, model_id, timestamp, billing_period, cost)
       select $1::uuid, 'u', 'm', t::timestamptz, '2024-01', c::numeric from (values ${set}) as v (t, c)`,
      [uuid(n)],
    )

  it('names them, also in a dry run, and the month stays open', async () => {
    await bill(20, `('2024-01-20Z'::timestamptz, 'NaN'::numeric)`)
    await bill(21, `('2024-01-20Z', 'Infinity'::numeric)`)
    await bill(22, `('infinity'::timestamptz, 1)`)
    const says = `cannot close 2024-01: billing_records has 1 row where timestamp is infinite: billing_id ${uuid(22)}; billing_records has 2 rows where cost is NaN or infinite: billing_id ${uuid(20)}, ${uuid(21)}`
    await refuses(['billing', 'close', '--period', '2024-01', '--yes'], says)
    await refuses(['billing', 'close', '--period', '2024-01', '--dry-run'], says)
  })

  it('a close with SQL is refused by the trigger, which names them', async () => {
    for (const n of [20, 21, 22, 23, 24, 25, 26])
      await bill(n, `('2024-01-20Z'::timestamptz, 'NaN'::numeric)`)
    const ids = [20, 21, 22, 23, 24].map(uuid).join(', ')
    await expect(store.sql(`select wfstore_close('2024-01')`)).rejects.toThrow(
      `billing period 2024-01 cannot be closed: billing_records has 7 bills with a cost or a time that is not finite: billing_id ${ids}`,
    )
    await store.sql(`delete from billing_records where cost = 'NaN'`)
    await bill(20, `('-infinity'::timestamptz, 1)`)
    await expect(store.sql(`select wfstore_close('2024-01')`)).rejects.toThrow(
      `has 1 bill with a cost or a time that is not finite: billing_id ${uuid(20)}`,
    )
  })
})
