import type { Queryable } from './query/connection.ts'
import * as d from './query/decode.ts'
import { query } from './query/query.ts'
import { sql } from './query/sql.ts'

/**
 * Reads the tables of one schema from the system catalogs. Definitions are as the server prints them under the
 * search path of the connection: a name has a schema only if that path does not find it.
 */
const columnShape = {
  tableName: d.text(),
  name: d.text(),
  /** 'character varying(200)' */
  type: d.text(),
  /** 'varchar': the name of the type without modifiers. */
  baseType: d.text(),
  notNull: d.boolean(),
  defaultValue: d.nullable(d.text()),
  generated: d.boolean(),
  /** 'always' or 'by default', as in `generated ... as identity`. */
  identity: d.nullable(d.text()),
  /** NULL if it is the default collation of the type. */
  collation: d.nullable(d.text()),
}
export type CatalogColumn = d.RowOf<typeof columnShape>

export function readColumns(
  db: Queryable,
  schema: string,
  tables: readonly string[],
): Promise<CatalogColumn[]> {
  return query(
    db,
    sql`select c.relname as table_name, a.attname as name, format_type(a.atttypid, a.atttypmod) as type,
            t.typname as base_type, a.attnotnull as not_null,
            pg_get_expr(ad.adbin, ad.adrelid) as default_value, a.attgenerated <> '' as generated,
            case a.attidentity when 'a' then 'always' when 'd' then 'by default' end as identity,
            (select collname from pg_collation where oid = nullif(a.attcollation, t.typcollation)) as collation
     from pg_class c
     join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
     join pg_type t on t.oid = a.atttypid
     left join pg_attrdef ad on ad.adrelid = c.oid and ad.adnum = a.attnum
     where c.relnamespace = (select oid from pg_namespace where nspname = ${schema}) and c.relname = any(${tables}::text[])
     order by c.relname, a.attnum`,
    columnShape,
  )
}

const constraintShape = {
  tableName: d.text(),
  name: d.text(),
  /** p primary key, f foreign key, c check, u unique, x exclusion. */
  kind: d.text(),
  /** The text after `add constraint NAME`. */
  definition: d.text(),
  /** The condition of a check, in brackets. */
  expression: d.nullable(d.text()),
  /** Its columns in order, as JSON. */
  columns: d.jsonText(),
  validated: d.boolean(),
  /** The table that a foreign key references, if it is in the same schema. */
  referenced: d.nullable(d.text()),
}
export type Constraint = d.RowOf<typeof constraintShape>

/** All constraints except NOT NULL, which `readColumns` returns and only PostgreSQL 18 lists as a constraint. */
export function readConstraints(
  db: Queryable,
  schema: string,
  tables: readonly string[],
): Promise<Constraint[]> {
  return query(
    db,
    sql`select c.relname as table_name, k.conname as name, k.contype as kind,
            pg_get_constraintdef(k.oid) as definition,
            case k.contype when 'c' then pg_get_expr(k.conbin, k.conrelid) end as expression,
            coalesce((select json_agg(a.attname order by place)
               from unnest(k.conkey) with ordinality as key (attnum, place)
               join pg_attribute a on a.attrelid = c.oid and a.attnum = key.attnum), '[]') as columns,
            k.convalidated as validated,
            (select r.relname from pg_class r where r.oid = k.confrelid and r.relnamespace = c.relnamespace) as referenced
     from pg_class c
     join pg_constraint k on k.conrelid = c.oid and k.contype in ('p', 'f', 'c', 'u', 'x')
     where c.relnamespace = (select oid from pg_namespace where nspname = ${schema}) and c.relname = any(${tables}::text[])
     order by c.relname, k.conname`,
    constraintShape,
  )
}

const indexShape = {
  tableName: d.text(),
  name: d.text(),
  unique: d.boolean(),
  /** 'USING btree (user_id)', with everything that follows the columns. */
  shape: d.text(),
  valid: d.boolean(),
}
export type Index = d.RowOf<typeof indexShape>

/** All indexes except those that belong to a constraint. */
export function readIndexes(
  db: Queryable,
  schema: string,
  tables: readonly string[],
): Promise<Index[]> {
  return query(
    db,
    sql`select c.relname as table_name, i.relname as name, x.indisunique as unique, x.indisvalid as valid,
            substring(pg_get_indexdef(x.indexrelid) from '^CREATE (?:UNIQUE )?INDEX .* (USING .*)$') as shape
     from pg_class c
     join pg_index x on x.indrelid = c.oid
     join pg_class i on i.oid = x.indexrelid
     where c.relnamespace = (select oid from pg_namespace where nspname = ${schema}) and c.relname = any(${tables}::text[])
       and not exists (select from pg_constraint k where k.conindid = i.oid and k.contype in ('p', 'u', 'x'))
     order by c.relname, i.relname`,
    indexShape,
  )
}

const triggerShape = {
  tableName: d.text(),
  name: d.text(),
  /** The function it runs, without its schema. */
  functionName: d.text(),
  /** BEFORE UPDATE ... FOR EACH ROW, without WHEN and without a list of columns. */
  plainBeforeUpdate: d.boolean(),
  /** The text after `create trigger NAME`. */
  shape: d.text(),
  /** O enabled, D disabled, R only in a replica, A always. */
  enabled: d.text(),
}
export type Trigger = d.RowOf<typeof triggerShape>

