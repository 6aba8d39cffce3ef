import * as d from '../db/query/decode.ts'
import { query } from '../db/query/query.ts'
import { type Sql, sql } from '../db/query/sql.ts'
import type { CleanupPlace, CleanupStore } from './place.ts'

/**
 * For each workflow with at least `keepLast` runs, the oldest of its newest `keepLast` runs, as JSON for `goes`. If runs start
 * later, the cleanup keeps more runs than needed, never fewer. It uses one index lookup per workflow, not a scan. In a distributed
 * store the newest runs of each place are compared.
 */
export async function newestRuns(
  { client, places }: CleanupStore,
  keepLast: number,
): Promise<string> {
  const [only, ...others] = places
  if (only && others.length === 0)
    return newestAt(only, sql`offset ${keepLast - 1}::bigint limit 1`)
  const each: string[] = []
  for (const place of places) each.push(await newestAt(place, sql`limit ${keepLast}::bigint`))
  const [row] = await query(
    client,
    sql`select coalesce(jsonb_agg(to_jsonb(r) - 'place') filter (where place = ${keepLast}::bigint), '[]') as newest
     from (select r.*, row_number() over (partition by workflow_name order by start_time desc, execution_id desc) as place
       from unnest(${each}::jsonb[]) as a (runs)
       cross join lateral jsonb_to_recordset(a.runs) as r (workflow_name text, start_time timestamptz, execution_id uuid)) as r`,
    { newest: d.jsonText() },
  )
  return row?.newest ?? '[]'
}

/** @param rest which of the runs of a workflow, the newest first */
async function newestAt({ on }: CleanupPlace, rest: Sql): Promise<string> {
  const [row] = await query(
    on,
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
       order by e.start_time desc, e.execution_id desc ${rest}
     ) as oldest`,
    { newest: d.jsonText() },
  )
  return row?.newest ?? '[]'
}
