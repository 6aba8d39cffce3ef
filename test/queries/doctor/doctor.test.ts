import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { connectClient } from '../../../src/db/connect/connect.ts'
import { examine } from '../../../src/queries/doctor/doctor.ts'
import { readSubject } from '../../../src/queries/doctor/subject.ts'
import { citusUrl } from '../../support/citus.ts'
import { createDatabase, loadLegacy, type TestDatabase } from '../../support/database.ts'
import { migrate } from '../../support/migrate.ts'
import { createMigrated } from '../../support/migrated.ts'
import { applyFix, detailsOf, find, findingOf, findingsOf } from './support.ts'

const ON_ONE_SERVER = [
  'server',
  'clock',
  'encryption',
  'connections',
  'transactions',
  'locks',
  'schema',
  'rights',
  'row-security',
  'grants',
  'sequences',
  'indexes',
  'unused-indexes',
  'sizes',
  'dead-rows',
  'transaction-ids',
  'oldest-running',
  'stuck',
  'totals',
  'lines',
  'values',
  'cleanup',
  'growth',
]
/** A database that the tests migrate themselves is on one server. */
const CHECKS = citusUrl ? ['server', 'nodes', ...ON_ONE_SERVER.slice(1)] : ON_ONE_SERVER
const WITHOUT_TABLES = ['server', 'clock', 'encryption', 'connections', 'transactions', 'schema']

let store: TestDatabase
/** A role that may only connect. Roles belong to the whole server, so its name contains that of the database. */
let role: string

beforeAll(async () => {
  store = await createMigrated('doctor')
  role = `${store.name}_role`
  await store.sql(`create role ${role} login`)
})
afterAll(async () => {
  await store.sql(`drop owned by ${role}; drop role ${role}`)
  await store.drop()
})

const states = (findings: { check: string; state: string }[]) =>
  findings.map(({ check, state }) => `${check} ${state}`)

it('a migrated store without rows is healthy, and every check says so', async () => {
  const findings = await findingsOf(store)
  expect(states(findings)).toEqual(CHECKS.map((check) => `${check} ok`))
  expect(findings.filter(({ fix }) => fix !== null)).toEqual([])
})

