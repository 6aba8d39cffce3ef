import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { TestDatabase } from '../support/database.ts'
import { createMigrated } from '../support/migrated.ts'

let database: TestDatabase
let owner: string
let app: string
let session: pg.Client

/** The tables belong to a role that is not a superuser; the session of the application is subject to their policies. */
beforeAll(async () => {
  database = await createMigrated('row_security')
  owner = `${database.name}_owner`
  app = `${database.name}_app`
  await database.sql(`
    create role ${owner}; create role ${app} login;
    do $$ declare one regclass; begin
      for one in select oid from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'v') loop
        execute format('alter table %s owner to ${owner}', one);
      end loop;
    end $$;
    alter function wfstore_keep_bills() owner to ${owner};
    alter function wfstore_close_period() owner to ${owner};
    alter function wfstore_keep_zone() owner to ${owner};
    grant insert, update, select on billing_records, wfstore_periods, wfstore_settings to ${app};
    alter table billing_records enable row level security;
    create policy own on billing_records using (user_id = current_setting('app.current_user_id', true))`)
  const url = new URL(database.url)
  url.username = app
  session = new pg.Client({ connectionString: url.href })
  await session.connect()
})
afterAll(async () => {
  await session.end()
  await database.sql(`drop owned by ${owner}, ${app} cascade; drop role ${owner}, ${app}`)
  await database.drop()
})

const bills = (month: string) =>
  database.sql(
    `insert into billing_records (user_id, model_id, cost, tokens_total, billing_period)
     select 'user_' || n, 'm', 0.5, 10, $1 from generate_series(1, 8) as n`,
    [month],
  )
const close = (month: string) => [
  `insert into wfstore_periods (billing_period) values ('${month}') on conflict do nothing`,
  `update wfstore_periods set closed_at = now() where billing_period = '${month}' returning records::int, cost::text, tokens_total::int`,
]
const run = async (...statements: string[]) => {
  let rows: unknown[] = []
  for (const statement of statements) rows = (await session.query(statement)).rows
  return rows
}

describe('a client whose session has row_security on', () => {
  it('closes a month with all its bills, although it sees none of them', async () => {
    await bills('2025-01')
    expect(await run('select * from billing_records')).toEqual([])
    expect(await run(...close('2025-01'))).toEqual([{ records: 8, cost: '4.0', tokens_total: 80 }])
  })

  it('cannot write a bill into a closed month whose period it cannot see', async () => {
    await database.sql(`alter table wfstore_periods enable row level security`)
    await run("set app.current_user_id = 'user_1'")
    const [bill] = await run(
      `insert into billing_records (user_id, model_id, cost, billing_period) values ('user_1', 'm', 9, '2025-01')
       returning original_period`,
    )
    expect(bill).toEqual({ original_period: '2025-01' })
    await expect(
      run("update billing_records set cost = 9 where billing_period = '2025-01'"),
    ).rejects.toMatchObject({ code: 'WF001' })
    await expect(run("update wfstore_settings set time_zone = 'Asia/Tokyo'")).rejects.toMatchObject(
      { code: 'WF001' },
    )
    await database.sql(`alter table wfstore_periods disable row level security`)
    await run('reset app.current_user_id')
  })

  it.each([
    ['billing_records', close('2025-02')],
    ['wfstore_settings', close('2025-02')],
    ['wfstore_periods', ["update wfstore_settings set time_zone = 'Asia/Tokyo'"]],
    ['wfstore_periods', ["update billing_records set cost = 9 where billing_period = '2025-01'"]],
  ])(
    'is refused where the policies of %s apply to their owner too: %s',
    async (table, statements) => {
      await bills('2025-02')
      await run("set app.current_user_id = 'user_1'")
      const [was] = await database.sql(
        `select relrowsecurity as yes from pg_class where oid = '${table}'::regclass`,
      )
      await database.sql(`alter table ${table} enable row level security, force row level security`)
      await expect(run(...statements)).rejects.toMatchObject({
        code: '42501',
        message: `query would be affected by row-level security policy for table "${table}"`,
      })
      await database.sql(
        `alter table ${table} no force row level security${was?.yes ? '' : ', disable row level security'}`,
      )
    },
  )
})
