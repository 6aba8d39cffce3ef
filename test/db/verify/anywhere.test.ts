import pg from 'pg'
import { afterEach, expect, it } from 'vitest'
import {
  compareSchema,
  countRows,
  type Difference,
  type TableCount,
} from '../../../src/db/verify/compare.ts'
import { createDatabase, type TestDatabase } from '../../support/database.ts'
import { migrate, withClient } from '../../support/migrate.ts'
import { createAdopted, createMigrated } from '../../support/migrated.ts'

interface Verification {
  differences: Difference[]
  tables: TableCount[]
}

let database: TestDatabase

afterEach(() => database.drop())

const verify = (schema = 'public'): Promise<Verification> =>
  withClient(database, (client) => verifyOn(client, schema))

const verifyOn = async (client: pg.Client, schema: string): Promise<Verification> => ({
  differences: await compareSchema(client, schema),
  tables: await countRows(client, schema),
})

const rowsOf = ({ tables }: Verification) =>
  Object.fromEntries(
    tables.map(({ table, rows, estimated }) => [table, estimated ? `about ${rows}` : rows]),
  )

const NO_ROWS = {
  audit_history: 0,
  audit_logs: 0,
  wfstore_periods: 0,
  billing_records: 0,
  wfstore_settings: 0,
  wfstore_cleanups: 0,
  observability_metrics: 0,
  usage_history: 0,
  workflow_executions: 0,
  workflow_steps: 0,
  wfstore_bill_lines: 0,
  wfstore_traces: 0,
  wfstore_spans: 0,
  wfstore_tokens: 0,
  wfstore_requests: 0,
  wfstore_prices: 0,
  wfstore_model_rules: 0,
}

it('a database that was adopted has no differences, and its rows are counted', async () => {
  database = await createAdopted('verify_adopted')
  const verified = await verify()
  expect(verified.differences).toEqual([])
  const [counted] = await database.sql(
    'select (select count(*) from workflow_executions)::int as runs, (select count(*) from audit_logs)::int as entries',
  )
  expect(rowsOf(verified)).toMatchObject({
    workflow_executions: counted?.runs,
    audit_logs: counted?.entries,
    usage_history: 0,
  })
  expect(counted).toMatchObject({ runs: 160 })
})

it('a schema of any name is compared, and the differences contain no schema name', async () => {
  database = await createMigrated('verify_schema')
  await migrate(database, { schema: 'Work Flows' })
  await database.sql(
    'drop index public.workflow_steps_step_idx; drop view public.daily_cost_summary',
  )
  expect(await verify('Work Flows')).toMatchObject({ differences: [] })
  const { differences } = await verify('public')
  await database.sql(
    'drop index "Work Flows".workflow_steps_step_idx; drop view "Work Flows".daily_cost_summary',
  )
  const other = await verify('Work Flows')
  expect(other.differences).toEqual(differences)
  expect(JSON.stringify(other)).not.toMatch(/Work Flows|public/)
})

it('a schema whose name its own function uses as a row is compared', async () => {
  database = await createDatabase('verify_new')
  await migrate(database, { schema: 'new' })
  expect(await verify('new')).toMatchObject({ differences: [] })
})

it('a role without any privilege sees every difference, and estimates instead of counts', async () => {
  database = await createDatabase('verify_role')
  await migrate(database, { schema: 'Work Flows' })
  await database.sql(
    `create role ${database.name}_nobody;
     insert into "Work Flows".usage_history (quarter_start, user_id, workflow_name, mode, model_id, status, runs,
         total_cost, total_tokens, steps_total, steps_completed, steps_failed, timed_runs, duration_ms, last_start_time)
       select now(), 'u', 'w', 'm', 'm', 'success', 1, 0, 0, 0, 0, 0, 0, 0, now() from generate_series(1, 7);
     analyze "Work Flows".usage_history`,
  )
  await withClient(database, async (client) => {
    await client.query(`set role ${database.name}_nobody`)
    const verified = await verifyOn(client, 'Work Flows')
    expect(verified.differences).toEqual([])
    expect(rowsOf(verified)).toMatchObject({ usage_history: 'about 7', audit_logs: 'about null' })
    await database.sql('alter table "Work Flows".workflow_steps alter column cost drop default')
    expect(await compareSchema(client, 'Work Flows')).toMatchObject([
      { name: 'workflow_steps.cost', state: 'differs' },
    ])
  })
  await database.sql(`drop role ${database.name}_nobody`)
})

it('a connection in pipeline mode is restored, with its search path', async () => {
  database = await createDatabase('verify_pipeline')
  await migrate(database, { schema: 'Work Flows' })
  const config = {
    connectionString: database.url,
    pipeline: true,
    options: '-c search_path=theirs',
  }
  const client = new pg.Client(config as pg.ClientConfig)
  await client.connect()
  expect(await compareSchema(client, 'Work Flows')).toEqual([])
  expect(await compareSchema(client, 'public')).toHaveLength(39)
  const tables = await countRows(client, 'Work Flows')
  expect(tables).toHaveLength(17)
  const { rows } = await client.query(
    "select current_setting('search_path') as path, current_setting('transaction_read_only') as read_only",
  )
  expect(rows).toEqual([{ path: 'theirs', read_only: 'off' }])
  await client.end()
})

it('a table is counted below a million rows, and estimated above', async () => {
  database = await createMigrated('verify_counts')
  const insert = `insert into audit_logs (user_id, action_type, action_details) select 'u', 'a', 'd' from generate_series(1, 5)`
  await database.sql(insert)
  expect(rowsOf(await verify())).toEqual({ ...NO_ROWS, audit_logs: 5 })
  const estimate = (rows: number) =>
    database.sql(`update pg_class set reltuples = $1 where oid = 'audit_logs'::regclass`, [rows])
  await estimate(999_999)
  expect(rowsOf(await verify())).toMatchObject({ audit_logs: 5 })
  await estimate(3_000_000)
  expect(rowsOf(await verify())).toMatchObject({ audit_logs: 'about 3000000' })
})

it('an estimate grows with the table since it was made', async () => {
  database = await createMigrated('verify_counts')
  await database.sql(
    `insert into audit_logs (user_id, action_type, action_details) select 'u', 'a', 'd' from generate_series(1, 500);
     alter table audit_logs set (autovacuum_enabled = off);
     update pg_class set reltuples = 600000, relpages = 1 where oid = 'audit_logs'::regclass`,
  )
  const [pages] = await database.sql(
    "select pg_relation_size('audit_logs')::int / 8192 as of_audit_logs",
  )
  expect(rowsOf(await verify())).toMatchObject({
    audit_logs: `about ${Number(pages?.of_audit_logs) * 600_000}`,
  })
})

it('a large table without statistics is estimated from a sample of its pages', async () => {
  database = await createMigrated('verify_counts')
  await database.sql(
    `alter table audit_logs set (autovacuum_enabled = off), alter column action_details set storage plain;
     insert into audit_logs (user_id, action_type, action_details)
       select 'u', 'a', repeat('d', 7500) from generate_series(1, 14000)`,
  )
  const counts = (await verify()).tables.find(({ table }) => table === 'audit_logs')
  expect(counts).toMatchObject({ estimated: true })
  expect(counts?.rows).toBeGreaterThan(12_000)
  expect(counts?.rows).toBeLessThan(16_000)
})

it('a missing table is not counted', async () => {
  database = await createMigrated('verify_counts')
  await database.sql('drop table audit_logs')
  const { audit_logs: _, ...rest } = NO_ROWS
  expect(rowsOf(await verify())).toEqual(rest)
})
