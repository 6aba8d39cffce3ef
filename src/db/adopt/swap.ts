import type pg from 'pg'
import * as d from '../query/decode.ts'
import { query } from '../query/query.ts'
import { quote, sql } from '../query/sql.ts'
import type { Preparation } from './copies.ts'
import { COPIED, COPY_TRIGGER, copyFunction, NEW, REQUIRED } from './names.ts'
import type { Survey } from './survey.ts'

/** The statements that put the new columns in the place of the old ones. They read no rows. */
export function swapStatements({ table, copies, required }: Preparation): string[] {
  const drops = [
    `drop constraint ${COPIED}`,
    ...copies.map(({ to }) => `drop column ${quote(to.name)}`),
  ]
  return [
    ...(copies.length === 0
      ? []
      : [
          `drop trigger ${quote(COPY_TRIGGER)} on ${table}`,
          `drop function ${copyFunction(table)}()`,
        ]),
    `alter table ${table} ${drops.join(', ')}`,
    ...copies.map(({ name, to }) => `alter table ${table} rename column ${name} to ${to.name}`),
    // The valid check proves it, so the server reads no rows. The name of the constraint that it makes has the final name.
    ...(required.length === 0
      ? []
      : [
          `alter table ${table} ${required.map((name) => `alter column ${name.replace(NEW, '')} set not null`).join(', ')}`,
          `alter table ${table} drop constraint ${REQUIRED}`,
        ]),
  ]
}

/** The schema after `swapStatements`. */
export function swapped(survey: Survey, preparations: readonly Preparation[]): Survey {
  const of = (table: string) => preparations.find((one) => one.table === table)
  return {
    ...survey,
    columns: survey.columns.map((column) => {
      const preparation = of(column.tableName)
      const copy = preparation?.copies.find(({ to }) => to.name === column.name)
      if (copy) return copy.to
      return preparation?.required.includes(column.name) ? { ...column, notNull: true } : column
    }),
  }
}

/** The privileges, comments and statistics targets of the old columns, as statements for the new ones. */
export async function carriedOver(
  client: pg.Client,
  schema: string,
  preparations: readonly Preparation[],
): Promise<string[]> {
  const copies = preparations.flatMap((one) => one.copies)
  const found = await query(
    client,
    sql`with old as (
       select c.relname, c.relowner, a.* from unnest(${copies.map(({ to }) => to.tableName)}::text[], ${copies.map(({ to }) => to.name)}::text[]) as copied (tab, col)
       join pg_class c on c.relname = copied.tab and c.relnamespace = (select oid from pg_namespace where nspname = ${schema})
       join pg_attribute a on a.attrelid = c.oid and a.attname = copied.col
     )
     select format('grant %s (%I) on %I to %s%s', g.privilege_type, attname, relname,
              case g.grantee when 0 then 'public' else quote_ident(pg_get_userbyid(g.grantee)) end,
              case when g.is_grantable then ' with grant option' else '' end) as statement, 1 as place
     from old cross join lateral aclexplode(attacl) as g where g.grantee <> relowner
     union all
     select format('comment on column %I.%I is %L', relname, attname, col_description(attrelid, attnum)), 2
     from old where col_description(attrelid, attnum) is not null
     union all
     select format('alter table %I alter column %I set statistics %s', relname, attname, attstattarget), 3
     from old where attstattarget >= 0
     union all
     select format('alter table %I alter column %I set (%s)', relname, attname, array_to_string(attoptions, ', ')), 4
     from old where attoptions is not null
     order by place, statement`,
    { statement: d.text() },
  )
  return found.map(({ statement }) => statement)
}