describe('degrading by finding', () => {
  it('a role that may only read gets every check answered, none left unchecked', async () => {
    await store.sql(`grant select on all tables in schema public to ${role}`)
    const findings = await findingsOf(store, { role })
    expect(findings.map(({ check }) => check)).toEqual(CHECKS)
    expect(findings.filter(({ state }) => state !== 'ok')).toEqual([])
    expect(find(findings, 'transactions').finding).toMatch(
      new RegExp(
        `; \\d+ sessions? of other roles not visible \\(grant pg_read_all_stats to ${role}\\)$`,
      ),
    )
    const rights = find(findings, 'rights')
    expect(rights.finding).toBe(
      `role ${role} may read, but not record, receive traces, mark bills as paid, clean up or migrate`,
    )
    expect(detailsOf(rights)).toMatchObject({ read: true, record: false, cleanup: false })
    await store.sql(`revoke all on all tables in schema public from ${role}`)
  })

  it('a role that may not read a table loses only the checks of that table, and each names the grant', async () => {
    await store.sql(
      `grant select on all tables in schema public to ${role}; revoke select on audit_logs from ${role}`,
    )
    const findings = await findingsOf(store, { role })
    expect(states(findings).filter((line) => !line.endsWith(' ok'))).toEqual([
      'rights failed',
      'stuck warning',
      'values warning',
      'growth warning',
    ])
    const [rights, growth] = [find(findings, 'rights'), find(findings, 'growth')]
    expect(rights.finding).toBe(`role ${role} may not read public.audit_logs`)
    expect(growth.finding).toBe('could not be checked: permission denied for table audit_logs')
    await applyFix(store, growth)
    expect(states(await findingsOf(store, { role }))).toEqual(CHECKS.map((check) => `${check} ok`))
    await store.sql(`revoke all on all tables in schema public from ${role}`)
  })

  it('the grants that a group of commands lacks are among the details, and are enough', async () => {
    await store.sql(`grant select on all tables in schema public to ${role}`)
    const { grants } = detailsOf(await findingOf(store, 'rights', { role }))
    expect(Object.keys(grants)).toEqual(['record', 'ingest', 'pay', 'cleanup'])
    for (const grant of Object.values<string>(grants))
      for (const statement of grant.split('; ')) await store.sql(statement)
    expect((await findingOf(store, 'rights', { role })).finding).toBe(
      `role ${role} may read, record, receive traces, mark bills as paid and clean up, but not migrate`,
    )
    await store.sql(`revoke all on all tables in schema public from ${role}`)
  })

  it('a role that may write bills but not their lines gets a warning with the grant', async () => {
    await store.sql(`grant select on all tables in schema public to ${role};
      grant insert, update on workflow_executions, workflow_steps, audit_logs, observability_metrics, billing_records to ${role}`)
    const rights = await findingOf(store, 'rights', { role })
    expect(rights).toMatchObject({
      state: 'warning',
      finding: `role ${role} may write bills, but not their lines: wfstore cannot record with it`,
      fix: `grant insert, update on public.wfstore_bill_lines to ${role}`,
    })
    await applyFix(store, rights)
    expect(await findingOf(store, 'rights', { role })).toMatchObject({
      state: 'ok',
      finding: `role ${role} may read, record and mark bills as paid, but not receive traces, clean up or migrate`,
    })
    await store.sql(`revoke all on all tables in schema public from ${role}`)
  })

  it('an exclusive lock on a table costs only the checks of its rows, and the session is named', async () => {
    const holder = await store.connect()
    const { rows } = await holder.query(
      `select ${citusUrl ? 'citus_backend_gpid()' : 'pg_backend_pid()'} as pid`,
    )
    await holder.query('begin; lock table workflow_executions')
    const limits = { lockMs: 20, exclusiveMs: 0 }
    const findings = await findingsOf(store, { limits })
    expect(findings.map(({ check }) => check)).toEqual(CHECKS)
    const unchecked = findings.filter(({ finding }) => finding.startsWith('could not be checked'))
    expect(unchecked.map(({ check }) => check)).toEqual(
      expect.arrayContaining(['oldest-running', 'stuck', 'cleanup', 'growth']),
    )
    const locks = find(findings, 'locks')
    expect(find(findings, 'stuck').finding).toBe(`could not be checked: ${locks.finding}`)
    expect([locks.state, locks.fix]).toEqual([
      'failed',
      `select pg_terminate_backend(${rows[0].pid})`,
    ])
    expect(locks.finding).toMatch(
      new RegExp(
        `^pid ${rows[0].pid} \\(no application_name, idle in transaction\\) holds an exclusive lock on workflow_executions, in a transaction of .*: no other session can read or write$`,
      ),
    )
    expect((await findingOf(store, 'locks', { limits: { exclusiveMs: 3_600_000 } })).state).toBe(
      'warning',
    )

    const slow = await findingOf(store, 'stuck', { limits: { lockMs: 0, statementMs: 200 } })
    expect(slow.finding).toBe('could not be checked: the query took longer than 200ms')
    await holder.query('rollback')
    await holder.end()
    expect((await findingOf(store, 'stuck')).state).toBe('ok')
  })

  it('a connection lost midway is one failed check that names the checks that did not run', async () => {
    const client = await connectClient({
      config: { connectionString: store.url },
      label: '',
      source: '',
    })
    const { rows } = await client.query('select pg_backend_pid() as pid')
    const send = client.query.bind(client) as (config: unknown) => Promise<unknown>
    const cut = async (config: unknown) => {
      if (JSON.stringify(config).includes('pg_indexes_size'))
        await store.sql('select pg_terminate_backend($1::int, 60000)', [rows[0].pid])
      return send(config)
    }
    const findings = await examine(Object.assign(client, { query: cut }), {})
    expect(states(findings)).toEqual([
      ...CHECKS.slice(0, CHECKS.indexOf('unused-indexes') + 1).map((check) => `${check} ok`),
      'connection failed',
    ])
    expect(findings.at(-1)?.finding).toMatch(
      /; not checked: sizes, dead-rows, transaction-ids, oldest-running, stuck, totals, lines, values, cleanup and growth$/,
    )
  })

  it('leaves the database and the session as they were', async () => {
    const client = await store.connect()
    const settings = async () =>
      (await client.query('select name, setting from pg_settings order by 1')).rows
    const before = await settings()
    await examine(client, {})
    expect(await settings()).toEqual(before)
    expect((await client.query('select now() = statement_timestamp() as idle')).rows).toEqual([
      { idle: true },
    ])
    await client.end()
  })
})

