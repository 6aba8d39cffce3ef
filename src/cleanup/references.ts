import type pg from 'pg'
import * as d from '../db/query/decode.ts'
import { query } from '../db/query/query.ts'
import { WfstoreError } from '../error.ts'

/**
 * Foreign keys that an application has added, by which a deleted run would take rows of wfstore with it that stay, or
 * that are counted when they go.
 */
const HARMFUL = `
  select c.conrelid::regclass::text as table, c.conname as name
  from pg_constraint c
  where c.contype = 'f'
    and c.confrelid in ('workflow_executions'::regclass, 'workflow_steps'::regclass, 'audit_logs'::regclass, 'observability_metrics'::regclass)
    and (c.confdeltype in ('c', 'n', 'd') and c.conrelid in ('audit_logs'::regclass, 'billing_records'::regclass)
      or c.confdeltype = 'c' and c.conrelid in ('workflow_executions'::regclass, 'observability_metrics'::regclass))
  order by 1, 2 limit 1`

/** @throws WfstoreError schema_differs before anything is deleted */
export async function assertNoCascade(client: pg.ClientBase): Promise<void> {
  const [found] = await query(client, HARMFUL, { table: d.text(), name: d.text() })
  if (!found) return
  throw new WfstoreError(
    'schema_differs',
    `the foreign key ${found.name} of ${found.table} would change or delete rows that a cleanup keeps`,
    { hint: 'nothing was removed; drop it, or make it one without ON DELETE' },
  )
}
