import type { Queryable } from '../query/connection.ts'
import * as d from '../query/decode.ts'
import { query } from '../query/query.ts'
import { sql } from '../query/sql.ts'
import type { Survey } from './survey.ts'

/**
 * A line for each publication with some of the tables. Logical replication does not replicate changes of a table: a
 * subscriber that lacks a column of the publisher stops, and its slot keeps all WAL.
 */
export async function publicationNotes(db: Queryable, survey: Survey): Promise<string[]> {
  const found = await query(
    db,
    sql`select p.pubname as name, string_agg(p.tablename, ', ' order by p.tablename) as tables,
            (select string_agg(slot_name || case when active then '' else ' (not active)' end, ', ' order by slot_name)
             from pg_replication_slots where database = current_database() and slot_type = 'logical') as slots
     from pg_publication_tables p
     where p.schemaname = ${survey.schema} and p.tablename = any(${survey.tables}::text[])
     group by p.pubname order by p.pubname`,
    { name: d.text(), tables: d.text(), slots: d.nullable(d.text()) },
  )
  return found.map(
    ({ name, tables, slots }) =>
      `publication ${name} has ${tables}: change the tables of its subscribers first; a subscriber without the new columns stops, and its slot then keeps all WAL; logical slots of this database: ${slots ?? 'none'}`,
  )
}
