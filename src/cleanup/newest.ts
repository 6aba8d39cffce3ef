import type pg from 'pg'
import * as d from '../db/query/decode.ts'
import { query } from '../db/query/query.ts'
import { sql } from '../db/query/sql.ts'

/**
 * For each workflow with at least `keepLast` runs, the oldest of its newest `keepLast` runs, as JSON for `goes`. If runs start
 * later, the cleanup keeps more runs than needed, never fewer. It uses one index lookup per workflow, not a scan.
 */
export async function newestRuns(client: pg.ClientBase, keepLast: number): Promise<string> {
  const [row] = await query(
    client,
    sql`with recursive names as (
       (select workflow_name from workflow_executions order by workflow_name limit 1)
       union all
       select (select e.workflow_name from workflow_executions e where e.workflow_name > n.workflow_name
               order by e.workflow_name limit 1)
       from names n where n.workflow_name is not null
     )
     select coalesce(jsonb_agg(oldest), '[]') as newest
     from names n cross join lateral (
       select e.workflow_name, e.start_time, e.execution_id
       from workflow_executions e where e.workflow_name = n.workflow_name
       order by e.start_time desc, e.execution_id desc offset ${keepLast - 1}::bigint limit 1
     ) as oldest`,
    { newest: d.jsonText() },
  )
  return row?.newest ?? '[]'
}
