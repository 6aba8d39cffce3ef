import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { citusUrl } from '../../../support/citus.ts'
import { runCli } from '../../../support/cli.ts'
import { createDatabase, type TestDatabase } from '../../../support/database.ts'
import { withClient } from '../../../support/migrate.ts'
import { createMigrated } from '../../../support/migrated.ts'
import { dropRoles, privileges } from '../../../support/privileges.ts'

// Roles belong to the whole server, which other test files use at the same time.
const prefix = `cli_${randomBytes(4).toString('hex')}`

let database: TestDatabase
let wanted: string[]

const migrateRoles = (...flags: string[]) => {
  const named = flags.includes('--prefix') ? [] : ['--prefix', prefix]
  return runCli(['migrate', 'roles', ...named, '--database-url', database.url, ...flags])
}

const roleNames = async (of = prefix) =>
  (
    await database.sql('select rolname from pg_roles where starts_with(rolname, $1) order by 1', [
      of,
    ])
  ).map(({ rolname }) => rolname)

beforeAll(async () => {
  database = await createMigrated('cli_roles')
})

afterAll(async () => {
  await dropRoles(database, prefix)
  await database.drop()
})

it('a dry run prints a psql script and changes nothing', async () => {
  const { code, stdout, stderr } = await migrateRoles('--dry-run')
  expect([code, stderr]).toEqual([0, ''])
  expect(stdout).toMatch(/^begin;\n[\s\S]*;\ncommit;\n$/)
  expect(await roleNames()).toEqual([])
})

it('three roles are created, and the next step is printed', async () => {
  expect(await migrateRoles()).toEqual({
    code: 0,
    stdout: `${prefix}_writer, ${prefix}_reader, ${prefix}_cleaner: privileges set on schema public\n`,
    stderr: `grant one of them to each login role, such as: grant ${prefix}_reader to alice\n`,
  })
  expect(await roleNames()).toEqual([`${prefix}_cleaner`, `${prefix}_reader`, `${prefix}_writer`])
  wanted = await privileges(database, prefix)
  expect(wanted).not.toEqual([])
})

it('run again, it does not change them, also while another process runs it', async () => {
  const { stdout } = await migrateRoles('--dry-run')
  await withClient(database, async (client) => {
    await client.query(stdout.replace(/commit;\n$/, ''))
    const second = migrateRoles()
    await untilWaiting()
    await client.query('commit')
    expect(await second).toMatchObject({ code: 0 })
  })
  expect(await privileges(database, prefix)).toEqual(wanted)
})

/** The command in another session waits for a lock. */
async function untilWaiting(): Promise<void> {
  for (;;) {
    const [row] = await database.sql(
      `select count(*)::int as waiting from pg_stat_activity
       where datname = current_database() and application_name = 'wfstore migrate roles'
         and cardinality(pg_blocking_pids(pid)) > 0`,
    )
    if (row?.waiting === 1) return
  }
}

it('run again, it revokes privileges of an older version', async () => {
  await withClient(database, (client) =>
    client.query(`
      grant all on audit_logs, usage_history to ${prefix}_reader;
      grant update (cost) on billing_records to ${prefix}_cleaner;
      revoke select on daily_cost_summary from ${prefix}_writer;
      grant create on schema public to ${prefix}_writer`),
  )
  expect(await privileges(database, prefix)).not.toEqual(wanted)
  expect(await migrateRoles()).toMatchObject({ code: 0 })
  expect(await privileges(database, prefix)).toEqual(wanted)
  const text = `select has_schema_privilege($1, 'public', 'create') as may`
  expect(await database.sql(text, [`${prefix}_writer`])).toEqual([{ may: false }])
})

it('the script of a dry run does the same as the command', async () => {
  const { stdout } = await migrateRoles('--dry-run', '--prefix', `${prefix}_script`)
  await withClient(database, (client) => client.query(stdout))
  expect(await privileges(database, `${prefix}_script`)).toEqual(wanted)
})

it('the JSON has the schema, the roles, the statements, and whether they ran', async () => {
  for (const [flags, applied] of [
    [['--dry-run'], false],
    [[], true],
  ] as const) {
    const { code, stdout, stderr } = await migrateRoles('--json', ...flags)
    expect([code, stderr]).toEqual([0, ''])
    expect(JSON.parse(stdout)).toEqual({
      schema: 'public',
      roles: [`${prefix}_writer`, `${prefix}_reader`, `${prefix}_cleaner`],
      applied,
      statements: expect.arrayContaining([
        expect.stringContaining(`grant usage on schema "public" to "${prefix}_writer"`),
      ]),
    })
  }
})

