import { execFileSync } from 'node:child_process'
import pg from 'pg'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { MIGRATIONS } from '../../../src/db/schema.ts'
import { createDatabase, loadLegacy, type TestDatabase } from '../../support/database.ts'
import {
  everythingOf,
  migrate,
  migrateOn,
  schemaOf,
  untilBlocked,
  withClient,
} from '../../support/migrate.ts'
import { freshSchema } from '../../support/migrated.ts'

let fresh: string
beforeAll(async () => {
  fresh = await freshSchema()
})

const databases: TestDatabase[] = []

async function makeDatabase(label: string): Promise<TestDatabase> {
  const database = await createDatabase(label)
  databases.push(database)
  return database
}

afterAll(async () => {
  for (const database of databases) await database.drop()
})

const history = async (database: TestDatabase) =>
  (await database.sql('select name from wfstore_migrations order by id')).map(({ name }) => name)

describe('on an empty database', () => {
  let database: TestDatabase
  beforeAll(async () => {
    database = await makeDatabase('empty')
  })

  it('up creates the schema and records it', async () => {
    expect(await migrate(database)).toEqual({
      applied: [...MIGRATIONS],
      adopted: null,
      rebuilt: [],
      removed: [],
      revoked: [],
      pending: [],
      notices: [],
    })
    expect(await schemaOf(database)).toBe(fresh)
    expect(await history(database)).toEqual([...MIGRATIONS])
  })

  it('a second up does nothing', async () => {
    const before = await everythingOf(database)
    expect(await migrate(database)).toEqual({
      applied: [],
      adopted: null,
      rebuilt: [],
      removed: [],
      revoked: [],
      pending: [],
      notices: [],
    })
    expect(await everythingOf(database)).toBe(before)
  })

  it('a database that a newer version of wfstore has migrated is not changed', async () => {
    await database.sql("insert into wfstore_migrations (name) values ('003_later')")
    await expect(migrate(database)).rejects.toMatchObject({ code: 'schema_ahead' })
    await database.sql("delete from wfstore_migrations where name = '003_later'")
  })
})

it.each(['empty', 'legacy'])(
  'four calls on one %s database all succeed, and one of them migrates',
  { tags: 'slow' },
  async (kind) => {
    const database = await makeDatabase(`concurrent_${kind}`)
    if (kind === 'legacy') {
      await loadLegacy(database)
      await database.sql('drop table migrations_log')
    }
    const results = await Promise.all([1, 2, 3, 4].map(() => migrate(database)))
    expect(results.map(({ applied }) => applied.length).sort()).toEqual([
      ...[0, 0, 0],
      MIGRATIONS.length,
    ])
    expect(results.filter(({ adopted }) => adopted !== null)).toHaveLength(
      kind === 'legacy' ? 1 : 0,
    )
    expect(await schemaOf(database)).toBe(fresh)
    expect(await history(database)).toEqual([...MIGRATIONS])
  },
)

it('a process that waits names the holder of the lock, and gives up after its time', async () => {
  const database = await makeDatabase('waiting')
  const holder = await database.connect()
  await holder.query("set application_name = 'the other deploy'")
  await holder.query("select pg_advisory_lock(hashtextextended('wfstore migrate public', 0))")
  const [{ pid }] = (await holder.query('select pg_backend_pid() as pid')).rows
  const who = new RegExp(`pid ${pid} \\(the other deploy\\), connected since 20\\d\\d-.*Z`)

  const before = await schemaOf(database)
  await expect(migrate(database, { lockWaitMs: 0 })).rejects.toMatchObject({
    code: 'locked',
    message: expect.stringMatching(who),
    hint: expect.stringContaining(`pg_terminate_backend(${pid})`),
  })
  expect(await schemaOf(database)).toBe(before)

  const notices: string[] = []
  const waiting = migrate(database, {
    notice: (line) => {
      notices.push(line)
      void holder.end()
    },
  })
  expect((await waiting).applied).toHaveLength(MIGRATIONS.length)
  expect(notices).toEqual([expect.stringMatching(who)])
})

it('a given schema is created, and the search path of the connection is restored', async () => {
  const database = await makeDatabase('named')
  await withClient(database, async (client) => {
    const settings = `select current_setting('search_path') || current_setting('statement_timeout')
      || current_setting('lock_timeout') as all`
    await client.query("set search_path to public, pg_catalog; set statement_timeout = '5min'")
    const before = (await client.query(settings)).rows
    await migrateOn(client, { schema: 'Work Flows' })
    expect((await client.query(settings)).rows).toEqual(before)
  })
  expect((await schemaOf(database, 'Work Flows')).replaceAll('"Work Flows".', '')).toBe(fresh)
  expect(await schemaOf(database)).not.toContain('table')
  // Found again by the search path alone.
  await database.sql(`alter database ${database.name} set search_path to "Work Flows", public`)
  expect((await migrate(database)).applied).toEqual([])
  await expect(migrate(database, { schema: `it's` })).rejects.toMatchObject({ code: 'usage' })
})

it('a connection in pipeline mode works', async () => {
  const database = await makeDatabase('pipeline')
  const client = new pg.Client({
    connectionString: database.url,
    pipeline: true,
  } as pg.ClientConfig)
  await client.connect()
  expect((await migrateOn(client)).applied).toHaveLength(MIGRATIONS.length)
  await client.end()
  expect(await schemaOf(database)).toBe(fresh)
})

