import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { verifySchema } from '../../../src/db/verify/verify.ts'
import { runCli } from '../../support/cli.ts'
import { createDatabase, loadLegacy, type TestDatabase } from '../../support/database.ts'
import { everythingOf, migrate, migrateOn, schemaOf, withClient } from '../../support/migrate.ts'
import { endWhileBlocked } from './ended.ts'

const databases: TestDatabase[] = []
afterAll(async () => {
  for (const database of databases) await database.drop()
})

async function makeFull(label: string): Promise<TestDatabase> {
  const database = await createDatabase(label)
  databases.push(database)
  await loadLegacy(database, { full: true })
  return database
}

const OWN_TABLES = ['billing_periods', 'workflow_templates', 'workflow_runs', 'documents']
const OWN_COLUMNS = ['action', 'resource', 'resource_id', 'ip_address', 'user_agent']

const POLICIES = `select polrelid::regclass::text as table, polname, polcmd, polpermissive,
    polroles::regrole[]::text as roles, obj_description(oid, 'pg_policy') as comment,
    pg_get_expr(polqual, polrelid) is not null as uses, pg_get_expr(polwithcheck, polrelid) is not null as checks
  from pg_policy order by 1, 2`
const SECURITY = `select relname, relrowsecurity, relforcerowsecurity from pg_class
  where relnamespace = 'public'::regnamespace and relkind = 'r' and not relname like 'wfstore%' and not relname like '%history' order by 1`
const TOTALS = `select (select array[count(*)::text, sum(total_cost)::text, sum(total_tokens)::text] from workflow_executions) as runs,
    (select array[count(*)::text, sum(cost)::text, sum(tokens_used)::text] from workflow_steps) as steps,
    (select array[count(*)::text, sum(cost)::text, count(${OWN_COLUMNS.join(')::text, count(')})::text] from audit_logs) as entries,
    (select array[count(*)::text, sum(metric_value)::text] from observability_metrics) as metrics,
    (select array[count(*)::text, sum(cost)::text, sum(tokens_total)::text] from billing_records) as bills`
const SUMMARIES = [
  'select user_id, total_executions, successful_executions, failed_executions, running_executions, total_cost, total_tokens from user_workflow_summary order by 1',
  'select user_id, date::text, model_id, total_cost, total_tokens, record_count from daily_cost_summary order by 1, 2, 3',
]

/** The parts of its own, as the server prints them. */
const OWN_PARTS = `select 'index' as kind, pg_get_indexdef(indexrelid) as text from pg_index
    where indrelid = any($1::regclass[]) or indexrelid::regclass::text in ('idx_audit_logs_action', 'idx_audit_logs_resource',
      'idx_audit_logs_resource_id', 'idx_audit_logs_user_action')
  union all select 'constraint', conname || ' ' || pg_get_constraintdef(oid) from pg_constraint where conrelid = any($1::regclass[])
  union all select 'trigger', pg_get_triggerdef(oid) from pg_trigger where tgrelid = any($1::regclass[]) and not tgisinternal
  union all select 'column', attrelid::regclass || '.' || attname || ' ' || format_type(atttypid, atttypmod) from pg_attribute
    where attnum > 0 and (attrelid = any($1::regclass[]) or attrelid = 'audit_logs'::regclass and attname = any($2))
  union all select 'function', pg_get_functiondef('update_updated_at_column'::regproc)
  order by 1, 2`

async function everythingOfItsOwn(database: TestDatabase) {
  const rows: Record<string, unknown> = {}
  for (const table of OWN_TABLES)
    rows[table] = await database.sql(`select * from ${table} order by 1`)
  rows.entries = await database.sql(
    `select log_id, ${OWN_COLUMNS.join(', ')} from audit_logs order by 1`,
  )
  return {
    rows,
    parts: await database.sql(OWN_PARTS, [OWN_TABLES, OWN_COLUMNS]),
    policies: await database.sql(POLICIES),
    security: await database.sql(SECURITY),
    totals: await database.sql(TOTALS),
    summaries: await Promise.all(SUMMARIES.map((text) => database.sql(text))),
  }
}

