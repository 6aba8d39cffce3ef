import type { TestDatabase } from './database.ts'

const TYPES = `array['numeric', 'integer', 'bigint', 'text', 'boolean', 'uuid', 'timestamptz', 'timestamp', 'interval', 'jsonb', 'name',
  'double precision', 'varchar', 'text[]']`

/**
 * Creates in a schema operators and functions that have names of PostgreSQL and match other argument types exactly. PostgreSQL
 * prefers an exact match, also to its own operators. Each raises an error that names the role that runs it, and leaves a trace that no
 * rollback removes: the sequence `captured` of the schema.
 */
export const createCaptures = (database: TestDatabase, schema: string) =>
  database.sql(`
do $$
declare
  one record;
begin
  set local search_path = pg_catalog, pg_temp;
  create sequence ${schema}.captured;
  grant usage on sequence ${schema}.captured to public;
  for one in
    select l, r, o.name, case when o.name in ('=', '<>', '<', '>', '<=', '>=', '~', '~~') then 'boolean' else l end as result,
      'capture_' || row_number() over () as routine
    from unnest(${TYPES}) as l, unnest(${TYPES}) as r,
      unnest(array['=', '<>', '<', '>', '<=', '>=', '||', '+', '-', '*', '/', '->', '->>', '~', '~~']) as o (name)
    where not exists (select from pg_operator p where p.oprname = o.name
      and p.oprleft = l::regtype and p.oprright = r::regtype)
  loop
    execute format('create function ${schema}.%I(%s, %s) returns %s language plpgsql as
      ''begin perform pg_catalog.nextval(''''${schema}.captured''''); raise exception ''''captured by %%: ${schema}.%s'''', current_user; end''',
      one.routine, one.l, one.r, one.result, one.name);
    execute format('create operator ${schema}.%s (leftarg = %s, rightarg = %s, procedure = ${schema}.%I)',
      one.name, one.l, one.r, one.routine);
  end loop;
  for one in
    select f.name, args from (values ('sum'), ('count'), ('to_char'), ('now'), ('lower'), ('btrim'), ('translate'), ('isfinite'), ('format'),
      ('quote_ident'), ('to_date'), ('round'), ('floor'), ('concat_ws'), ('array_to_string'), ('date_trunc')) as f (name),
      (select l from unnest(${TYPES}) as l union all select l || ', ' || r from unnest(${TYPES}) as l, unnest(${TYPES}) as r) as a (args)
    where to_regprocedure(format('pg_catalog.%I(%s)', f.name, args)) is null
  loop
    execute format('create function ${schema}.%I(%s) returns text language plpgsql as
      ''begin perform pg_catalog.nextval(''''${schema}.captured''''); raise exception ''''captured by %%: ${schema}.%s'''', current_user; end''', one.name, one.args, one.name);
  end loop;
end $$`)