it('limits of the role do not end a migration', async () => {
  const database = await makeDatabase('limits')
  await database.sql(`alter database ${database.name} set statement_timeout = '5min'`)
  const [limit] = await database.sql(`select current_setting('transaction_timeout', true) as value`)
  if (limit?.value)
    await database.sql(`alter database ${database.name} set transaction_timeout = '5min'`)
  await database.sql(`alter database ${database.name} set default_transaction_read_only = on`)
  await database.sql(`create function hurried() returns event_trigger language plpgsql as $$ begin
    if current_setting('statement_timeout') <> '0' or current_setting('transaction_timeout', true) <> '0' then raise 'a limit holds'; end if;
  end $$; create event trigger hurried on ddl_command_end execute function hurried()`)
  expect((await migrate(database)).applied).toHaveLength(MIGRATIONS.length)
})

describe('names that are taken', () => {
  it.each([
    ['create view usage_history as select 1 as a', 'usage_history already exists (a view)'],
    ['create table daily_cost_summary (a int)', 'daily_cost_summary already exists (a table)'],
    [
      'create table theirs (a int); create index audit_logs_failed_idx on theirs (a)',
      'audit_logs_failed_idx already exists (an index)',
    ],
    [
      'create function wfstore_set_updated_at() returns int language sql as $$ select 1 $$',
      'wfstore_set_updated_at() already exists (a function)',
    ],
    [
      'create table wfstore_migrations (version int)',
      'wfstore_migrations in schema public does not belong to wfstore',
    ],
    [
      'create table audit_logs (id int)',
      'some tables exist (audit_logs), but others are missing: workflow_executions, workflow_steps, ',
    ],
  ])('stop it before the first change: %s', async (setup, message) => {
    const database = await makeDatabase('taken')
    await database.sql(setup)
    const before = await everythingOf(database)
    await expect(migrate(database)).rejects.toMatchObject({
      code: 'schema_differs',
      message: expect.stringContaining(message),
    })
    expect(await everythingOf(database)).toBe(before)
  })
})

describe('indexes of an interrupted run', () => {
  let database: TestDatabase
  /** A database with the tables and indexes, but without the record of the indexes. */
  beforeEach(async () => {
    database = await makeDatabase('indexes')
    await migrate(database, { target: { to: '002_indexes' } })
    await database.sql("delete from wfstore_migrations where name = '002_indexes'")
  })

  it('an interrupted build leaves an invalid index, and the next up rebuilds it', async () => {
    const reader = await database.connect()
    await withClient(database, async (client) => {
      const [{ pid }] = (await client.query('select pg_backend_pid() as pid')).rows
      // An index build waits for sessions that use the table. The first migration has created the tables.
      await database.sql('drop index audit_logs_failed_idx, usage_history_user_idx')
      await reader.query(
        'begin; insert into audit_logs (user_id, action_type, action_details) values ($$u$$, $$a$$, $$d$$)',
      )
      const building = migrateOn(client)
      const ended = expect(building).rejects.toMatchObject({ code: 'unreachable' })
      await untilBlocked(database, pid)
      await database.sql('select pg_terminate_backend($1::int)', [pid])
      await ended
    })
    await reader.query('commit')
    await reader.end()
    expect(await schemaOf(database)).toContain('WHERE (NOT success) (invalid)')
    expect((await migrate(database)).applied).toEqual(MIGRATIONS.slice(1))
    expect(await schemaOf(database)).toBe(fresh)
  })

  it('valid indexes are not rebuilt', async () => {
    await database.sql(
      `update pg_index set indisvalid = false where indexrelid = 'workflow_steps_step_idx'::regclass`,
    )
    const oids = () =>
      database.sql(
        `select indexrelid::regclass::text as name, indexrelid as oid from pg_index
         where indrelid in ('workflow_steps'::regclass, 'audit_logs'::regclass) order by 1`,
      )
    const before = await oids()
    expect((await migrate(database)).applied).toEqual(MIGRATIONS.slice(1))
    expect(await schemaOf(database)).toBe(fresh)
    const after = new Map((await oids()).map(({ name, oid }) => [name, oid]))
    const changed = before.filter(({ name, oid }) => after.get(name) !== oid)
    expect(changed.map(({ name }) => name)).toEqual(['workflow_steps_step_idx'])
  })
})

it('a migration that fails leaves the connection usable, and the next up finishes', async () => {
  const database = await makeDatabase('failing')
  // A name that no check foresees: a type.
  await database.sql('create type audit_history as enum ()')
  await withClient(database, async (client) => {
    await expect(migrateOn(client)).rejects.toMatchObject({
      code: 'failed',
      message: expect.stringContaining('audit_history'),
    })
    const { rows } = await client.query(
      `select from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()`,
    )
    expect(rows).toEqual([])
    await client.query('drop type audit_history')
    expect((await migrateOn(client)).applied).toHaveLength(MIGRATIONS.length)
  })
  expect(await schemaOf(database)).toBe(fresh)
})

it('the built program finds the migrations too', () => {
  const program = new URL('../../../bin/wfstore.js', import.meta.url).pathname
  const script = execFileSync(process.execPath, [program, 'migrate', 'sql'], { encoding: 'utf8' })
  expect(script).toContain('create table workflow_executions')
})
