import { type Sql, sql } from '../query/sql.ts'
import { planConstraints, retypedColumns } from './differences.ts'
import { OLD_VIEWS, TABLES } from './legacy.ts'
import type { Survey } from './survey.ts'

/**
 * The common table expressions of the queries for what depends on a change; they come after `with recursive`:
 * `changed` has the columns with a new type and the constraints that are dropped, `stale` the views that must be dropped
 * for it, with their depth: a view of depth 2 reads one of depth 1.
 */
export function changes(survey: Survey): Sql {
  const retyped = retypedColumns(survey)
  const dropped = survey.tables.flatMap((table) =>
    planConstraints(survey, table).drop.map(({ name }) => name),
  )
  return sql`ours as (
    select c.oid, c.relname, c.relkind from pg_class c where c.relnamespace = (select oid from pg_namespace where nspname = ${survey.schema})
  ), changed (class, id, sub) as (
    select 'pg_class'::regclass, a.attrelid, a.attnum::int
    from unnest(${retyped.map(({ table }) => table)}::text[], ${retyped.map(({ to }) => to.name)}::text[]) as retyped (tab, col)
    join ours on ours.relname = retyped.tab
    join pg_attribute a on a.attrelid = ours.oid and a.attname = retyped.col
    union all
    select 'pg_constraint'::regclass, k.oid, 0 from pg_constraint k join ours on ours.oid = k.conrelid
    where ours.relname = any(${TABLES}::text[]) and k.conname = any(${dropped}::text[])
  ), reading (oid, depth) as (
    select oid, 1 from ours where relkind = 'v' and relname = any(${Object.keys(OLD_VIEWS)}::text[])
    union
    select v.oid, 1 from changed
    join pg_depend d on d.classid = 'pg_rewrite'::regclass and d.refclassid = changed.class and d.refobjid = changed.id and d.refobjsubid = changed.sub
    join pg_rewrite r on r.oid = d.objid and r.rulename = '_RETURN'
    join pg_class v on v.oid = r.ev_class and v.relkind = 'v' and v.relpersistence = 'p'
    union
    select v.oid, reading.depth + 1 from reading
    join pg_depend d on d.classid = 'pg_rewrite'::regclass and d.refclassid = 'pg_class'::regclass and d.refobjid = reading.oid
    join pg_rewrite r on r.oid = d.objid and r.rulename = '_RETURN' and r.ev_class <> reading.oid
    join pg_class v on v.oid = r.ev_class and v.relkind = 'v' and v.relpersistence = 'p'
  ), stale as (
    select oid, max(depth) as depth from reading group by oid
  ), blocking (class, id, sub) as (
    select class, id, sub from changed
    union all
    select 'pg_class'::regclass, oid, attnum from stale join lateral (
      select 0 as attnum union all select a.attnum from pg_attribute a where a.attrelid = stale.oid and a.attnum > 0) as part on true
  ), dependent as (
    select distinct on (d.classid, d.objid, d.objsubid) d.classid, d.objid, d.objsubid, d.refclassid, d.refobjid, d.refobjsubid
    from blocking join pg_depend d on d.refclassid = blocking.class and d.refobjid = blocking.id and d.refobjsubid = blocking.sub
    where d.deptype <> 'i'
    order by d.classid, d.objid, d.objsubid, d.refobjsubid
  )`
}
