import { randomBytes } from 'node:crypto'
import pg from 'pg'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { splitStatements } from '../../../src/db/migrate/files.ts'
import { planUp } from '../../../src/db/migrate/up.ts'
import { applyFix, findingOf } from '../../queries/doctor/support.ts'
import { runCli } from '../../support/cli.ts'
import { createDatabase, loadLegacy, type TestDatabase } from '../../support/database.ts'
import { migrate, withClient } from '../../support/migrate.ts'
import { migrateOptions } from '../../support/migrated.ts'

const anon = `anon_${randomBytes(4).toString('hex')}`
const databases: TestDatabase[] = []
let server: TestDatabase

/** Hosted PostgreSQL gives its role `anon` every new object of `public`. */
const DEFAULTS = ['tables', 'sequences', 'functions'].map(
  (kind) => `alter default privileges in schema public grant all on ${kind} to ${anon}`,
)

beforeAll(async () => {
  server = await createDatabase('grants')
  await server.sql(`create role ${anon} login`)
})
afterAll(async () => {
  for (const database of databases) {
    await database.sql(`drop owned by ${anon} cascade`)
    await database.drop()
  }
  await server.sql(`drop role ${anon}`)
  await server.drop()
})

async function make(label: string, ...statements: string[]): Promise<TestDatabase> {
  const database = await createDatabase(label)
  databases.push(database)
  for (const statement of statements) await database.sql(statement)
  return database
}

const OURS = [
  'audit_history',
  'usage_history',
  'wfstore_bill_lines',
  'wfstore_cleanups',
  'wfstore_migrations',
  'wfstore_model_rules',
  'wfstore_periods',
  'wfstore_prices',
  'wfstore_settings',
  'wfstore_requests',
  'wfstore_spans',
  'wfstore_tokens',
  'wfstore_traces',
]
const SHARED = [
  'audit_logs',
  'billing_records',
  'daily_cost_summary',
  'observability_metrics',
  'user_workflow_summary',
  'workflow_executions',
  'workflow_steps',
]

/** The tables, views, sequences and functions that run as their owner, of which anon has a privilege. */
const reachable = async (database: TestDatabase) =>
  (
    await database.sql(
      `select relname as name from pg_class c
       where relnamespace = 'public'::regnamespace and case when relkind = 'S' then has_sequence_privilege($1, c.oid, 'usage, select, update')
         when relkind in ('r', 'v') then has_table_privilege($1, c.oid, 'select, insert, update, delete, truncate, references, trigger') end
       union all select proname from pg_proc
       where pronamespace = 'public'::regnamespace and prosecdef and has_function_privilege($1, oid, 'execute')
       order by 1`,
      [anon],
    )
  ).map(({ name }) => name)

async function as(database: TestDatabase, statement: string): Promise<unknown> {
  const url = new URL(database.url)
  url.username = anon
  const client = new pg.Client({ connectionString: url.href })
  await client.connect()
  return client.query(statement).finally(() => client.end())
}

it('default privileges give no role a table, sequence, view or function of a new store', async () => {
  const database = await make('grants_new', ...DEFAULTS)
  const { notices } = await migrate(database)
  expect(await reachable(database)).toEqual([])
  expect(notices).toEqual([
    `default privileges give ${anon} no access to the new tables; grant it with \`wfstore migrate roles\``,
  ])
  for (const table of OURS)
    for (const statement of [`select from ${table}`, `delete from ${table}`, `truncate ${table}`])
      await expect(as(database, statement)).rejects.toMatchObject({ code: '42501' })
})

it('the script for psql does the same', async () => {
  const database = await make('grants_script', ...DEFAULTS)
  const { stdout } = await runCli(['migrate', 'sql'])
  for (const statement of splitStatements(stdout.replace(/^\\.*$/gm, '')))
    await database.sql(statement)
  expect(await reachable(database)).toEqual([])
})

it('an adopted database has the privileges of before, and none on the new tables', async () => {
  const database = await make('grants_adopted', ...DEFAULTS)
  await loadLegacy(database, { data: false })
  await database.sql(`revoke all on user_workflow_summary from ${anon}`)
  await database.sql(`revoke insert on daily_cost_summary from ${anon};
    alter view daily_cost_summary set (security_invoker = true, security_barrier = true)`)
  await migrate(database)
  expect(await reachable(database)).toEqual(
    [...SHARED, 'migrations_log'].filter((name) => name !== 'user_workflow_summary').sort(),
  )
  expect(
    await database.sql(
      `select has_table_privilege('${anon}', oid, 'insert') as insert, reloptions from pg_class
       where oid = 'daily_cost_summary'::regclass`,
    ),
  ).toEqual([{ insert: false, reloptions: ['security_invoker=true', 'security_barrier=true'] }])
  await expect(
    as(database, `insert into wfstore_periods (billing_period) values ('2025-01')`),
  ).rejects.toMatchObject({ code: '42501' })
})