describe('a fully set-up installation', () => {
  let database: TestDatabase
  let before: Awaited<ReturnType<typeof everythingOfItsOwn>>
  let notices: string[]
  let adopted: Awaited<ReturnType<typeof migrate>>['adopted']

  beforeAll(async () => {
    database = await makeFull('full')
    await database.sql("set timezone = 'UTC'")
    before = await everythingOfItsOwn(database)
    ;({ notices, adopted } = await migrate(database))
  })

  it('is adopted, and keeps its rows, columns, indexes, tables, keys, triggers, policies, totals and views', async () => {
    expect(before.policies).toHaveLength(5)
    expect(before.parts.length).toBeGreaterThan(20)
    const after = await everythingOfItsOwn(database)
    // The views count in bigint now, which the driver reads as text.
    const asText = (value: unknown) =>
      JSON.parse(JSON.stringify(value).replace(/:(\d+)(?=[,}])/g, ':"$1"'))
    expect({ ...after, summaries: asText(after.summaries) }).toEqual({
      ...before,
      summaries: asText(before.summaries),
    })
  })

  it('says before which policies it creates again', () => {
    expect(notices.join('\n')).toContain(
      'objects of the application that are created again for the new types: policy audit_logs_isolation on audit_logs, ',
    )
    expect(adopted?.recreated).toContain('policy audit_logs_isolation on audit_logs')
  })

  it('has the schema of its migrations, and no finding of doctor fails', async () => {
    const { ok, differences } = await withClient(database, (client) =>
      verifySchema(client, 'public'),
    )
    expect(ok).toBe(true)
    expect(differences.filter(({ state }) => state !== 'extra')).toEqual([])
    const url = ['--database-url', database.url]
    expect(await runCli(['migrate', 'verify', ...url])).toMatchObject({
      code: 0,
      stderr: expect.stringContaining('the schema matches its migrations'),
    })
    const { code, stdout } = await runCli(['doctor', '--json', ...url])
    expect(code).toBe(0)
    expect(JSON.parse(stdout).filter(({ state }: { state: string }) => state === 'fail')).toEqual(
      [],
    )
  })

  it('still gives each user only the own rows', async () => {
    const role = `${database.name}_app`
    await database.sql(
      `create role ${role}; grant select on all tables in schema public to ${role}`,
    )
    const seen = await withClient(database, async (client) => {
      await client.query(`set role ${role}; set app.current_user_id = 'user_1'`)
      const { rows } = await client.query(
        `select (select array_agg(distinct user_id) from workflow_executions) as users,
           (select count(*)::int from workflow_steps) as steps, (select array_agg(distinct user_id) from audit_logs) as others`,
      )
      return rows[0]
    })
    const [all] = await database.sql(
      `select count(*)::int as steps from workflow_steps join workflow_executions using (execution_id) where user_id = 'user_1'`,
    )
    expect(seen).toEqual({ users: ['user_1'], steps: all?.steps, others: ['user_1'] })
    await database.sql(`drop owned by ${role}; drop role ${role}`)
  })

  it('its own billing page and trigger function still work', async () => {
    await database.sql(
      `insert into billing_periods (user_id, period_start, period_end, token_limit, request_limit) values ('u', '2026-11-01', '2026-11-30', 1, 1)
       on conflict (user_id, period_start) do nothing`,
    )
    expect(
      await database.sql(
        `update documents set filename = 'b' returning updated_at > now() - interval '1 minute' as touched`,
      ),
    ).toEqual([{ touched: true }])
  })
})

