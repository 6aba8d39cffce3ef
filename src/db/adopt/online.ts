import type pg from 'pg'
import * as d from '../query/decode.ts'
import { query } from '../query/query.ts'
import { sql } from '../query/sql.ts'
import { type Preparation, preparationOf } from './copies.ts'
import { planConstraints, retypedColumns } from './differences.ts'
import { COPIED, COPY_TRIGGER, NEW, REQUIRED } from './names.ts'
import type { TableSize } from './sizes.ts'
import { isOldIndex, isOldTrigger, type Survey } from './survey.ts'

/** Smaller tables are changed at once: the exclusive lock takes less than a second, and rows need no second place. */
export const ONLINE_BYTES = 32 * 2 ** 20

/** How the tables are changed. */
export interface Online {
  /** The tables that are prepared while the application works. */
  preparations: Preparation[]
  /** Large tables whose rows are rewritten under the lock, each with its reason. */
  rewritten: { table: string; reason: string }[]
  /** Large indexes of the application that are built again under the lock, because the type of a column changes. */
  rebuilt: { table: string; index: string; bytes: number }[]
}

export async function planOnline(
  client: pg.Client,
  survey: Survey,
  sizes: readonly TableSize[],
  onlineBytes: number,
): Promise<Online> {
  if (sizes.reduce((sum, { bytes }) => sum + bytes, 0) < onlineBytes)
    return { preparations: [], rewritten: [], rebuilt: [] }
  const all = survey.tables.map((table) => preparationOf(survey, table))
  const mapped = survey.tables.flatMap((table) =>
    planConstraints(survey, table).refusing.map(({ name }) => ({
      table,
      reason: `constraint ${name} refuses statuses of wfstore, so they are mapped`,
    })),
  )
  const reasons = [...mapped, ...(await readReasons(client, survey, all))].filter(
    ({ table }, at, every) => every.findIndex((one) => one.table === table) === at,
  )
  const isRefused = ({ table }: Preparation) => reasons.some((one) => one.table === table)
  const preparations = all.filter((one) => !isRefused(one))
  return {
    preparations,
    rewritten: reasons,
    rebuilt: await readRebuilt(client, survey, preparations),
  }
}

/**
 * PostgreSQL uses an index again for `text` in place of `varchar`, but not for another type, and never one with an
 * expression or a condition.
 */
function readRebuilt(
  client: pg.Client,
  survey: Survey,
  preparations: readonly Preparation[],
): Promise<Online['rebuilt']> {
  const kept = retypedColumns(survey).filter(({ table, to }) =>
    preparations.some(
      (one) => one.table === table && !one.copies.some((copy) => copy.to.name === to.name),
    ),
  )
  const old = survey.indexes.filter(isOldIndex).map(({ name }) => name)
  return query(
    client,
    sql`select c.relname as table, i.relname as index, pg_relation_size(i.oid) as bytes
     from pg_class c
     join pg_index x on x.indrelid = c.oid
     join pg_class i on i.oid = x.indexrelid
     where c.relnamespace = (select oid from pg_namespace where nspname = ${survey.schema})
       and i.relname <> all(${old}::text[]) and exists (
         select from unnest(${kept.map(({ table }) => table)}::text[], ${kept.map(({ to }) => to.name)}::text[],
           ${kept.map(({ from }) => from.baseType)}::text[]) as retyped (tab, col, type)
         join pg_attribute a on a.attrelid = c.oid and a.attname = retyped.col
         where retyped.tab = c.relname and (retyped.type = 'timestamp' and a.attnum = any(x.indkey)
           or (x.indexprs is not null or x.indpred is not null) and (a.attnum = any(x.indkey) or exists (
             select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = i.oid
               and d.refclassid = 'pg_class'::regclass and d.refobjid = c.oid and d.refobjsubid = a.attnum))))
     order by 1, 2`,
    { table: d.text(), index: d.text(), bytes: d.count() },
  )
}

/** Why the columns of a table cannot be copied while the application works. */
function readReasons(client: pg.Client, survey: Survey, all: readonly Preparation[]) {
  const copies = all.flatMap((preparation) => preparation.copies)
  const tables = all.filter(({ copies }) => copies.length > 0).map(({ table }) => table)
  return query(
    client,
    sql`with ours as (
       select c.oid, c.relname from pg_class c
       where c.relnamespace = (select oid from pg_namespace where nspname = ${survey.schema}) and c.relname = any(${tables}::text[])
     ), reasons as (
       select p.tablename as table, 1 as place, format('publication %s sends every change of a row', p.pubname) as reason
       from pg_publication_tables p where p.schemaname = ${survey.schema} and p.tablename = any(${tables}::text[])
       union all
       select ours.relname, 2, format('trigger %s would run for each row', t.tgname)
       from ours join pg_trigger t on t.tgrelid = ours.oid
       where not t.tgisinternal and t.tgenabled <> 'D' and t.tgtype & 16 <> 0 and t.tgattr = ''
         and (t.tgenabled in ('A', 'R') or not has_parameter_privilege('session_replication_role', 'set'))
         and t.tgname <> ${COPY_TRIGGER} and t.tgname <> all(${survey.triggers.filter(isOldTrigger).map(({ name }) => name)}::text[])
       union all
       select ours.relname, 3, format('%s uses column %s', pg_describe_object(d.classid, d.objid, 0), a.attname)
       from unnest(${copies.map(({ to }) => to.tableName)}::text[], ${copies.map(({ to }) => to.name)}::text[]) as copied (tab, col)
       join ours on ours.relname = copied.tab
       join pg_attribute a on a.attrelid = ours.oid and a.attname = copied.col
       join pg_depend d on d.refclassid = 'pg_class'::regclass and d.refobjid = ours.oid and d.refobjsubid = a.attnum
       left join pg_class i on d.classid = 'pg_class'::regclass and i.oid = d.objid
       left join pg_constraint k on d.classid = 'pg_constraint'::regclass and k.oid = d.objid
       where (i.relkind = 'i' and not starts_with(i.relname, ${NEW}) and i.relname <> all(${survey.indexes.filter(isOldIndex).map(({ name }) => name)}::text[])
           or k.contype <> 'n' and k.conname <> all(array[${COPIED}, ${REQUIRED}])
           or d.classid = 'pg_statistic_ext'::regclass)
     )
     select distinct on ("table") "table", reason from reasons order by "table", place, reason`,
    { table: d.text(), reason: d.text() },
  )
}
