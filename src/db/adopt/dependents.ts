import type pg from 'pg'
import * as d from '../query/decode.ts'
import { query } from '../query/query.ts'
import { quote, raw, sql } from '../query/sql.ts'
import { run } from '../query/transaction.ts'
import { planConstraints, retypedColumns } from './differences.ts'
import { OLD_VIEWS, TABLES } from './legacy.ts'
import type { Obstacle } from './obstacles.ts'
import type { Survey } from './survey.ts'

const obstacleShape = { what: d.text(), fix: d.nullable(d.text()) }

const AGAIN = '(and create it again afterwards)'

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
 * Objects that depend on a column whose type changes, a key that is dropped, or one of the two old views. Policies are
 * dropped and created again.
 */
function onColumns(client: pg.Client, survey: Survey) {
  const retyped = retypedColumns(survey)
  const dropped = survey.tables.flatMap((table) =>
    planConstraints(survey, table).drop.map(({ name }) => name),
  )
  return query(
    client,
    sql`with ours as (
       select c.oid, c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname = ${survey.schema}
     ), altered (class, id, sub) as (
       select 'pg_class'::regclass, a.attrelid, a.attnum
       from unnest(${retyped.map(({ table }) => table)}::text[], ${retyped.map(({ to }) => to.name)}::text[]) as retyped (tab, col)
       join ours on ours.relname = retyped.tab
       join pg_attribute a on a.attrelid = ours.oid and a.attname = retyped.col
       union all
       select 'pg_constraint'::regclass, k.oid, 0 from pg_constraint k join ours on ours.oid = k.conrelid
       where ours.relname = any(${TABLES}::text[]) and k.conname = any(${dropped}::text[])
       union all
       select 'pg_class'::regclass, a.attrelid, a.attnum from pg_attribute a join ours on ours.oid = a.attrelid
       where ours.relname = any(${Object.keys(OLD_VIEWS)}::text[]) and a.attnum >= 0
       union all
       select 'pg_class'::regclass, ours.oid, 0 from ours where ours.relname = any(${Object.keys(OLD_VIEWS)}::text[])
     ), dependent as (
       select distinct on (d.classid, d.objid, coalesce(r.ev_class, 0)) d.classid, d.objid, d.objsubid, altered.sub,
              d.refclassid, d.refobjid, r.rulename, r.ev_class
       from altered
       join pg_depend d on d.refclassid = altered.class and d.refobjid = altered.id and d.refobjsubid = altered.sub
       left join pg_rewrite r on d.classid = 'pg_rewrite'::regclass and r.oid = d.objid
       left join pg_attrdef v on d.classid = 'pg_attrdef'::regclass and v.oid = d.objid
       where d.deptype <> 'i' and d.classid not in ('pg_class'::regclass, 'pg_constraint'::regclass, 'pg_type'::regclass,
               'pg_statistic_ext'::regclass, 'pg_policy'::regclass)
         and not exists (select from ours where ours.oid = r.ev_class and ours.relname = any(${Object.keys(OLD_VIEWS)}::text[]))
         and not (v.oid is not null and v.adrelid = d.refobjid and v.adnum = d.refobjsubid)
       order by d.classid, d.objid, coalesce(r.ev_class, 0), altered.sub
     )
     select case when rulename = '_RETURN' then w.word || ' ' || ev_class::regclass
              when g.attname is not null then format('generated column %I of %s', g.attname, v.adrelid::regclass)
              else pg_describe_object(d.classid, objid, d.objsubid) end
            || ' depends on ' || pg_describe_object(refclassid, refobjid, sub) as what,
            case when rulename = '_RETURN' then format('drop %s %s', w.word, ev_class::regclass)
              when rulename is not null then format('drop rule %I on %s', rulename, ev_class::regclass)
              when g.attname is not null then format('alter table %s drop column %I', v.adrelid::regclass, g.attname)
              when p.oid is not null then format('drop function %s', p.oid::regprocedure)
              when t.oid is not null then format('drop trigger %I on %s', t.tgname, t.tgrelid::regclass)
              when m.prrelid is not null then format('alter publication %I drop table %s',
                (select pubname from pg_publication where oid = m.prpubid), m.prrelid::regclass)
            end || ' ${raw(AGAIN)}' as fix
     from dependent d
     left join pg_class c on c.oid = d.ev_class
     left join lateral (select case c.relkind when 'm' then 'materialized view' else 'view' end) as w (word) on true
     left join pg_attrdef v on d.classid = 'pg_attrdef'::regclass and v.oid = d.objid
     left join pg_attribute g on g.attrelid = v.adrelid and g.attnum = v.adnum and g.attgenerated <> ''
     left join pg_proc p on d.classid = 'pg_proc'::regclass and p.oid = d.objid
     left join pg_trigger t on d.classid = 'pg_trigger'::regclass and t.oid = d.objid
     left join pg_publication_rel m on d.classid = 'pg_publication_rel'::regclass and m.oid = d.objid
     order by 1`,
    obstacleShape,
  )
}

