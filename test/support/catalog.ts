import type pg from 'pg'

/**
 * A schema as text, one object after the other, without its own name: two schemas with the same text have the same
 * objects, and a change shows as a diff. Names of NOT NULL constraints, which only PostgreSQL 18 has, are left out.
 */
export async function describeSchema(client: pg.Client, schema = 'public'): Promise<string> {
  await client.query('begin')
  try {
    await client.query("select set_config('search_path', quote_ident($1), true)", [schema])
    const parts: string[] = []
    for (const text of [TABLES, FUNCTIONS]) parts.push(...(await lines(client, text, schema)))
    // In a view PostgreSQL 15 qualifies every column, 18 only if needed.
    const views = await lines(client, VIEWS, schema)
    parts.push(...views.map((view) => view.replace(/\b[a-z_]+\.(?=["a-z])/g, '')))
    return `${parts.join('\n')}\n`
  } finally {
    await client.query('rollback')
  }
}

async function lines(client: pg.Client, text: string, schema: string): Promise<string[]> {
  const { rows } = await client.query<{ line: string }>(text, [schema])
  return rows.map(({ line }) => line.replaceAll(`${schema}.`, ''))
}

/** A line for each part, in the order: table, columns, constraints, indexes, triggers, policies. */
const TABLES = `
with tables as (
  select c.oid, c.relname, c.relkind, c.relpersistence, c.relrowsecurity, c.relforcerowsecurity from pg_class c
  where c.relnamespace = (select oid from pg_namespace where nspname = $1) and c.relkind in ('r', 'p', 'f')
)
select line from (
  select relname, 0 as part, 0 as place, '' as name,
         format(E'\\n%stable %s%s', case relpersistence when 'p' then '' else 'unlogged ' end, relname,
           case relkind when 'r' then '' else format(' (%s)', relkind) end)
         || case when relrowsecurity then ' row security' else '' end
         || case when relforcerowsecurity then ' forced' else '' end
         || coalesce(' -- ' || obj_description(oid, 'pg_class'), '') as line
  from tables
  union all
  select relname, 1, row_number() over (partition by t.oid order by a.attnum), a.attname,
         format('  column %s %s', a.attname, format_type(a.atttypid, a.atttypmod))
         || case when a.attnotnull then ' not null' else '' end
         || case when a.attidentity <> '' then format(' identity %s', a.attidentity) else '' end
         || case when a.attgenerated <> '' then ' generated' else '' end
         || coalesce(' collate ' || (select collname from pg_collation
              where oid = a.attcollation and collname <> 'default'), '')
         || coalesce(' default ' || pg_get_expr(d.adbin, d.adrelid), '')
         || coalesce(' -- ' || col_description(t.oid, a.attnum), '')
  from tables t
  join pg_attribute a on a.attrelid = t.oid and a.attnum > 0 and not a.attisdropped
  left join pg_attrdef d on d.adrelid = t.oid and d.adnum = a.attnum
  union all
  select relname, 2, 0, k.conname,
         format('  constraint %s %s', k.conname, pg_get_constraintdef(k.oid))
         || case when k.convalidated then '' else ' (not validated)' end
  from tables t join pg_constraint k on k.conrelid = t.oid and k.contype <> 'n'
  union all
  select t.relname, 3, 0, i.relname,
         format('  index %s', regexp_replace(pg_get_indexdef(x.indexrelid), '^CREATE (UNIQUE )?INDEX ', '\\1'))
         || case when x.indisvalid then '' else ' (invalid)' end
  from tables t join pg_index x on x.indrelid = t.oid join pg_class i on i.oid = x.indexrelid
  union all
  select relname, 4, 0, g.tgname,
         format('  %s', pg_get_triggerdef(g.oid)) || case g.tgenabled when 'O' then '' else ' (not enabled)' end
  from tables t join pg_trigger g on g.tgrelid = t.oid and not g.tgisinternal
  union all
  select relname, 5, 0, polname,
         format('  policy %s %s %s to %s using %s check %s', polname, polcmd, case when polpermissive then '' else 'restrictive' end,
           polroles::regrole[], pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid))
         || coalesce(' -- ' || obj_description(l.oid, 'pg_policy'), '')
  from tables t join pg_policy l on l.polrelid = t.oid
) as parts
order by relname collate "C", part, place, name collate "C"`

const FUNCTIONS = `
select E'\\n' || rtrim(pg_get_functiondef(p.oid), E'\\n') as line from pg_proc p
where p.pronamespace = (select oid from pg_namespace where nspname = $1) and p.prokind = 'f'
order by p.proname collate "C", p.oid`

const VIEWS = `
select format(E'\\n%s %s%s\\n%s', case c.relkind when 'm' then 'materialized view' else 'view' end, c.relname,
         (select string_agg(format(E'\\n  column %s %s', a.attname, format_type(a.atttypid, a.atttypmod)), ''
            order by a.attnum) from pg_attribute a where a.attrelid = c.oid and a.attnum > 0),
         pg_get_viewdef(c.oid)) || coalesce(E'\\n  -- ' || obj_description(c.oid, 'pg_class'), '') as line
from pg_class c
where c.relnamespace = (select oid from pg_namespace where nspname = $1) and c.relkind in ('v', 'm')
order by c.relname collate "C"`
