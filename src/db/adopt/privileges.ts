import type pg from 'pg'
import type { Creation } from '../migrate/files.ts'
import * as d from '../query/decode.ts'
import { query } from '../query/query.ts'
import { raw, type Sql, sql } from '../query/sql.ts'
import { OLD_VIEWS } from './legacy.ts'

const statementShape = { statement: d.text() }

/** True if this role may give an object in the schema (a name or an oid) to that role. Otherwise it stays the owner. */
export const mayGiveTo = (role: string, schema: Sql) => sql`(
  (select rolsuper from pg_roles where rolname = current_user)
  or pg_has_role(${raw(role)}, 'MEMBER') and has_schema_privilege(${raw(role)}, ${schema}, 'CREATE'))`

/** The statements that give recreated views the owner, the privileges, the options and the comments of the old ones. */
export async function viewLeftovers(
  client: pg.Client,
  schema: string,
  views: readonly string[] = Object.keys(OLD_VIEWS),
): Promise<string[]> {
  const found = await query(
    client,
    sql`select c.oid::text as oid from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where n.nspname = ${schema} and c.relname = any(${views}::text[]) order by c.relname`,
    { oid: d.text() },
  )
  return leftovers(
    client,
    found.map(({ oid }) => oid),
    true,
  )
}

/** A line about the old views that other roles read. */
export async function viewRightsNotes(client: pg.Client, schema: string): Promise<string[]> {
  const statements = await viewLeftovers(client, schema)
  const names = statements.flatMap(
    (statement) => /^alter view (\S+) set \(security_invoker = false\)$/.exec(statement)?.[1] ?? [],
  )
  if (names.length === 0) return []
  return [
    `other roles read ${names.join(' and ')} with the rights of the owner and see the rows of all users, as before`,
  ]
}

/** The tables that our views read. */
const READ = ['workflow_executions', 'usage_history', 'billing_records']

/**
 * A condition: another role reads the view but could not read all rows of the tables. In the old application the view had the
 * rights of its owner, so it keeps them.
 */
const readByOthers = sql`exists (
  select from (
    select acl from granted where granted.name = old.name
  ) as g cross join lateral aclexplode(g.acl) as x left join pg_roles r on r.oid = x.grantee
  where x.grantee <> old.relowner and x.privilege_type = 'SELECT' and (r.oid is null or ${READ.length}::int > (
    select count(*) from pg_class t
    where t.relnamespace = old.relnamespace and t.relname = any(${READ}::text[]) and has_table_privilege(r.oid, t.oid, 'SELECT')
      and (not t.relrowsecurity or r.rolsuper or r.rolbypassrls))))`

/**
 * As `viewLeftovers`, for views of any schema by their oids. Columns keep their defaults and comments.
 * @param ours views that we create with security_invoker
 */
export async function leftovers(
  client: pg.Client,
  views: readonly string[],
  ours = false,
): Promise<string[]> {
  const found = await query(
    client,
    sql`with old as (
       select c.oid, c.oid::regclass as name, c.relowner, c.relacl, c.reloptions, c.relnamespace from pg_class c where c.oid = any(${views}::oid[])
     ), part as (
       select old.*, a.attname, a.attnum, a.attacl from old join pg_attribute a on a.attrelid = old.oid and a.attnum > 0
     ), granted as (
       select name, relowner, null::name as attname, relacl as acl from old
       union all
       select name, relowner, attname, attacl from part
     )
     select format('alter view %s owner to %I', name, pg_get_userbyid(relowner)) as statement, 1 as place
     from old where relowner <> quote_ident(current_user)::regrole and ${mayGiveTo('relowner', raw('relnamespace'))}
     union all
     select format('revoke all on %s from %s', name, coalesce(quote_ident(r.rolname), 'public')), 2
     from old, pg_default_acl a cross join lateral aclexplode(a.defaclacl) as x left join pg_roles r on r.oid = x.grantee
     where a.defaclrole = quote_ident(current_user)::regrole and a.defaclobjtype = 'r' and a.defaclnamespace in (0, old.relnamespace)
       and x.grantee not in (a.defaclrole, old.relowner)
     union
     select format('revoke %s on %s from %I', x.privilege_type, name, pg_get_userbyid(relowner)), 2
     from old cross join lateral aclexplode(acldefault('r', relowner)) as x
     where relacl is not null and not exists (select from aclexplode(relacl) as y
       where y.grantee = relowner and y.privilege_type = x.privilege_type)
     union
     select format('alter view %s set (%s)', name, array_to_string(reloptions, ', ')), 3 from old where reloptions is not null
     union all
     select format('alter view %s set (security_invoker = false)', name), 3
     from old where ${ours} and not coalesce(array_to_string(reloptions, ',') like '%security_invoker%', false) and ${readByOthers}
     union all
     select format('grant %s%s on %s to %s%s', g.privilege_type, coalesce(' (' || quote_ident(granted.attname) || ')', ''), name,
              case g.grantee when 0 then 'public' else quote_ident(pg_get_userbyid(g.grantee)) end,
              case when g.is_grantable then ' with grant option' else '' end), 4
     from granted cross join lateral aclexplode(granted.acl) as g where g.grantee <> granted.relowner
     union all
     select format('comment on view %s is %L', name, obj_description(oid, 'pg_class')), 5
     from old where obj_description(oid, 'pg_class') is not null
     union all
     select format('comment on column %s.%I is %L', name, attname, col_description(oid, attnum)), 5
     from part where col_description(oid, attnum) is not null
     union all
     select format('alter view %s alter column %I set default %s', name, attname, pg_get_expr(f.adbin, f.adrelid)), 6
     from part join pg_attrdef f on f.adrelid = part.oid and f.adnum = attnum
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
       and ${mayGiveTo('c.relowner', sql`${schema}::text`)}`,
    statementShape,
  )
  return found.map(({ statement }) => statement)
}
