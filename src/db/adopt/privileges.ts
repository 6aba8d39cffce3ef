import type pg from 'pg'
import type { Creation } from '../migrate/files.ts'
import * as d from '../query/decode.ts'
import { query } from '../query/query.ts'
import { raw, sql } from '../query/sql.ts'
import { OLD_VIEWS } from './legacy.ts'

const statementShape = { statement: d.text() }

/** True if this role may give an object in the schema to that role. Otherwise it stays the owner. */
const mayGiveTo = (role: string, schema: string) => sql`(
  (select rolsuper from pg_roles where rolname = current_user)
  or pg_has_role(${raw(role)}, 'MEMBER') and has_schema_privilege(${raw(role)}, ${schema}::text, 'CREATE'))`

/** The statements that give recreated views the owner, the privileges, the options and the comments of the old ones. */
export async function viewLeftovers(
  client: pg.Client,
  schema: string,
  views: readonly string[] = Object.keys(OLD_VIEWS),
): Promise<string[]> {
  const found = await query(
    client,
    sql`with old as (
       select c.* from pg_class c join pg_namespace n on n.oid = c.relnamespace
       where n.nspname = ${schema} and c.relname = any(${views}::text[])
     ), granted as (
       select relname, relowner, null::name as attname, relacl as acl from old
       union all
       select old.relname, old.relowner, a.attname, a.attacl from old join pg_attribute a on a.attrelid = old.oid
     )
     select format('alter view %I owner to %I', relname, pg_get_userbyid(relowner)) as statement, 1 as place
     from old where relowner <> quote_ident(current_user)::regrole and ${mayGiveTo('relowner', schema)}
     union all
     select format('revoke all on %I from %s', relname, coalesce(quote_ident(r.rolname), 'public')), 2
     from old, pg_default_acl a cross join lateral aclexplode(a.defaclacl) as x left join pg_roles r on r.oid = x.grantee
     where a.defaclrole = quote_ident(current_user)::regrole and a.defaclobjtype = 'r' and a.defaclnamespace in (0, old.relnamespace)
       and x.grantee not in (a.defaclrole, old.relowner)
     union
     select format('alter view %I set (%s)', relname, array_to_string(reloptions, ', ')), 3 from old where reloptions is not null
     union all
     select format('grant %s%s on %I to %s%s', g.privilege_type, coalesce(' (' || quote_ident(granted.attname) || ')', ''), relname,
              case g.grantee when 0 then 'public' else quote_ident(pg_get_userbyid(g.grantee)) end,
              case when g.is_grantable then ' with grant option' else '' end), 4
     from granted cross join lateral aclexplode(granted.acl) as g where g.grantee <> granted.relowner
     union all
     select format('comment on view %I is %L', relname, obj_description(oid, 'pg_class')), 5
     from old where obj_description(oid, 'pg_class') is not null
     order by place, statement`,
    statementShape,
  )
  return found.map(({ statement }) => statement)
}

/**
 * The statements that make the owner of the old tables the owner of the new objects too. The old application must be
 * able to use them if another role, such as a superuser, migrates.
 */
export async function ownerships(
  client: pg.Client,
  schema: string,
  made: readonly Pick<Creation, 'kind' | 'name'>[],
): Promise<string[]> {
  const found = await query(
    client,
    sql`select format('alter %s %I%s owner to %I', made.kind, made.name,
              case made.kind when 'function' then '()' else '' end, pg_get_userbyid(c.relowner)) as statement
     from pg_class c
     join pg_namespace n on n.oid = c.relnamespace,
     unnest(${made.map(({ kind }) => kind)}::text[], ${made.map(({ name }) => name)}::text[]) as made (kind, name)
     where n.nspname = ${schema} and c.relname = 'workflow_executions' and c.relowner <> quote_ident(current_user)::regrole
       and (made.kind <> 'table' or not exists (select from pg_class t
         where t.relnamespace = c.relnamespace and t.relname = made.name))
       and ${mayGiveTo('c.relowner', schema)}`,
    statementShape,
  )
  return found.map(({ statement }) => statement)
}
