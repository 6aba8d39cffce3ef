import type pg from 'pg'
import * as d from '../query/decode.ts'
import { query } from '../query/query.ts'
import { quote, sql } from '../query/sql.ts'
import { changes } from './changed.ts'
import { planConstraints, retypedColumns } from './differences.ts'
import { TABLES } from './legacy.ts'
import type { Obstacle } from './obstacles.ts'
import { tryStatements } from './rehearsal.ts'
import type { Survey } from './survey.ts'

const obstacleShape = { what: d.text(), fix: d.nullable(d.text()) }

/** Objects of the application that depend on something adoption changes, so that PostgreSQL refuses the change. */
export async function dependentObstacles(client: pg.Client, survey: Survey): Promise<Obstacle[]> {
  const found = [
    ...(await onColumns(client, survey)),
    ...(await onKeys(client, survey)),
    ...(await onTables(client, survey)),
  ]
  return [
    ...found.map(({ what, fix }) => (fix === null ? { what } : { what, fix })),
    ...(await indexObstacles(client, survey)),
  ]
}

/**
 * What else depends on a column whose type changes, a key that is dropped, or a view that is dropped: generated columns,
 * materialized views, and columns or functions with the row type of such a view.
 */
function onColumns(client: pg.Client, survey: Survey) {
  return query(
    client,
    sql`with recursive ${changes(survey)}, blocked as (
       select * from dependent
       union all
       select d.classid, d.objid, d.objsubid, d.refclassid, d.refobjid, d.refobjsubid
       from stale join pg_class c using (oid) join pg_type t on t.oid = c.reltype
       join pg_depend d on d.refclassid = 'pg_type'::regclass and d.refobjid in (t.oid, t.typarray) and d.deptype <> 'i'
     )
     select case when r.oid is not null then case c.relkind when 'm' then 'materialized view ' else 'view ' end || c.oid::regclass
              when g.attname is not null then format('generated column %I of %s', g.attname, v.adrelid::regclass)
              else pg_describe_object(b.classid, b.objid, b.objsubid) end
            || ' depends on ' || pg_describe_object(b.refclassid, b.refobjid, b.refobjsubid) as what, null as fix
     from blocked b
     left join pg_rewrite r on b.classid = 'pg_rewrite'::regclass and r.oid = b.objid
     left join pg_class c on c.oid = r.ev_class
     left join pg_attrdef v on b.classid = 'pg_attrdef'::regclass and v.oid = b.objid
     left join pg_attribute g on g.attrelid = v.adrelid and g.attnum = v.adnum and g.attgenerated <> ''
     left join pg_proc p on b.classid = 'pg_proc'::regclass and p.oid = b.objid
     where case when b.refclassid = 'pg_type'::regclass then true
       when r.oid is not null then r.rulename = '_RETURN' and r.ev_class not in (select oid from stale)
       when v.oid is not null then not (v.adrelid = b.refobjid and v.adnum = b.refobjsubid)
       when p.oid is not null then p.prosqlbody is null
       else b.classid not in ('pg_class'::regclass, 'pg_constraint'::regclass, 'pg_type'::regclass, 'pg_statistic_ext'::regclass,
         'pg_policy'::regclass, 'pg_trigger'::regclass, 'pg_publication_rel'::regclass) end
     order by 1`,
    obstacleShape,
  )
}

/**
 * Foreign keys of the application, and a replica identity, that use a primary key that adoption replaces; lists of columns in
 * publications that lack a column of the new key, with which the server would refuse updates.
 */
