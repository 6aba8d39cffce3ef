import pg from 'pg'
import type { Queryable } from '../query/connection.ts'
import * as d from '../query/decode.ts'
import { query } from '../query/query.ts'
import { sql } from '../query/sql.ts'
import type { Difference } from '../verify/difference.ts'
import { COPIED, distributionColumn, SHARDED } from './layout.ts'

/** The tables of a distributed store whose rows are not where they have to be. */
export async function misplaced(db: Queryable, schema: string): Promise<Difference[]> {
  const rows = await query(
    db,
    sql`select c.relname as name,
       case p.partmethod when 'n' then 'a copy on every node'
         when 'h' then 'shards by ' || column_to_column_name(p.logicalrelid, p.partkey) ||
           case when p.colocationid <> (select colocationid from pg_dist_partition e join pg_class k on k.oid = e.logicalrelid
             where k.relname = 'workflow_executions' and k.relnamespace = c.relnamespace) then ', apart from workflow_executions' else '' end
         else 'only on this server' end as found
     from pg_class c left join pg_dist_partition p on p.logicalrelid = c.oid
     where c.relnamespace = (select oid from pg_namespace where nspname = ${schema}) and c.relname = any(${[...SHARDED, ...COPIED]}::text[])
       and c.relkind = 'r' order by array_position(${[...SHARDED, ...COPIED]}::text[], c.relname::text)`,
    { name: d.text(), found: d.text() },
  )
  const sharded = rows.flatMap(({ name, found }) => (/^shards by/.test(found) ? [name] : []))
  return rows.flatMap(({ name, found }): Difference[] => {
    const column = distributionColumn(name)
    const expected = column === undefined ? 'a copy on every node' : `shards by ${column}`
    if (found === expected) return []
    return [
      { kind: 'table', name, state: 'differs', expected, found, fix: placement(name, sharded) },
    ]
  })
}

/** Whether a table has shards or copies. */
export const isPlaced = (name: string): boolean =>
  [...SHARDED, ...COPIED].some((table) => table === name)

/** The statement that puts a table where it has to be. @param sharded the tables with shards */
export function placement(name: string, sharded: readonly string[]): string {
  const column = distributionColumn(name)
  if (column === undefined) return `select create_reference_table(${pg.escapeLiteral(name)});`
  const other = SHARDED.find((table) => table !== name && sharded.includes(table)) ?? 'none'
  return `select create_distributed_table(${pg.escapeLiteral(name)}, '${column}', colocate_with := '${other}');`
}
