import type pg from 'pg'
import * as d from '../query/decode.ts'
import { query } from '../query/query.ts'
import { sql } from '../query/sql.ts'
import type { Survey } from './survey.ts'

/**
 * A line if the owner of the runs, as which the triggers of totals run, cannot read all rows that they add. Then the triggers
 * change nothing, so that the application still works.
 */
export async function triggerOwnerNotes(client: pg.Client, survey: Survey): Promise<string[]> {
  const found = await query(
    client,
    sql`select quote_ident(o.rolname) as owner, string_agg(c.relname, ', ' order by c.relname) as tables
     from pg_class e join pg_roles o on o.oid = e.relowner
     join pg_class c on c.relnamespace = e.relnamespace
       and c.relname in ('workflow_executions', 'workflow_steps', 'billing_records')
     where e.relname = 'workflow_executions' and e.relnamespace = (select oid from pg_namespace where nspname = ${survey.schema})
       and (not has_table_privilege(o.oid, c.oid, 'select') or c.relrowsecurity and not (o.rolsuper or o.rolbypassrls)
         and (c.relforcerowsecurity or not pg_has_role(o.oid, c.relowner, 'usage')))
     group by 1`,
    { owner: d.text(), tables: d.text() },
  )
  return found.map(
    ({ owner, tables }) =>
      `warning: ${owner}, the owner of workflow_executions, cannot read all rows of ${tables}: no trigger keeps the totals of runs, and they stay what the application writes; run \`wfstore doctor\` afterwards`,
  )
}
