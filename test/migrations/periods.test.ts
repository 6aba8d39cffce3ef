import { randomUUID } from 'node:crypto'
import type pg from 'pg'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { TestDatabase } from '../support/database.ts'
import { createMigrated } from '../support/migrated.ts'
import { close, currentPeriod, insert, periodOfBill } from './periods-support.ts'

let database: TestDatabase

beforeAll(async () => {
  database = await createMigrated('wfstore_periods')
})
afterAll(() => database.drop())
beforeEach(() => database.sql('truncate billing_records, wfstore_periods, wfstore_settings'))

const periodOf = (id: string) => periodOfBill(database, id)
const now = () => currentPeriod(database)
const following = async (month: string) =>
  (
    await database.sql(
      `select to_char(to_date($1, 'YYYY-MM') + interval '1 month', 'YYYY-MM') as m`,
      [month],
    )
  )[0]?.m as string

const conflict = { code: 'WF001' }

describe('a closed month', () => {
  const bill = randomUUID()
  const other = randomUUID()
  beforeEach(async () => {
    await database.sql(insert('2024-11', '0.10', bill))
    await database.sql(insert('2024-11', '0.2000001'))
    await database.sql(insert('2024-12', '5', other))
    await database.sql(close('2024-11'))
  })

  it('stores its totals, its time zone and the role that closed it', async () => {
    const rows = await database.sql(
      `select records::int, cost::text, tokens_total::int as tokens, time_zone, closed_by = session_user as me
       from wfstore_periods order by billing_period`,
    )
    expect(rows).toEqual([
      { records: 2, cost: '0.3000001', tokens: 20, time_zone: 'UTC', me: true },
      { records: null, cost: null, tokens: null, time_zone: null, me: null },
    ])
  })

  it.each([
    'user_id = $$x$$',
    'execution_id = gen_random_uuid()',
    'timestamp = now()',
    'model_id = $$x$$',
    'tokens_input = 1',
    'tokens_output = 1',
    'tokens_total = 1',
    'tokens_cache_read = 1',
    'tokens_cache_write = 1',
    'tokens_reasoning = 1',
    'cost = 0',
    'cost = cost + 0.0000001',
    'billing_period = $$2024-12$$',
    `metadata = '{"a": 1}'`,
    'created_at = now()',
    'corrects = billing_id',
    'original_period = $$2024-10$$',
    'billing_id = gen_random_uuid()',
  ])('refuses to have a bill changed: %s', async (change) => {
    const text = `update billing_records set ${change} where billing_id = '${bill}'`
    await expect(database.sql(text)).rejects.toMatchObject({
      ...conflict,
      message: `billing period 2024-11 is closed: bill ${bill} cannot be changed`,
    })
  })

  it('protects every column of a bill except those of its payment', async () => {
    const [row] = await database.sql(
      `select array_agg(attname::text order by attname) as columns from pg_attribute
       where attrelid = 'billing_records'::regclass and attnum > 0 and not attisdropped
         and pg_get_functiondef('wfstore_keep_bills'::regproc) not similar to '%(old.|to_jsonb\\(old\\) -> '')' || attname || '%'`,
    )
    expect(row?.columns).toEqual(['paid', 'payment_id', 'updated_at'])
  })

  it('allows payment, and updates without a change', async () => {
    await database.sql(
      `update billing_records set paid = true, payment_id = 'p', cost = cost + 0 where billing_period = '2024-11'`,
    )
    expect(await database.sql('select count(*)::int as n from billing_records where paid')).toEqual(
      [{ n: 2 }],
    )
  })

  it('refuses to delete a bill, or to move one into it', async () => {
    await expect(database.sql('delete from billing_records')).rejects.toMatchObject({
      ...conflict,
      message: expect.stringMatching(
        /^billing period 2024-11 is closed: bill .* cannot be deleted$/,
      ),
    })
    const move = `update billing_records set billing_period = '2024-11' where billing_id = '${other}'`
    await expect(database.sql(move)).rejects.toMatchObject({
      ...conflict,
      message: `billing period 2024-11 is closed: bill ${other} cannot be moved into it`,
    })
  })

  it('moves a late bill into the open month, with a reference to the closed one', async () => {
    const late = randomUUID()
    await database.sql(insert('2024-11', '9', late))
    expect(await periodOf(late)).toEqual({
      billing_period: await now(),
      original_period: '2024-11',
    })
  })

  it('moves a late bill into the first open month if the current one is closed', async () => {
    const month = await now()
    const next = await following(month)
    for (const period of [month, next]) {
      await database.sql(insert(period))
      await database.sql(close(period))
    }
    const late = randomUUID()
    await database.sql(insert('2024-11', '9', late))
    expect(await periodOf(late)).toEqual({
      billing_period: await following(next),
      original_period: '2024-11',
    })
    const wrongClock = randomUUID()
    await database.sql(insert(month, '9', wrongClock))
    expect(await periodOf(wrongClock)).toEqual({
      billing_period: await following(next),
      original_period: month,
    })
  })

  it('cannot be opened again, changed, renamed or deleted', async () => {
    for (const change of [
      'update wfstore_periods set closed_at = null',
      'update wfstore_periods set closed_at = now()',
      'update wfstore_periods set cost = 0',
      `update wfstore_periods set billing_period = '2020-01'`,
      'delete from wfstore_periods',
    ]) {
      const text = `${change} where billing_period = '2024-11'`
      await expect(database.sql(text), change).rejects.toMatchObject(conflict)
    }
  })

  it('fixes the time zone of the store, which could change before', async () => {
    for (const change of [
      `update wfstore_settings set time_zone = 'Europe/Berlin'`,
      'delete from wfstore_settings',
      `insert into wfstore_settings (time_zone) values ('Asia/Tokyo')
         on conflict (only_row) do update set time_zone = excluded.time_zone`,
    ]) {
      await expect(database.sql(change), change).rejects.toMatchObject(conflict)
    }
    await database.sql('truncate billing_records, wfstore_periods')
    await database.sql(`update wfstore_settings set time_zone = 'Europe/Berlin'`)
    await database.sql('delete from wfstore_settings')
  })
})