/** Foreign keys of the application, and a replica identity, that use a primary key that adoption replaces. */
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
            format('alter table %s drop constraint %I', f.conrelid::regclass, f.conname) as fix
     from key join pg_constraint f on f.contype = 'f' and f.conindid = key.conindid
     join pg_class c on c.oid = f.conrelid join pg_namespace n on n.oid = c.relnamespace
     where not (n.nspname = ${survey.schema} and c.relname || '.' || f.conname = any(${gone}::text[])) and f.conparentid = 0
     union all
     select format('the replica identity of %s is its old primary key, which adoption replaces', key.conrelid::regclass),
            format('alter table %s replica identity default', key.conrelid::regclass)
     from key join pg_index x on x.indexrelid = key.conindid and x.indisreplident
     order by 1`,
    obstacleShape,
  )
}

/** Rules on our tables, and columns of other tables that have the row type of one of ours. */
function onTables(client: pg.Client, survey: Survey) {
  return query(
    client,
    sql`with ours as (
       select c.oid, c.reltype, t.typarray from pg_class c
       join pg_namespace n on n.oid = c.relnamespace join pg_type t on t.oid = c.reltype
       where n.nspname = ${survey.schema} and c.relname = any(${TABLES}::text[])
     )
     select format('rule %I on %s', r.rulename, r.ev_class::regclass) as what,
            format('drop rule %I on %s ${raw(AGAIN)}', r.rulename, r.ev_class::regclass) as fix
     from ours join pg_rewrite r on r.ev_class = ours.oid
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
    sql`select distinct i.relname as name, c.relname as table_name, i.oid::regclass::text as full_name,
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
    { name: d.text(), tableName: d.text(), fullName: d.text(), shape: d.text() },
  )
  const obstacles: Obstacle[] = []
  for (const { name, tableName, fullName, shape } of candidates) {
    const types = retyped.filter(({ table }) => table === tableName)
    const failure = await tryStatements(client, [
      `create temporary table wfstore_rehearsal (like ${quote(survey.schema)}.${tableName})`,
      `alter table pg_temp.wfstore_rehearsal ${types.map(({ to }) => `alter ${to.name} type ${to.type}`).join(', ')}`,
      `create index on pg_temp.wfstore_rehearsal ${shape}`,
    ])
    if (failure === undefined) continue
    obstacles.push({
      what: `index ${name} of ${tableName} cannot be rebuilt for the new types: ${failure}`,
      fix: `drop index ${fullName} ${AGAIN}`,
    })
  }
  return obstacles
}

/** Runs the statements and rolls them back. Returns the message of the first that fails. */
export async function tryStatements(
  client: pg.Client,
  statements: string[],
): Promise<string | undefined> {
  await run(client, 'savepoint rehearsal')
  let failure: string | undefined
  try {
    for (const statement of statements) await run(client, statement)
  } catch (error) {
    failure = (error as Error).message
  }
  await run(client, 'rollback to savepoint rehearsal')
  await run(client, 'release savepoint rehearsal')
  return failure
}
