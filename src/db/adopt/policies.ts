import type pg from 'pg'
import * as d from '../query/decode.ts'
import { query } from '../query/query.ts'
import { quote, sql } from '../query/sql.ts'
import { tryStatements } from './dependents.ts'
import { retypedColumns } from './differences.ts'
import type { Obstacle } from './obstacles.ts'
import type { Survey } from './survey.ts'

const policyShape = {
  name: d.text(),
  /** Quoted, with its schema if that is another one. */
  table: d.text(),
  /** The name of the table without quotes, if it is in our schema. */
  local: d.nullable(d.text()),
  ownedByUs: d.boolean(),
  drop: d.text(),
  create: d.text(),
  /** The statement that sets its comment. */
  comment: d.nullable(d.text()),
}
export type Policy = d.RowOf<typeof policyShape>

/**
 * The policies that read a column whose type changes, on any table. PostgreSQL refuses the change while they exist. Their
 * text comes from the catalog, so that they are the same for the new type.
 */
export function readPolicies(client: pg.Client, survey: Survey): Promise<Policy[]> {
  const retyped = retypedColumns(survey)
  return query(
    client,
    sql`with reading as (
       select distinct d.objid as oid
       from unnest(${retyped.map(({ table }) => table)}::text[], ${retyped.map(({ to }) => to.name)}::text[]) as retyped (tab, col)
       join pg_class c on c.relname = retyped.tab
         and c.relnamespace = (select oid from pg_namespace where nspname = ${survey.schema})
       join pg_attribute a on a.attrelid = c.oid and a.attname = retyped.col
       join pg_depend d on d.classid = 'pg_policy'::regclass and d.refclassid = 'pg_class'::regclass
         and d.refobjid = c.oid and d.refobjsubid = a.attnum
     )
     select l.polname as name, l.polrelid::regclass::text as table, pg_has_role(c.relowner, 'USAGE') as owned_by_us,
            case when n.nspname = ${survey.schema} then c.relname end as local,
            format('drop policy %I on %s', l.polname, l.polrelid::regclass) as drop,
            format('create policy %I on %s as %s for %s to %s', l.polname, l.polrelid::regclass,
              case when l.polpermissive then 'permissive' else 'restrictive' end,
              case l.polcmd when 'r' then 'select' when 'a' then 'insert' when 'w' then 'update' when 'd' then 'delete' else 'all' end,
              (select string_agg(case role when 0 then 'public' else quote_ident(pg_get_userbyid(role)) end, ', ' order by place)
               from unnest(l.polroles) with ordinality as roles (role, place)))
              || coalesce(' using (' || pg_get_expr(l.polqual, l.polrelid) || ')', '')
              || coalesce(' with check (' || pg_get_expr(l.polwithcheck, l.polrelid) || ')', '') as create,
            'comment on policy ' || quote_ident(l.polname) || ' on ' || l.polrelid::regclass || ' is '
              || quote_literal(obj_description(l.oid, 'pg_policy')) as comment
     from reading join pg_policy l using (oid)
     join pg_class c on c.oid = l.polrelid join pg_namespace n on n.oid = c.relnamespace
     order by l.polrelid::regclass::text, l.polname`,
    policyShape,
  )
}

export const recreations = (policies: readonly Policy[]): string[] =>
  policies.flatMap(({ create, comment }) => [create, ...(comment === null ? [] : [comment])])

/**
 * Policies that cannot be created again for the new types, such as one that calls a function with an integer argument.
 * Each is tried on empty copies of the tables, which are rolled back.
 */
export async function policyObstacles(client: pg.Client, survey: Survey): Promise<Obstacle[]> {
  const policies = await readPolicies(client, survey)
  const foreign = policies
    .filter(({ ownedByUs }) => !ownedByUs)
    .map(({ name, table, drop }) => ({
      what: `policy ${name} on ${table}, which belongs to another role, reads a column whose type changes`,
      fix: `${drop} (and create it again afterwards)`,
    }))
  const local = policies.filter((policy) => policy.ownedByUs && policy.local !== null)
  if (local.length === 0) return foreign
  const copies = copiesOf(survey, local)
  // Other obstacles name a type that cannot be converted.
  if ((await tryStatements(client, copies)) !== undefined) return foreign
  if ((await tryStatements(client, [...copies, ...recreations(local)])) === undefined)
    return foreign
  const obstacles: Obstacle[] = []
  for (const policy of local) {
    const failure = await tryStatements(client, [...copies, policy.create])
    if (failure === undefined) continue
    obstacles.push({
      what: `policy ${policy.name} on ${policy.table} cannot be created again for the new types: ${failure}`,
      fix: `${policy.drop} (and create it again afterwards)`,
    })
  }
  return [...foreign, ...obstacles]
}

/** Temporary tables come before those of the search path, so that the text of a policy finds them. */
function copiesOf(survey: Survey, policies: readonly Policy[]): string[] {
  const tables = new Set([...survey.tables, ...policies.flatMap(({ local }) => local ?? [])])
  const retyped = retypedColumns(survey)
  return [...tables].flatMap((name) => {
    const types = retyped.filter(({ table }) => table === name)
    const copy = `create temporary table ${quote(name)} (like ${quote(survey.schema)}.${quote(name)})`
    return types.length === 0
      ? [copy]
      : [
          copy,
          `alter table pg_temp.${quote(name)} ${types.map(({ to }) => `alter ${to.name} type ${to.type}`).join(', ')}`,
        ]
  })
}
