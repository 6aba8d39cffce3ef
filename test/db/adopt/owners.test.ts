import { afterAll, expect, it } from 'vitest'
import { MIGRATIONS } from '../../../src/db/schema.ts'
import { TABLES as DESCRIBED } from '../../../src/tables/tables.ts'
import { createDatabase, loadLegacy, type TestDatabase } from '../../support/database.ts'
import { migrate, migrateOn, schemaOf, withClient } from '../../support/migrate.ts'
import { freshSchema } from '../../support/migrated.ts'

const TABLES = Object.values(DESCRIBED).map(({ name }) => name)
const databases: TestDatabase[] = []

afterAll(async () => {
  for (const database of databases) await database.drop()
})

/** The tables of the old application without rows. */
async function makeLegacy(label: string): Promise<TestDatabase> {
  const database = await createDatabase(label)
  databases.push(database)
  await loadLegacy(database, { data: false })
  return database
}

it('a deploy role that is a member of the owner and may create in the schema is enough', async () => {
  const database = await makeLegacy('deploy')
  const owner = `${database.name}_owner`
  const role = `${database.name}_role`
  const tables = TABLES.map((table) => `alter table ${table} owner to ${owner};`)
  await database.sql(`
    create role ${owner}; create role ${role}; grant ${owner} to ${role};
    grant create, usage on schema public to ${role}; ${tables.join('')}
    alter view daily_cost_summary owner to ${owner}; alter view user_workflow_summary owner to ${owner};
    alter function update_updated_at_column() owner to ${owner}; drop table migrations_log`)
  await withClient(database, async (client) => {
    await client.query(`set role ${role}`)
    expect((await migrateOn(client)).applied).toEqual([...MIGRATIONS])
  })
  expect(await schemaOf(database)).toBe(await freshSchema())
  await database.sql(`drop owned by ${owner}, ${role} cascade; drop role ${owner}, ${role}`)
})

it('privileges, owners and comments of the old objects stay', async () => {
  const database = await makeLegacy('privileges')
  const role = `${database.name}_app`
  const reader = `${database.name}_reader`
  await database.sql(`
    create role ${role}; create role ${reader}; grant all on schema public to ${role};
    alter table workflow_executions owner to ${role}; alter table workflow_steps owner to ${role};
    alter table audit_logs owner to ${role}; alter table billing_records owner to ${role};
    alter table observability_metrics owner to ${role}; alter view daily_cost_summary owner to ${role};
    alter view user_workflow_summary owner to ${role};
    grant select, insert on workflow_executions to ${reader}; grant select (user_id, cost) on billing_records to ${reader};
    grant select on user_workflow_summary to ${reader} with grant option; grant select (date) on daily_cost_summary to ${reader};
    comment on table audit_logs is 'who did what'; comment on column audit_logs.user_id is 'whoever';
    comment on view daily_cost_summary is 'it''s a view'`)
  const facts = `select relname, pg_get_userbyid(relowner) as owner, obj_description(c.oid) as comment,
      (select string_agg(x.grantee::regrole || ' ' || x.privilege_type || ' ' || x.is_grantable, ',' order by 1)
       from aclexplode(relacl) as x where x.grantee <> relowner) as acl,
      (select string_agg(attname || attacl::text, ',' order by attname) from pg_attribute where attrelid = c.oid and attnum > 0) as acls,
      (select string_agg(d.description, ',') from pg_description d where d.objoid = c.oid and d.objsubid > 0) as comments
    from pg_class c where relnamespace = 'public'::regnamespace and relkind in ('r', 'v') and relname = any($1) order by 1`
  const names = [...TABLES, 'user_workflow_summary', 'daily_cost_summary']
  const before = await database.sql(facts, [names])
  await migrate(database)
  expect(await database.sql(facts, [names])).toEqual(before)

  // What is new belongs to whom the old tables belong, not to the administrator who migrated.
  const others = await database.sql(
    `select relname from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'v', 'S')
       and relowner <> '${role}'::regrole
     union all select proname from pg_proc where pronamespace = 'public'::regnamespace and proowner <> '${role}'::regrole`,
  )
  expect(others).toEqual([{ relname: 'migrations_log' }, { relname: 'update_updated_at_column' }])
  await database.sql(`drop owned by ${role}, ${reader} cascade; drop role ${role}, ${reader}`)
})