it('`migrate up` fixes a store of an earlier version, and `migrate verify` names what it would fix', async () => {
  const database = await make('grants_old')
  await migrate(database)
  for (const statement of DEFAULTS) await database.sql(statement)
  await database.sql(`grant all on all tables in schema public to ${anon};
    grant all on all sequences in schema public to ${anon};
    grant execute on function wfstore_close_period() to ${anon};
    grant select on wfstore_migrations to public`)
  const before = [
    ...OURS,
    'audit_history_history_id_seq',
    'usage_history_history_id_seq',
    'wfstore_migrations_id_seq',
    'wfstore_model_rules_rule_id_seq',
    'wfstore_prices_price_id_seq',
    'wfstore_other_writes',
    'wfstore_close_period',
  ]
  expect(await reachable(database)).toEqual([...SHARED, ...before].sort())
  const verify = await runCli(['migrate', 'verify', '--json', '--database-url', database.url])
  expect(verify.code).toBe(4)
  const { differences } = JSON.parse(verify.stdout) as {
    differences: { kind: string; name: string; fix: string }[]
  }
  expect(differences.map(({ kind, name }) => `${kind} ${name}`).sort()).toEqual(
    [
      ...before.map((name) => `privilege ${name} to ${anon}`),
      'privilege wfstore_migrations to public',
    ].sort(),
  )
  const doctor = await findingOf(database, 'grants')
  expect([doctor.state, doctor.finding]).toEqual([
    'failed',
    expect.stringContaining(`${anon} may read and write `),
  ])
  const plan = await withClient(database, (client) => planUp(client, migrateOptions))
  expect(plan.flatMap(({ statements }) => statements).sort()).toEqual(
    differences.map(({ fix }) => fix.replace(/;$/, '')).sort(),
  )
  const up = await runCli(['migrate', 'up', '--json', '--database-url', database.url])
  const { revoked } = JSON.parse(up.stdout) as { revoked: string[] }
  expect(revoked).toHaveLength(before.length + 1)
  expect(revoked).toContain('select on wfstore_migrations from public')
  expect(up.stderr).toContain('revoked from public on wfstore_migrations: select\n')
  expect(up.stderr.split('\n')).toHaveLength(revoked.length + 1)
  expect(await reachable(database)).toEqual(SHARED)
  expect(await migrate(database)).toMatchObject({ applied: [], notices: [] })
})

it('the fix of `doctor` revokes them too', async () => {
  const database = await make('grants_doctor')
  await migrate(database)
  await database.sql(`grant execute on function wfstore_keep_zone() to ${anon};
    grant select on usage_history, workflow_steps, audit_logs to public;
    alter table audit_logs enable row level security`)
  await applyFix(database, await findingOf(database, 'grants'))
  const left = await findingOf(database, 'grants')
  expect([left.state, left.finding]).toEqual([
    'warning',
    'by default public may read workflow_steps without row security, unless the application needs it',
  ])
  await applyFix(database, left)
  expect((await findingOf(database, 'grants')).state).toBe('ok')
})

it('privileges that the operator granted stay', async () => {
  const database = await make('grants_kept', ...DEFAULTS)
  await migrate(database)
  const accounting = `${anon}_accounting`
  await database.sql(
    `create role ${accounting}; grant insert, update on wfstore_periods to ${accounting}`,
  )
  expect(await migrate(database)).toMatchObject({ applied: [], notices: [] })
  expect(
    await database.sql(
      `select has_table_privilege('${accounting}', 'wfstore_periods', 'update') as update`,
    ),
  ).toEqual([{ update: true }])
  await database.sql(`drop owned by ${accounting}; drop role ${accounting}`)
})

it('a role whose name needs quotes can migrate and verify', async () => {
  const database = await make('grants_quotes')
  const name = `${anon} O"Hara`
  const quoted = `"${name.replaceAll('"', '""')}"`
  await database.sql(`create role ${quoted} login; grant all on schema public to ${quoted}`)
  const url = new URL(database.url)
  url.username = name
  const cli = (words: string) => runCli([...words.split(' '), '--database-url', url.href])
  expect(await cli('migrate up')).toMatchObject({ code: 0, stderr: '' })
  expect(await cli('migrate verify')).toMatchObject({ code: 0 })
  await database.sql(`drop owned by ${quoted}; drop role ${quoted}`)
})
