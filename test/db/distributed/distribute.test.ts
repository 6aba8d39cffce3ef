import type pg from 'pg'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { distribute, planDistribution } from '../../../src/db/distributed/distribute.ts'
import { compareSchema } from '../../../src/db/verify/compare.ts'
import { citusUrl, joinNodes } from '../../support/citus.ts'
import { createDatabase, loadLegacy, type TestDatabase } from '../../support/database.ts'
import { migrate, withClient } from '../../support/migrate.ts'

let database: TestDatabase
let client: pg.Client

const options = {
  shards: 4,
  lockWaitMs: 60_000,
  lockTimeoutMs: 30_000,
  notice: (_: string) => {},
  confirm: async () => {},
}

const TABLES = [
  'workflow_executions',
  'workflow_steps',
  'audit_logs',
  'billing_records',
  'wfstore_bill_lines',
  'usage_history',
  'audit_history',
  'wfstore_periods',
  'wfstore_prices',
]

/** The rows of the store, with the id of no execution as none. A history has an execution only in a distributed store. */
const rows = async () => {
  const texts: string[] = []
  for (const table of TABLES) {
    const text = /_history$/.test(table)
      ? `to_jsonb(t) - 'execution_id'`
      : `to_jsonb(t) || case when to_jsonb(t) ->> 'execution_id' = '00000000-0000-0000-0000-000000000000' then '{"execution_id": null}' else '{}' end::jsonb`
    const found = await database.sql(`select (${text})::text as row from ${table} t`)
    texts.push(...found.map(({ row }) => `${table} ${row}`).sort())
  }
  return texts
}

async function filled(): Promise<void> {
  database = await createDatabase('distribute')
  await loadLegacy(database)
  await migrate(database)
  await database.sql(
    `insert into billing_records (user_id, model_id, cost, tokens_total, billing_period) values ('u', 'm', 0.1, 5, '2024-11')`,
  )
  await database.sql(
    `insert into audit_logs (user_id, action_type, action_details) values ('u', 'a', 'd')`,
  )
  await database.sql(
    `insert into wfstore_prices (model, meter, price, valid_from, source) values ('m', 'input', 1, now(), 'own')`,
  )
  client = await database.connect()
}

beforeEach(filled, 60_000)
afterEach(async () => {
  await client.end().catch(() => {})
  await database.drop()
})

it.skipIf(citusUrl)('a server without Citus is refused, with what to do', async () => {
  await expect(distribute(client, options)).rejects.toMatchObject({
    code: 'failed',
    message: 'this database has no extension citus',
    hint: 'install Citus on every node; see docs/SCALE.md',
  })
})

describe.skipIf(!citusUrl)('a filled store on a cluster', () => {
  beforeEach(() => joinNodes(client, database), 60_000)

  it('has the same rows when it is distributed, and when it is back on one server', async () => {
    const before = await rows()
    expect(await planDistribution(client, options)).toHaveLength(1)
    expect(await rows()).toEqual(before)
    expect(await distribute(client, options)).toMatchObject({ changed: true, shards: 4 })
    expect(await rows()).toEqual(before)
    expect(await compareSchema(client, 'public')).toEqual([])
    expect(await distribute(client, options)).toMatchObject({ changed: false, shards: 4 })
    expect(await planDistribution(client, options)).toEqual([])

    expect(await distribute(client, { ...options, layout: 'single' })).toMatchObject({
      changed: true,
      layout: 'single',
    })
    expect(await rows()).toEqual(before)
    expect(await compareSchema(client, 'public')).toEqual([])
    expect(await distribute(client, { ...options, layout: 'single' })).toMatchObject({
      changed: false,
    })
  }, 120_000)

  it('is refused with every obstacle and the statement that removes it, and can then be distributed', async () => {
    await database.sql('create table orders (run uuid references workflow_executions)')
    await database.sql(
      `create function app() returns trigger language plpgsql as 'begin return new; end'`,
    )
    await database.sql(
      'create trigger app before insert on audit_logs for each row execute function app()',
    )
    await database.sql('create unique index one_payment on billing_records (payment_id)')
    await database.sql('create policy all_rows on workflow_steps using (true)')
    await database.sql('create rule quiet as on delete to audit_logs do instead nothing')
    const before = await rows()
    const refused = await distribute(client, options).catch((error) => error)
    expect(refused).toMatchObject({
      code: 'schema_differs',
      message: expect.stringContaining('unique index one_payment of billing_records'),
    })
    const fixes = String(refused.hint).replace('nothing was changed; to fix this: ', '').split('; ')
    expect(fixes).toEqual([
      'alter table orders drop constraint orders_run_fkey',
      'drop trigger app on audit_logs',
      'drop index one_payment',
      'drop policy all_rows on workflow_steps',
      'drop rule quiet on audit_logs',
    ])
    expect(await rows()).toEqual(before)
    for (const fix of fixes) await database.sql(fix)
    expect(await distribute(client, options)).toMatchObject({ changed: true })
    expect(await rows()).toEqual(before)
  }, 120_000)

  it.each([
    ['the client', `select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory'`],
    [
      'the sessions of the workers',
      `select run_command_on_workers('select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid() and application_name like ''citus_internal%''')`,
    ],
  ])(
    '%s can be killed in the middle: nothing has changed, and it can be run again',
    async (_, kill) => {
      const before = await rows()
      const other = await database.connect()
      const done = distribute(client, {
        ...options,
        notice: (line) => {
          if (line === 'moving billing_records') void other.query(kill).catch(() => {})
        },
      })
      await expect(done).rejects.toThrow()
      await other.end()
      expect(await rows()).toEqual(before)
      await withClient(database, async (again) => {
        expect(await compareSchema(again, 'public')).toEqual([])
        expect(await distribute(again, options)).toMatchObject({ changed: true })
        expect(await rows()).toEqual(before)
      })
    },
    120_000,
  )
})
