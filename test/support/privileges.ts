import type { TestDatabase } from './database.ts'

/**
 * The privileges of the roles of this prefix, read from the server: 'writer: update (updated_at) on t'. A column is only
 * listed if the privilege is not on the whole table.
 */
export async function privileges(
  database: TestDatabase,
  prefix: string,
  schema = 'public',
): Promise<string[]> {
  const rows = await database.sql(
    `with duties as (select duty, to_regrole($1 || '_' || duty)::oid as role from unnest($2::text[]) as duty),
     relations as (select oid, relname, relkind from pg_class c
       where not exists (select from pg_depend where objid = c.oid and deptype = 'e') and relnamespace = (select oid from pg_namespace where nspname = $3) and relkind in ('r', 'p', 'v', 'm', 'f', 'S')),
     wanted as (select unnest(array['select', 'insert', 'update', 'delete', 'truncate', 'references', 'trigger']
       || case when current_setting('server_version_num')::int >= 170000 then array['maintain'] else '{}' end) as privilege)
     select format('%s: %s on %s', duty, privilege, relname) as line from duties, relations, wanted
     where relkind <> 'S' and has_table_privilege(role, relations.oid, privilege)
     union all
     select format('%s: %s (%s) on %s', duty, privilege, attname, relname) from duties, relations, wanted, pg_attribute
     where relkind <> 'S' and attrelid = relations.oid and attnum > 0 and not attisdropped
       and case when privilege in ('select', 'insert', 'update', 'references')
         then has_column_privilege(role, relations.oid, attnum, privilege)
           and not has_table_privilege(role, relations.oid, privilege) end
     union all
     select format('%s: %s on %s', duty, privilege, relname) from duties, relations, unnest(array['usage', 'select', 'update']) as privilege
     where case when relkind = 'S' then has_sequence_privilege(role, relations.oid, privilege) end`,
    [prefix, ['writer', 'reader', 'cleaner'], schema],
  )
  return rows.map(({ line }) => line as string).sort()
}

/** Drops every role with this prefix, with its privileges in this database. */
export async function dropRoles(database: TestDatabase, prefix: string): Promise<void> {
  const text = 'select rolname as name from pg_roles where starts_with(rolname, $1)'
  const names = (await database.sql(text, [prefix])).map(({ name }) => name).join(', ')
  // An extension in a schema of such a role, such as Citus, would be dropped with it.
  await database.sql('alter schema public owner to current_user')
  await database.sql(`drop owned by ${names} cascade`)
  await database.sql(`drop role ${names}`)
}
