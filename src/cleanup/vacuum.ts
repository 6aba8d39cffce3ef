import type pg from 'pg'
import * as d from '../db/query/decode.ts'
import { query } from '../db/query/query.ts'
import { sql } from '../db/query/sql.ts'
import type { Removed } from './types.ts'

/** The share of removed rows from which VACUUM is useful, as autovacuum_vacuum_scale_factor. */
const DEAD_PART = 0.2
/** Smaller tables are not reported. */
const LEAST_ROWS = 10_000

/** The tables in which VACUUM would free much space after this cleanup. */
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