it('the schema can be given, with any name', async () => {
  // Citus does not quote it in what it sends to the workers.
  const schema = citusUrl ? 'work_flows' : 'Work flows; drop'
  await runCli(['migrate', 'up', '--schema', schema, '--database-url', database.url])
  const { code } = await migrateRoles('--schema', schema, '--prefix', `${prefix}_named`)
  expect(code).toBe(0)
  expect(await privileges(database, `${prefix}_named`, schema)).toEqual(wanted)
  expect(await privileges(database, `${prefix}_named`)).toEqual([])
})

it('an owner with CREATEROLE needs no superuser, and later not even CREATEROLE; otherwise one line lists all missing privileges', async () => {
  const owner = `${prefix}_owner`
  const poor = `${prefix}_poor`
  await database.sql(`create role ${owner} login createrole password 'secret'`)
  await database.sql(`create role ${poor} login password 'secret'`)
  const theirs = await createDatabase('cli_roles_owned')
  await theirs.sql(`alter database ${theirs.name} owner to ${owner}`)
  const through = (role: string, ...words: string[]) => {
    const url = new URL(theirs.url)
    url.username = role
    url.password = 'secret'
    return runCli([...words, '--database-url', url.href])
  }
  expect(await through(owner, 'migrate', 'up')).toMatchObject({ code: 0 })
  await theirs.sql(`grant usage on schema public to ${poor}`)
  await theirs.sql(`grant select on wfstore_migrations to ${poor}`)
  const superuser = new URL(theirs.url).username
  await theirs.sql(`alter table audit_logs owner to ${superuser}`)

  const roles = ['migrate', 'roles', '--prefix', `${prefix}_owned`]
  const tables =
    'audit_history, billing_records, daily_cost_summary, observability_metrics, usage_history, user_workflow_summary, ' +
    'wfstore_bill_lines, wfstore_cleanups, wfstore_migrations, wfstore_model_rules, wfstore_other_writes, wfstore_periods, ' +
    'wfstore_prices, wfstore_requests, wfstore_settings, wfstore_spans, wfstore_tokens, wfstore_traces, workflow_executions, workflow_steps'
  expect(await through(poor, ...roles)).toEqual({
    code: 1,
    stdout: '',
    stderr:
      'error: this role may not create the roles; it lacks CREATEROLE; ownership of schema public (owner: pg_database_owner); ' +
      `ownership of ${tables} (owner: ${owner}); ownership of audit_logs (owner: ${superuser}); ` +
      'run it as a superuser, or give a superuser the SQL: wfstore migrate roles --dry-run\n',
  })
  expect(await roleNames(`${prefix}_owned`)).toEqual([])
  await theirs.sql(`alter table audit_logs owner to ${owner}`)
  expect(await through(owner, ...roles)).toMatchObject({ code: 0 })
  expect(await privileges(theirs, `${prefix}_owned`)).toEqual(wanted)
  await database.sql(`alter role ${owner} nocreaterole`)
  expect(await through(owner, ...roles)).toMatchObject({ code: 0 })
  await theirs.drop()
})

it('on a database without the schema it exits with 4 and creates nothing', async () => {
  const empty = await createDatabase('cli_roles_empty')
  for (const flags of [[], ['--dry-run']]) {
    const words = ['migrate', 'roles', '--prefix', `${prefix}_empty`, ...flags]
    const { code, stdout, stderr } = await runCli([...words, '--database-url', empty.url])
    expect([code, stdout]).toEqual([4, ''])
    expect(stderr).toContain('run `wfstore migrate up`')
  }
  expect(await roleNames(`${prefix}_empty`)).toEqual([])
  await empty.drop()
})

it.each(['pg_own', 'Big', 'a b', 'a"b', '', 'x'.repeat(56)])(
  'the prefix %j, which psql would need quoted or shortened, is refused',
  async (name) => {
    expect(await migrateRoles('--prefix', name)).toMatchObject({ code: 2, stdout: '' })
  },
)
