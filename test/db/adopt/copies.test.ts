import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { verifySchema } from '../../../src/db/verify/verify.ts'
import { objectsOf } from '../../support/adopted-state.ts'
import { loadLegacy, type TestDatabase } from '../../support/database.ts'
import { startProxy } from '../../support/failpoint.ts'
import { migrate, migrateOn, withClient } from '../../support/migrate.ts'
import { startOldWriter } from '../../support/old-writer.ts'
import { createTemplate, type Template } from '../../support/template.ts'

/** Small tables are prepared while the application works, too. */
const online = { onlineBytes: 0 }

describe('while columns are copied', () => {
  let template: Template
  beforeAll(async () => {
    template = await createTemplate('online_live', (database) => loadLegacy(database))
  })
  afterAll(() => template.drop())
  const copy = async () => {
    const database = await template.copy()
    onTestFinished(() => database.drop())
    return database
  }

  it('the old application writes, loses nothing, and each new value is that of the old column', async () => {
    const database = await copy()
    const writer = await startOldWriter(database)
    await writer.more(5)
    const proxy = await startProxy(database.url, {
      before: async ({ text }) => {
        if (/^(update |create unique index|alter table \w+ validate)/.test(text))
          await writer.more(2)
        return undefined
      },
    })
    const client = new pg.Client({ connectionString: proxy.url })
    await client.connect()
    await migrateOn(client, { ...online, lockTimeoutMs: 300 })
    await client.end()
    await proxy.close()
    await writer.more(5)
    await writer.stop()
    const rows = await database.sql(
      `select execution_id::text as id, total_tokens, s.tokens_used from workflow_executions e
       join workflow_steps s using (execution_id) where user_id = 'live'`,
    )
    expect(rows.map(({ id }) => id).sort()).toEqual([...writer.written].sort())
    for (const row of rows) expect(row).toMatchObject({ total_tokens: '100', tokens_used: '100' })
  })

  it('old indexes without a time stay until the new ones are built', async () => {
    const database = await copy()
    await migrate(database, { ...online, target: { to: '001' } })
    const old = `select indexname from pg_indexes where indexname ~ '^idx_audit' order by 1`
    expect(await database.sql(old)).toEqual([])
    const another = await copy()
    const seen: unknown[] = []
    const proxy = await startProxy(another.url, {
      before: async ({ text }) => {
        if (text.startsWith('create index concurrently audit_logs_timestamp_idx'))
          seen.push(...(await another.sql(old)).map(({ indexname }) => indexname))
        return undefined
      },
    })
    const client = new pg.Client({ connectionString: proxy.url })
    await client.connect()
    await migrateOn(client, online)
    await client.end()
    await proxy.close()
    expect(seen).toEqual([
      'idx_audit_logs_action_type',
      'idx_audit_logs_execution',
      'idx_audit_logs_success',
      'idx_audit_logs_user',
    ])
    expect(await another.sql(old)).toEqual([])
  })

  it('a copied column keeps its privileges, comment and statistics target', async () => {
    const database = await copy()
    const role = `reader_${database.name}`
    await database.sql(`create role ${role}`)
    onTestFinished(async () => {
      await database.sql(`drop owned by ${role}; drop role ${role}`)
    })
    await database.sql(
      `grant select (total_tokens), update (total_tokens) on workflow_executions to ${role} with grant option;
       comment on column workflow_executions.total_tokens is 'the sum''s total';
       alter table workflow_executions alter total_tokens set statistics 300, alter total_tokens set (n_distinct = 50)`,
    )
    const column = `select attacl::text as acl, attstattarget, attoptions, col_description(attrelid, attnum) as comment
      from pg_attribute where attrelid = 'workflow_executions'::regclass and attname = 'total_tokens'`
    const before = await database.sql(column)
    await migrate(database, online)
    expect(await database.sql(column)).toEqual(before)
  })

  it('updated_at stays if the role may not turn triggers off', async () => {
    const database = await copy()
    const { client, end } = await connectAsOwner(database)
    const times = `select updated_at::timestamp from workflow_executions order by execution_id`
    await database.sql(
      `alter table workflow_executions disable trigger user; update workflow_executions set updated_at = start_time;
       alter table workflow_executions enable trigger user`,
    )
    const before = await database.sql(times)
    await database.sql(`set timezone = 'UTC'`)
    const { notices } = await migrateOn(client, online)
    expect(notices.join('\n')).not.toContain('is rewritten while')
    expect(await database.sql(times)).toEqual(before)
    await end()
  })

  it('a table with a trigger that this role may not turn off is rewritten under the lock', async () => {
    const database = await copy()
    await makeTrigger(database)
    const { client, end } = await connectAsOwner(database)
    const { notices } = await migrateOn(client, online)
    expect(notices).toContain(
      'workflow_steps is rewritten while the tables are locked: trigger watch would run for each row',
    )
    expect(await database.sql('select * from seen')).toEqual([])
    await end()
  })

  it('a trigger of the application on updates does not run', async () => {
    const database = await copy()
    await makeTrigger(database)
    const result = await migrate(database, online)
    expect(await database.sql('select * from seen')).toEqual([])
    expect(result.notices.join('\n')).not.toContain('is rewritten while the tables are locked')
  })

  it.each([
    [
      'a trigger that always runs',
      makeAlwaysTrigger,
      'workflow_steps is rewritten while the tables are locked: trigger watch would run for each row',
    ],
    [
      'a publication',
      (database: TestDatabase) =>
        database.sql('create publication theirs for table workflow_steps'),
      'workflow_steps is rewritten while the tables are locked: publication theirs sends every change of a row',
    ],
    [
      'a check of the application',
      (database: TestDatabase) =>
        database.sql('alter table workflow_steps add constraint few check (tokens_used < 9999999)'),
      'workflow_steps is rewritten while the tables are locked: constraint few on table workflow_steps uses column tokens_used',
    ],
  ])('a table with %s is rewritten under the lock, the others are not', async (_, change, line) => {
    const database = await copy()
    await change(database)
    const result = await migrate(database, online)
    expect(result.notices).toContain(line)
    expect(result.notices.join('\n')).toContain('columns are copied first')
    const { differences } = await withClient(database, (client) => verifySchema(client, 'public'))
    expect(differences.filter(({ state }) => state !== 'extra')).toEqual([])
  })

  it('an index of the application that the server builds again is named, and stays', async () => {
    const database = await copy()
    await database.sql(
      `create index theirs on audit_logs (created_at); create index few on audit_logs (log_id) where user_id = 'x';
       create index untouched on audit_logs (model_id)`,
    )
    const { notices } = await migrate(database, online)
    expect(notices).toContain(
      'indexes of the application that are built again while the tables are locked: few on audit_logs, theirs on audit_logs',
    )
    const left = await database.sql(
      `select indexrelid::regclass::text as name from pg_index where indisvalid and indexrelid in
       ('theirs'::regclass, 'few'::regclass, 'untouched'::regclass) order by 1`,
    )
    expect(left.map(({ name }) => name)).toEqual(['few', 'theirs', 'untouched'])
  })

  it('what an earlier run has left is removed if the table can no longer be prepared', async () => {
    const database = await copy()
    const before = await objectsOf(database)
    await expect(
      migrate(database, {
        ...online,
        confirm: async () => {
          await database.sql('create publication theirs for table audit_logs')
        },
      }),
    ).rejects.toMatchObject({ code: 'failed' })
    expect(await objectsOf(database)).not.toBe(before)
    expect(await objectsOf(database)).toContain('wfstore_new_tokens_used')
    const { notices } = await migrate(database, online)
    expect(
      notices.find((line) => line.startsWith('objects of the application that are kept')),
    ).toBe(undefined)
    expect(await objectsOf(database)).not.toMatch(/wfstore_(new|cop|required)/)
  })

  it('a change of the old columns while they are copied is refused if it is not finite', async () => {
    const database = await copy()
    const holder = await database.connect()
    await holder.query('begin')
    await holder.query('select from billing_records')
    await migrate(database, {
      ...online,
      lockTimeoutMs: 50,
      notice: (line) => {
        if (!line.startsWith('the tables are in use')) return
        void holder
          .query(`rollback; update audit_logs set cost = 'NaN'`)
          .catch(() => holder.query('rollback'))
      },
    })
    await holder.end()
    expect(await database.sql(`select from audit_logs where cost = 'NaN'`)).toEqual([])
  })
})

/** A session of a role that owns the tables and is no superuser. */
async function connectAsOwner(database: TestDatabase) {
  const role = `owner_${database.name}`
  const objects = await database.sql(
    `select format('alter %s %s owner to ${role}', case relkind when 'v' then 'view' else 'table' end, oid::regclass) as text
     from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'v')`,
  )
  await database.sql(
    `create role ${role}; grant all on schema public to ${role}; ${objects.map(({ text }) => text).join(';')}`,
  )
  const client = await database.connect()
  await client.query(`set session authorization ${role}`)
  const end = async () => {
    await client.end()
    await database.sql(`drop owned by ${role} cascade; drop role ${role}`)
  }
  return { client, end }
}

/** Records every update of a step. */
const makeTrigger = (database: TestDatabase) =>
  database.sql(
    `create table seen (id uuid);
     create function watch() returns trigger language plpgsql as
       $$ begin insert into seen values (new.step_id); return null; end $$;
     create trigger watch after update on workflow_steps for each row execute function watch()`,
  )

async function makeAlwaysTrigger(database: TestDatabase) {
  await makeTrigger(database)
  await database.sql('alter table workflow_steps enable always trigger watch')
}