it('an export has the columns of the application, and an import into another installation writes them', async () => {
  const [from, to] = [await makeFull('full_export'), await makeFull('full_import')]
  for (const database of [from, to]) await migrate(database)
  const entries = `select log_id, ${OWN_COLUMNS.join(', ')} from audit_logs order by 1`
  const was = await from.sql(entries)
  expect(was.filter(({ action }) => action !== null).length).toBeGreaterThan(0)
  await to.sql(
    'delete from workflow_executions; delete from audit_logs; delete from observability_metrics; delete from billing_records',
  )
  const exported = await runCli(['export', '--database-url', from.url])
  expect(exported.code).toBe(0)
  const imported = await runCli(['import', '-', '--database-url', to.url], {
    stdin: Buffer.from(exported.stdout),
  })
  expect(imported).toMatchObject({ code: 0 })
  expect(await to.sql(entries)).toEqual(was)
  expect(await to.sql(TOTALS)).toEqual(await from.sql(TOTALS))
})

it('every kind of policy is created again as it was: command, roles, restriction, check, comment, FORCE', async () => {
  const database = await makeFull('policies')
  const role = `${database.name} "r"`
  await database.sql(`create role "${role.replaceAll('"', '""')}"`)
  await database.sql(`
    create policy "Of Her" on audit_logs as restrictive for select to "${role.replaceAll('"', '""')}", current_user using (timestamp > now() - interval '1 day');
    comment on policy "Of Her" on audit_logs is 'it''s hers';
    create policy adding on billing_records for insert to public with check (cost < 10 and billing_period ~ '^\\d');
    create policy changing on billing_records for update using (tokens_total < 5) with check (tokens_total < 6);
    create policy removing on billing_records for delete using (paid);
    alter table documents enable row level security;
    create policy of_runs on documents using (user_id in (select e.user_id from workflow_executions e where e.total_tokens > 3));
    alter table workflow_steps force row level security;
    alter table observability_metrics disable row level security`)
  const read = async () => [await database.sql(POLICIES), await database.sql(SECURITY)]
  const before = await read()
  await migrate(database)
  expect(await read()).toEqual(before)
  const [policy] = await database.sql(
    `select pg_get_expr(polqual, polrelid) as text from pg_policy where polname = 'of_runs'`,
  )
  expect(policy?.text).toContain('(e.total_tokens > 3)')
  await database.sql(
    `drop owned by "${role.replaceAll('"', '""')}"; drop role "${role.replaceAll('"', '""')}"`,
  )
})

it('a role from which policies hide rows does not adopt', async () => {
  const database = await makeFull('forced')
  const role = `${database.name}_owner`
  await database.sql(`create role ${role}`)
  for (const table of [
    'workflow_executions',
    'workflow_steps',
    'audit_logs',
    'observability_metrics',
    'billing_records',
  ])
    await database.sql(
      `alter table ${table} owner to ${role}; alter table ${table} force row level security`,
    )
  await database.sql(`grant all on schema public to ${role}; alter view user_workflow_summary owner to ${role};
    alter view daily_cost_summary owner to ${role}; alter function update_updated_at_column() owner to ${role}`)
  const asOwner = () =>
    withClient(database, async (client) => {
      await client.query(`set role ${role}; set row_security = off`)
      return migrateOn(client)
    })
  const before = await everythingOf(database)
  await expect(asOwner()).rejects.toMatchObject({
    code: 'permission_denied',
    message: expect.stringContaining(`row security of audit_logs hides rows from role ${role}`),
    hint: expect.stringContaining('BYPASSRLS'),
  })
  expect(await everythingOf(database)).toBe(before)
  for (const table of [
    'workflow_executions',
    'workflow_steps',
    'audit_logs',
    'observability_metrics',
    'billing_records',
  ])
    await database.sql(`alter table ${table} no force row level security`)
  await asOwner()
  expect(await database.sql(POLICIES)).toHaveLength(5)
  await database.sql(`drop owned by ${role} cascade; drop role ${role}`)
})

it('ended after its policies are dropped, it leaves the installation as it was; up again completes', async () => {
  const database = await makeFull('full_ended')
  const before = await everythingOf(database)
  await endWhileBlocked(database, 'begin; create table usage_history (a int)')
  expect(await everythingOf(database)).toBe(before)
  await migrate(database)
  expect(await database.sql(POLICIES)).toHaveLength(5)
  expect(await schemaOf(database)).toContain('policy audit_logs_isolation')
})
