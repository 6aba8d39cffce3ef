import type pg from 'pg'
import { TABLES } from '../adopt/legacy.ts'
import type { Queryable } from '../query/connection.ts'
import * as d from '../query/decode.ts'
import { query } from '../query/query.ts'
import { raw, type Sql, sql } from '../query/sql.ts'
import { run } from '../query/transaction.ts'
import { MIGRATIONS } from '../schema.ts'
import { type Creation, creationsOf, readMigration } from './files.ts'
import { HISTORY_TABLE } from './history.ts'
import type { Notice } from './lock.ts'

/**
 * `alter default privileges … grant all on tables to anon` gives other roles every table that a schema gets, ours too.
 * Such a role could close a month. So every migration revokes these privileges on what it creates. Grants of the operator
 * stay, except those that equal a default privilege: nothing tells one from the other.
 */

interface Names {
  relations: readonly string[]
  /** Of these only functions that run as their owner matter: PUBLIC may execute a new function. */
  functions: readonly string[]
}

const list = (names: readonly string[]) => raw(`array['${names.join("', '")}']::text[]`)

/** A FROM clause: the privileges on these objects that other roles have by default, in a schema given as an oid. */
const foreign = ({ relations, functions }: Names, schema: Sql): Sql => sql`(
  with ours as (
    select 'table' as kind, c.relname as name, c.relowner as owner, c.relacl as acl, 'r'::"char" as type
    from pg_class c
    where c.relnamespace = ${schema} and c.relkind in ('r', 'p', 'v') and c.relname = any(${list(relations)})
    union all
    select 'sequence', s.relname, s.relowner, s.relacl, 'S'
    from pg_class c join pg_depend d on d.refobjid = c.oid and d.refclassid = 'pg_class'::regclass and d.deptype in ('a', 'i')
    join pg_class s on s.oid = d.objid and d.classid = 'pg_class'::regclass and s.relkind = 'S'
    where c.relnamespace = ${schema} and c.relname = any(${list(relations)})
    union all
    select 'sequence', c.relname, c.relowner, c.relacl, 'S'
    from pg_class c where c.relnamespace = ${schema} and c.relkind = 'S' and c.relname = any(${list(relations)})
    union all
    select 'function', p.proname, p.proowner, coalesce(p.proacl, acldefault('f', p.proowner)), 'f'
    from pg_proc p
    where p.pronamespace = ${schema} and p.prosecdef and p.pronargs = 0 and p.proname = any(${list(functions)})
  )
  select o.kind, o.name, case g.grantee when 0 then 'public' else quote_ident(pg_get_userbyid(g.grantee)) end as grantee,
    string_agg(lower(g.privilege_type), ', ' order by g.privilege_type) as privileges,
    bool_or(g.privilege_type <> 'SELECT') as writes,
    bool_and(pg_has_role(o.owner, 'usage')) as revocable,
    format('revoke all on %s %I%s from %s cascade', o.kind, o.name, case o.kind when 'function' then '()' else '' end,
      case g.grantee when 0 then 'public' else quote_ident(pg_get_userbyid(g.grantee)) end) as statement
  from ours o, aclexplode(o.acl) as g
  where g.grantee <> o.owner and (g.grantee = 0 or o.kind = 'function' or exists (
    select from pg_default_acl a, aclexplode(a.defaclacl) as x
    where a.defaclobjtype = o.type and a.defaclnamespace in (0, ${schema}) and x.grantee = g.grantee
      and x.privilege_type = g.privilege_type))
  group by o.kind, o.name, o.owner, g.grantee)`

const grantShape = {
  kind: d.text(),
  /** Without its schema. */
  name: d.text(),
  /** Quoted for SQL. */
  grantee: d.text(),
  privileges: d.text(),
  writes: d.boolean(),
  /** True if this role may revoke it. */
  revocable: d.boolean(),
  /** For a session with the schema in the search path. */
  statement: d.text(),
}
export interface ForeignGrant extends Omit<d.RowOf<typeof grantShape>, 'statement'> {
  statements: string[]
}

/** The privileges that other roles have by default on the tables that only wfstore has. */
export async function foreignGrants(db: Queryable, schema: string): Promise<ForeignGrant[]> {
  return grantsOn(db, schema, await ownNames())
}

/** The same on the tables and views that the old application has too, which may need them. */
export const sharedGrants = (db: Queryable, schema: string): Promise<ForeignGrant[]> =>
  grantsOn(db, schema, { relations: TABLES, functions: [] })

async function grantsOn(db: Queryable, schema: string, names: Names): Promise<ForeignGrant[]> {
  const oid = sql`(select oid from pg_namespace where nspname = ${schema})`
  const rows = await query(
    db,
    sql`select * from ${foreign(names, oid)} as f order by kind desc, name, grantee`,
    grantShape,
  )
  return rows.map(({ statement, ...grant }) => ({ ...grant, statements: [statement] }))
}

async function ownNames(): Promise<Names> {
  const files = await Promise.all(MIGRATIONS.map(readMigration))
  const made = files.flatMap(({ up }) => creationsOf(up))
  return namesOf(
    made.filter(
      ({ kind, name }) => kind !== 'view' && !(TABLES as readonly string[]).includes(name),
    ),
  )
}

const namesOf = (made: readonly Pick<Creation, 'kind' | 'name'>[]): Names => ({
  relations: [
    ...made
      .filter(({ kind }) => ['table', 'view', 'sequence'].includes(kind))
      .map(({ name }) => name),
    HISTORY_TABLE,
  ],
  functions: made.filter(({ kind }) => kind === 'function').map(({ name }) => name),
})

/** The last statement of a migration: it revokes what default privileges gave to other roles on the new objects. */
export function revocation(made: readonly Pick<Creation, 'kind' | 'name'>[]): string[] {
  if (!made.some(({ kind }) => kind === 'table')) return []
  const schema = sql`(select oid from pg_namespace where nspname = current_schema())`
  const { text } = foreign(namesOf(made), schema)
  return [
    `do $$
declare
  one text;
begin
  for one in select statement from ${text} as f where revocable loop
    execute one;
  end loop;
end $$`,
  ]
}

/** 'insert, select on wfstore_periods from anon' */
export const describeGrant = ({ name, grantee, privileges }: ForeignGrant): string =>
  `${privileges} on ${name} from ${grantee}`

/** Revokes the privileges that the tables of an earlier version have, and names them. */
export async function revokeForeign(
  client: pg.Client,
  grants: readonly ForeignGrant[],
  notice: Notice,
): Promise<void> {
  for (const { name, grantee, privileges, statements } of grants) {
    for (const statement of statements) await run(client, statement)
    notice(`revoked from ${grantee} on ${name}: ${privileges}`)
  }
}

/** Names the roles that get privileges on every table that this role creates in the schema, except on ours. */
export async function noteDefaults(
  client: pg.Client,
  schema: string,
  notice: Notice,
): Promise<void> {
  const rows = await query(
    client,
    sql`select distinct case x.grantee when 0 then 'public' else quote_ident(pg_get_userbyid(x.grantee)) end as name
     from pg_default_acl a, aclexplode(a.defaclacl) as x
     where a.defaclrole = quote_ident(current_user)::regrole and a.defaclobjtype = 'r' and x.grantee <> a.defaclrole
       and a.defaclnamespace in (0, (select oid from pg_namespace where nspname = ${schema})) order by 1`,
    { name: d.text() },
  )
  if (rows.length === 0) return
  notice(
    `default privileges give ${rows.map(({ name }) => name).join(', ')} no access to the new tables; grant it with \`wfstore migrate roles\``,
  )
}