function onKeys(client: pg.Client, survey: Survey) {
  const keys = survey.tables.flatMap((table) =>
    planConstraints(survey, table).drop.filter(({ kind }) => kind === 'p'),
  )
  const gone = survey.tables.flatMap((table) =>
    planConstraints(survey, table).drop.map(({ name }) => `${table}.${name}`),
  )
  return query(
    client,
    sql`with key as (
       select k.conindid, k.conrelid from pg_constraint k
       join pg_class c on c.oid = k.conrelid join pg_namespace n on n.oid = c.relnamespace
       where n.nspname = ${survey.schema} and k.contype = 'p'
         and (c.relname, k.conname) in (select * from unnest(${keys.map(({ tableName }) => tableName)}::text[], ${keys.map(({ name }) => name)}::text[]))
     )
     select format('foreign key %I of %s references the key (%s) of %s, which adoption replaces', f.conname, f.conrelid::regclass,
              (select string_agg(attname, ', ') from pg_attribute where attrelid = f.confrelid and attnum = any(f.confkey)),
              f.confrelid::regclass) as what,
            null as fix
     from key join pg_constraint f on f.contype = 'f' and f.conindid = key.conindid
     join pg_class c on c.oid = f.conrelid join pg_namespace n on n.oid = c.relnamespace
     where not (n.nspname = ${survey.schema} and c.relname || '.' || f.conname = any(${gone}::text[])) and f.conparentid = 0
     union all
     select format('the replica identity of %s is its old primary key, which adoption replaces', key.conrelid::regclass),
            format('alter table %s replica identity default', key.conrelid::regclass)
     from key join pg_index x on x.indexrelid = key.conindid and x.indisreplident
     union all
     select format('the columns of %s in publication %I lack %s, which becomes part of its key', key.conrelid::regclass, b.pubname, a.attname), null
     from key join pg_publication_rel m on m.prrelid = key.conrelid and m.prattrs is not null
     join pg_publication b on b.oid = m.prpubid and (b.pubupdate or b.pubdelete)
     join pg_attribute a on a.attrelid = key.conrelid and a.attname = 'execution_id' and a.attnum <> all(m.prattrs::int2[])
     order by 1`,
    obstacleShape,
  )
}

/** Rules on our tables, which would change what our statements do, and columns of other tables that have the row type of one of ours. */
function onTables(client: pg.Client, survey: Survey) {
  return query(
    client,
    sql`with ours as (
       select c.oid, c.reltype, t.typarray from pg_class c
       join pg_namespace n on n.oid = c.relnamespace join pg_type t on t.oid = c.reltype
       where n.nspname = ${survey.schema} and c.relname = any(${TABLES}::text[])
     )
     select format('rule %I on %s', r.rulename, r.ev_class::regclass) as what,
            format('alter table %s disable rule %I', r.ev_class::regclass, r.rulename) as fix
     from ours join pg_rewrite r on r.ev_class = ours.oid and r.ev_enabled <> 'D'
     union all
     select format('column %I of %s holds rows of %s', a.attname, a.attrelid::regclass, ours.oid::regclass), null
     from ours join pg_attribute a on a.atttypid in (ours.reltype, ours.typarray) and not a.attisdropped
     join pg_class c on c.oid = a.attrelid and c.relkind in ('r', 'm', 'p')
     order by 1`,
    obstacleShape,
  )
}

/**
 * Indexes with an expression or a condition on a column whose type changes. PostgreSQL rebuilds them from their text,
 * which may be invalid for the new type (`timestamp::date` is immutable, `timestamptz::date` is not). Each is tried on
 * an empty table with the new types, which is rolled back.
 */
async function indexObstacles(client: pg.Client, survey: Survey): Promise<Obstacle[]> {
  const retyped = retypedColumns(survey)
  const candidates = await query(
    client,
    sql`select distinct i.relname as name, c.relname as table_name, 
            substring(pg_get_indexdef(i.oid) from '^CREATE (?:UNIQUE )?INDEX .* (USING .*)$') as shape
     from pg_class c
     join pg_namespace n on n.oid = c.relnamespace
     join pg_index x on x.indrelid = c.oid and (x.indexprs is not null or x.indpred is not null)
     join pg_class i on i.oid = x.indexrelid
     join pg_depend d on d.classid = 'pg_class'::regclass and d.objid = i.oid and d.refobjid = c.oid
     join pg_attribute a on a.attrelid = c.oid and a.attnum = d.refobjsubid
     join unnest(${retyped.map(({ table }) => table)}::text[], ${retyped.map(({ to }) => to.name)}::text[]) as retyped (tab, col) on retyped.tab = c.relname and retyped.col = a.attname
     where n.nspname = ${survey.schema}
     order by i.relname`,
    { name: d.text(), tableName: d.text(), shape: d.text() },
  )
  const obstacles: Obstacle[] = []
  for (const { name, tableName, shape } of candidates) {
    const types = retyped.filter(({ table }) => table === tableName)
    const failure = await tryStatements(client, [
      `create temporary table wfstore_rehearsal (like ${quote(survey.schema)}.${tableName})`,
      `alter table pg_temp.wfstore_rehearsal ${types.map(({ to }) => `alter ${to.name} type ${to.type}`).join(', ')}`,
      `create index on pg_temp.wfstore_rehearsal ${shape}`,
    ])
    if (failure === undefined) continue
    obstacles.push({
      what: `index ${name} of ${tableName} cannot be rebuilt for the new types: ${failure}`,
    })
  }
  return obstacles
}
