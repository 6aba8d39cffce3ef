import { WfstoreError } from '../error.ts'
import type { Queryable } from './query/connection.ts'
import * as d from './query/decode.ts'
import { query } from './query/query.ts'
import { type Sql, sql } from './query/sql.ts'

/**
 * PostgreSQL prefers an operator or a function with the exact argument types to its own, and our statements would run it. This
 * query names those of other roles than the owner in the schemas of the search path. Everything in it is qualified, so that
 * it runs none of them.
 * @param named a schema that is not in the search path yet; null for none
 */
const capturesIn = (named: Sql): Sql => sql`(
  with home as (
    select n.oid, n.nspowner as owner, h.relowner as other from pg_catalog.pg_namespace n
    left join pg_catalog.pg_class h on h.relnamespace operator(pg_catalog.=) n.oid and h.relname operator(pg_catalog.=) 'wfstore_migrations'::pg_catalog.name
    where n.nspname operator(pg_catalog.=) coalesce(${named},
      (select s.nspname from pg_catalog.pg_class c join pg_catalog.pg_namespace s on s.oid operator(pg_catalog.=) c.relnamespace
       where c.oid operator(pg_catalog.=) coalesce(pg_catalog.to_regclass('wfstore_migrations'), pg_catalog.to_regclass('workflow_executions'))::pg_catalog.oid),
      pg_catalog.current_schema())),
  trusted as (
    select owner as role from home union all select other from home where other is not null
    union all select datdba from pg_catalog.pg_database where datname operator(pg_catalog.=) pg_catalog.current_database()
    union all select oid from pg_catalog.pg_roles where rolsuper or rolname operator(pg_catalog.=) current_user),
  places as (
    select n.oid from pg_catalog.pg_namespace n where n.oid operator(pg_catalog.=) any (select oid from home)
    or n.nspname operator(pg_catalog.=) any (pg_catalog.current_schemas(false))),
  captures as (
    select 'operator' as kind, o.oid::pg_catalog.regoperator::pg_catalog.text as name, o.oprowner as role
    from pg_catalog.pg_operator o join places on o.oprnamespace operator(pg_catalog.=) places.oid
    where exists (select from pg_catalog.pg_operator c
      where c.oprname operator(pg_catalog.=) o.oprname and c.oprnamespace operator(pg_catalog.=) 'pg_catalog'::pg_catalog.regnamespace::pg_catalog.oid)
    union all
    select 'function', p.oid::pg_catalog.regprocedure::pg_catalog.text, p.proowner
    from pg_catalog.pg_proc p join places on p.pronamespace operator(pg_catalog.=) places.oid
    where exists (select from pg_catalog.pg_proc c
      where c.proname operator(pg_catalog.=) p.proname and c.pronamespace operator(pg_catalog.=) 'pg_catalog'::pg_catalog.regnamespace::pg_catalog.oid))
  select pg_catalog.string_agg(pg_catalog.format('%s %s of %s', kind, name, pg_catalog.pg_get_userbyid(role)), ', ')
  from captures where not role operator(pg_catalog.=) any (select role from trusted))`

/** The text of the query for the schemas of the search path. */
export const CAPTURES = capturesIn(sql`null`).text

const MESSAGE = 'another role has objects in the schema that can change what a report says'

/** True if a command refuses the schema because of such objects. */
export const isCaptured = ({ message }: WfstoreError): boolean => message.startsWith(MESSAGE)

/** @param captured the objects, for people; null if there are none */
export function refuseCaptured(captured: string | null | undefined): void {
  if (captured)
    throw new WfstoreError('schema_differs', `${MESSAGE}: ${captured}`, {
      hint: 'drop them, and revoke the right to create objects: `revoke create on schema public from public`',
    })
}

/**
 * The first statement of a command that does not start with `checkSchema`: until it has run, no statement may use an operator
 * that is not qualified.
 * @param named the schema of the command, if it is not in the search path
 * @throws WfstoreError schema_differs
 */
export async function assertNotCaptured(db: Queryable, named?: string): Promise<void> {
  const [row] = await query(
    db,
    sql`select ${capturesIn(sql`${named ?? null}::pg_catalog.name`)} as captured`,
    { captured: d.nullable(d.text()) },
  )
  refuseCaptured(row?.captured)
}