export function readTriggers(
  db: Queryable,
  schema: string,
  tables: readonly string[],
): Promise<Trigger[]> {
  return query(
    db,
    sql`select c.relname as table_name, t.tgname as name, p.proname as function_name,
            t.tgtype = 19 and t.tgqual is null and t.tgattr = '' as plain_before_update, t.tgenabled as enabled,
            substring(pg_get_triggerdef(t.oid, true) from ' ((?:BEFORE|AFTER|INSTEAD OF) .*)$') as shape
     from pg_class c
     join pg_trigger t on t.tgrelid = c.oid and not t.tgisinternal
     join pg_proc p on p.oid = t.tgfoid
     where c.relnamespace = (select oid from pg_namespace where nspname = ${schema}) and c.relname = any(${tables}::text[])
     order by c.relname, t.tgname`,
    triggerShape,
  )
}

const functionShape = {
  name: d.text(),
  /** 'month text, closer text' */
  arguments: d.text(),
  /** `CREATE OR REPLACE FUNCTION schema.name(...) ...`: here the server always prints the schema. */
  definition: d.text(),
  /** The result type. CREATE OR REPLACE cannot change it. */
  result: d.text(),
}
export type FunctionText = d.RowOf<typeof functionShape>

export function readFunctionTexts(
  db: Queryable,
  schema: string,
  names: readonly string[],
): Promise<FunctionText[]> {
  return query(
    db,
    sql`select p.proname as name, pg_get_function_identity_arguments(p.oid) as arguments,
            rtrim(pg_get_functiondef(p.oid), E'\\n') as definition,
            pg_get_function_result(p.oid) as result
     from pg_proc p
     where p.pronamespace = (select oid from pg_namespace where nspname = ${schema}) and p.proname = any(${names}::text[])
       and p.prokind = 'f'
     order by p.proname, arguments`,
    functionShape,
  )
}

const viewShape = {
  name: d.text(),
  /** 'user_id text, total_cost numeric' */
  columns: d.text(),
  /** The query. */
  definition: d.text(),
  /** Whose rights a reader needs on the tables: true for those of the reader, false for those of the owner; null is not set. */
  securityInvoker: d.nullable(d.boolean()),
}
export type View = d.RowOf<typeof viewShape>

export function readViews(
  db: Queryable,
  schema: string,
  names: readonly string[],
): Promise<View[]> {
  return query(
    db,
    sql`select c.relname as name, btrim(pg_get_viewdef(c.oid), ' ;') as definition,
            (select string_agg(format('%I %s', a.attname, format_type(a.atttypid, a.atttypmod)), ', ' order by a.attnum)
             from pg_attribute a where a.attrelid = c.oid and a.attnum > 0) as columns,
            (select option_value::boolean from pg_options_to_table(c.reloptions) where option_name = 'security_invoker') as security_invoker
     from pg_class c
     where c.relnamespace = (select oid from pg_namespace where nspname = ${schema}) and c.relname = any(${names}::text[])
       and c.relkind = 'v'
     order by c.relname`,
    viewShape,
  )
}

const readColumnShape = { viewName: d.text(), tableName: d.text(), name: d.text() }
export type ReadColumn = d.RowOf<typeof readColumnShape>

/** The columns that these views read. The server refuses to change their types while the view exists. */
export function readColumnsOfViews(
  db: Queryable,
  schema: string,
  views: readonly string[],
): Promise<ReadColumn[]> {
  return query(
    db,
    sql`select distinct v.relname as view_name, c.relname as table_name, a.attname as name
     from pg_class v
     join pg_rewrite r on r.ev_class = v.oid
     join pg_depend d on d.classid = 'pg_rewrite'::regclass and d.objid = r.oid and d.refclassid = 'pg_class'::regclass
     join pg_class c on c.oid = d.refobjid and c.relnamespace = v.relnamespace
     join pg_attribute a on a.attrelid = c.oid and a.attnum = d.refobjsubid
     where v.relnamespace = (select oid from pg_namespace where nspname = ${schema}) and v.relname = any(${views}::text[])
       and c.oid <> v.oid
     order by 1, 2, 3`,
    readColumnShape,
  )
}

/** What pg_class calls a relation by one letter. */
export const RELATION_KINDS: Readonly<Record<string, string>> = {
  r: 'table',
  p: 'partitioned table',
  v: 'view',
  m: 'materialized view',
  i: 'index',
  I: 'partitioned index',
  S: 'sequence',
  f: 'foreign table',
  c: 'type',
}

/** The statement that frees a name of ours that something else has. */
export const renameAway = (kind: string, name: string): string =>
  `alter ${kind.replace('partitioned ', '')} ${name} rename to ${name.replace(/\(.*/, '')}_own`

const relationShape = {
  name: d.text(),
  /** One of RELATION_KINDS. */
  kind: d.text(),
  owner: d.text(),
  ownedByUs: d.boolean(),
  /** The table of an index. */
  indexOf: d.nullable(d.text()),
  /** Parent or child of another table. */
  inherits: d.boolean(),
  persistent: d.boolean(),
  /** Policies apply to this role. */
  rowsHidden: d.boolean(),
}
export type Relation = d.RowOf<typeof relationShape>

export function readRelations(
  db: Queryable,
  schema: string,
  names: readonly string[],
): Promise<Relation[]> {
  return query(
    db,
    sql`select c.relname as name, c.relkind as kind, pg_get_userbyid(c.relowner) as owner,
            pg_has_role(c.relowner, 'USAGE') as owned_by_us,
            (select t.relname from pg_index x join pg_class t on t.oid = x.indrelid where x.indexrelid = c.oid) as index_of,
            exists (select from pg_inherits where c.oid in (inhrelid, inhparent)) as inherits,
            c.relpersistence = 'p' as persistent,
            c.relkind = 'r' and row_security_active(c.oid) as rows_hidden
     from pg_class c
     where c.relnamespace = (select oid from pg_namespace where nspname = ${schema}) and c.relname = any(${names}::text[])
     order by c.relname`,
    relationShape,
  )
}