it('only an update of its row closes a period, and its totals are those of its bills', async () => {
  const text = `insert into wfstore_periods (billing_period, closed_at) values ('2024-10', now())`
  await expect(database.sql(text)).rejects.toMatchObject(conflict)
  await database.sql(`insert into wfstore_periods (billing_period, cost) values ('2024-10', 77)`)
  const closing = `update wfstore_periods set closed_at = now(), cost = 88, records = 9 returning cost::text, records::int`
  expect(await database.sql(closing)).toEqual([{ cost: '0', records: 0 }])
})

it('months begin in the time zone of the store', async () => {
  // Of the two, one is always in another month than UTC at some hour; both are never wrong.
  for (const zone of ['Pacific/Kiritimati', 'Pacific/Pago_Pago']) {
    await database.sql('truncate billing_records, wfstore_periods, wfstore_settings')
    await database.sql('insert into wfstore_settings (time_zone) values ($1)', [zone])
    await database.sql(insert('2024-11'))
    await database.sql(close('2024-11'))
    const late = randomUUID()
    await database.sql(insert('2024-11', '9', late))
    const [row] = await database.sql(`select to_char(now() at time zone $1, 'YYYY-MM') as month`, [
      zone,
    ])
    expect((await periodOf(late))?.billing_period).toBe(row?.month)
  }
})

describe('privileges', () => {
  const role = `billing_${randomUUID().slice(0, 8)}`
  let engine: pg.Client
  beforeAll(async () => {
    await database.sql(`create role ${role} login password 'secret'`)
    await database.sql(`grant select, insert, update on billing_records to ${role}`)
    const url = new URL(database.url)
    url.username = role
    url.password = 'secret'
    const { default: pgModule } = await import('pg')
    engine = new pgModule.Client({ connectionString: url.href })
    await engine.connect()
  })
  afterAll(async () => {
    await engine.end()
    await database.sql(`drop owned by ${role}`)
    await database.sql(`drop role ${role}`)
  })

  it('an application that may only write bills can still write them', async () => {
    await engine.query(insert('2024-11'))
    await database.sql(close('2024-11'))
    await engine.query(insert('2024-11'))
    await expect(engine.query(close('2024-12'))).rejects.toMatchObject({ code: '42501' })
    expect(
      await database.sql('select count(original_period)::int as n from billing_records'),
    ).toEqual([{ n: 1 }])
  })

  it('a temporary table of the same name does not affect the trigger', async () => {
    await database.sql(insert('2024-11'))
    await database.sql(close('2024-11'))
    await engine.query(
      'create temporary table wfstore_periods (billing_period text, closed_at timestamptz)',
    )
    const late = randomUUID()
    await engine.query(insert('2024-11', '1', late))
    await engine.query('drop table pg_temp.wfstore_periods')
    expect((await periodOf(late))?.original_period).toBe('2024-11')
  })

  it.each(['wfstore_keep_bills', 'wfstore_close_period', 'wfstore_keep_zone'])(
    'only its owner can create a trigger with %s, which runs as its owner',
    async (name) => {
      await engine.query('create temporary table if not exists mine (billing_period text)')
      await expect(
        engine.query(
          `create trigger mine before insert on mine for each row execute function ${name}()`,
        ),
      ).rejects.toMatchObject({ code: '42501' })
    },
  )
})
