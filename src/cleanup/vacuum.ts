import type pg from 'pg'
import * as d from '../db/query/decode.ts'
import { query } from '../db/query/query.ts'
import { sql } from '../db/query/sql.ts'
import type { Removed } from './types.ts'

/** As autovacuum_vacuum_scale_factor: beyond this part of a table it is worth the while. */
const DEAD_PART = 0.2
/** Of a table that is small anyway nobody needs to be told. */
const LEAST_ROWS = 10_000

/** Tables of which this cleanup removed so large a part that VACUUM would make room for new rows. */
export async function worthVacuuming(client: pg.ClientBase, removed: Removed): Promise<string[]> {
  const tables = ['workflow_executions', 'workflow_steps', 'audit_logs', 'observability_metrics']
  const counts = [removed.execution, removed.step, removed.audit, removed.metric]
  const rows = await query(
    client,
    sql`select t.name
     from unnest(${tables}::text[], ${counts}::bigint[]) with ordinality as t (name, removed, place)
     join pg_class c on c.oid = to_regclass(t.name)
     where t.removed >= ${LEAST_ROWS}::bigint and t.removed > ${DEAD_PART}::numeric * greatest(c.reltuples, 0)
     order by t.place`,
    { name: d.text() },
  )
  return rows.map(({ name }) => name)
}
