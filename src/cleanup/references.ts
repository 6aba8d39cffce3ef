import type pg from 'pg'
import type { Layout } from '../db/distributed/layout.ts'
import * as d from '../db/query/decode.ts'
import { query } from '../db/query/query.ts'
import { WfstoreError } from '../error.ts'

/**
 * Foreign keys of an application that would change or delete other rows of wfstore when a run is deleted: rows that are kept,
 * or rows that the cleanup must count.
 */
const HARMFUL = `
  select c.conrelid::regclass::text as table, c.conname as name
  from pg_constraint c
  where c.contype = 'f'
    and c.confrelid in ('workflow_executions'::regclass, 'workflow_steps'::regclass, 'audit_logs'::regclass, 'observability_metrics'::regclass)
    and (c.confdeltype in ('c', 'n', 'd') and c.conrelid in ('audit_logs'::regclass, 'billing_records'::regclass)
      or c.confdeltype = 'c' and c.conrelid in ('workflow_executions'::regclass, 'observability_metrics'::regclass))
  order by 1, 2 limit 1`

/**
 * Foreign keys of tables that are not distributed. Citus accepts them, but the shards, where rows are deleted, do not know them: the rows
 * of the application would refer to nothing.
 */
const NOT_ON_SHARDS = `
  select c.conrelid::regclass::text as table, c.conname as name
  from pg_constraint c
  where c.contype = 'f'
    and c.confrelid in ('workflow_executions'::regclass, 'workflow_steps'::regclass, 'audit_logs'::regclass, 'observability_metrics'::regclass)
    and not exists (select from pg_dist_partition p where p.logicalrelid = c.conrelid)
  order by 1, 2 limit 1`

/** Rejects foreign keys that a cleanup would break, before anything is deleted. @throws WfstoreError schema_differs */
export async function assertNoCascade(client: pg.ClientBase, layout: Layout): Promise<void> {
  const shape = { table: d.text(), name: d.text() }
  const [unknown] = layout === 'single' ? [] : await query(client, NOT_ON_SHARDS, shape)
  if (unknown)
    throw new WfstoreError(
      'schema_differs',
      `foreign key ${unknown.name} of ${unknown.table} is not known on the shards`,
      {
        hint: `nothing was removed; drop it, or distribute ${unknown.table} by the id of the execution`,
      },
    )
  const [found] = await query(client, HARMFUL, shape)
  if (!found) return
  throw new WfstoreError(
    'schema_differs',
    `foreign key ${found.name} of ${found.table} would change or delete rows that a cleanup keeps`,
    { hint: 'nothing was removed; drop it, or create it without ON DELETE' },
  )
}