describe('the schema', () => {
  it('that does not exist is one failed check, and the checks of the tables are skipped', async () => {
    const empty = await createDatabase('doctor_empty')
    const findings = await findingsOf(empty)
    expect(findings.map(({ check }) => check)).toEqual(WITHOUT_TABLES)
    expect(find(findings, 'schema')).toMatchObject({
      state: 'failed',
      finding: 'this database has no wfstore schema',
      fix: 'wfstore migrate up',
    })
    await migrate(empty)
    expect(states(await findingsOf(empty))).toEqual(ON_ONE_SERVER.map((check) => `${check} ok`))
    await empty.drop()
  })

  it('of the old application is one failed check that adoption fixes', async () => {
    const legacy = await createDatabase('doctor_legacy')
    await loadLegacy(legacy)
    const findings = await findingsOf(legacy)
    expect(findings.map(({ check }) => check)).toEqual(WITHOUT_TABLES)
    expect(find(findings, 'schema')).toMatchObject({
      state: 'failed',
      finding: 'this database has workflow tables that wfstore has not adopted yet',
      fix: 'wfstore migrate up',
    })
    await migrate(legacy)
    expect((await findingOf(legacy, 'schema')).state).toBe('ok')
    await legacy.drop()
  })

  it('that is not in the search path is named, and so is the missing grant', async () => {
    const other = await createDatabase('doctor_other')
    await migrate(other, { schema: 'Other Schema' })
    expect(await findingOf(other, 'schema')).toMatchObject({
      state: 'failed',
      finding:
        'this database has no wfstore schema in the search path, but has one in schema Other Schema',
      fix: `wfstore doctor --schema 'Other Schema'`,
    })
    const closed = await findingOf(other, 'schema', { role })
    expect(closed.finding).toBe(
      `the tables are in schema Other Schema, which role ${role} may not use`,
    )
    await applyFix(other, closed)
    await other.sql(`alter role ${role} in database ${other.name} set search_path = "Other Schema"`)
    const findings = await findingsOf(other, { role, schema: 'Other Schema' })
    expect(states(findings)).toEqual(ON_ONE_SERVER.map((check) => `${check} ok`))
    const client = await other.connect()
    await client.query('set search_path to "Other Schema"')
    const { command } = await readSubject(client, { schema: 'Other Schema' })
    expect(command('migrate up')).toBe(`wfstore migrate up --schema 'Other Schema'`)
    await client.end()
    await other.drop()
  })

  const broken: [what: string, sql: string, finding: string, fix: string][] = [
    [
      'behind',
      `delete from wfstore_migrations where name = '002_indexes'`,
      'pending migrations in schema public: 002_indexes',
      'wfstore migrate up',
    ],
    [
      'ahead',
      `insert into wfstore_migrations (name) values ('999_future')`,
      'schema public is newer than this version of wfstore: it has 999_future',
      'npm install --global wfstore@latest',
    ],
    [
      'changed',
      `update wfstore_migrations set checksum = 'other' where name = '001_tables'`,
      'migrations changed after they were applied to schema public: 001_tables',
      'wfstore migrate verify',
    ],
    [
      'different from its migrations',
      `drop trigger update_workflow_steps_updated_at on workflow_steps; alter table audit_logs alter success drop not null;
       alter table audit_logs add note text`,
      'schema public differs from its migrations: column audit_logs.success differs; trigger workflow_steps.update_workflow_steps_updated_at is missing',
      'wfstore migrate verify',
    ],
  ]
  it.each(broken)('that is %s fails; the other checks still run', async (_, sql, text, fix) => {
    const odd = await createMigrated('doctor_odd')
    await odd.sql(sql)
    const findings = await findingsOf(odd)
    expect(findings.map(({ check }) => check)).toEqual(CHECKS)
    expect(find(findings, 'schema')).toMatchObject({ state: 'failed', finding: text, fix })
    await odd.drop()
  })
})
