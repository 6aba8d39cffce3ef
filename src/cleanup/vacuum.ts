import * as d from '../db/query/decode.ts'
import { query } from '../db/query/query.ts'
import type { CleanupStore } from './place.ts'
import type { Cleaned, Removed } from './types.ts'

/** The share of removed rows from which VACUUM is useful, as autovacuum_vacuum_scale_factor. */
const DEAD_PART = 0.2
/** Smaller tables are not reported. */
const LEAST_ROWS = 10_000

const TABLES: Record<Cleaned, string> = {
  execution: 'workflow_executions',
  step: 'workflow_steps',
  audit: 'audit_logs',
  metric: 'observability_metrics',
}

/** The tables in which VACUUM would free much space after this cleanup. */
export async function worthVacuuming(
  { places }: CleanupStore,
  removed: Removed,
): Promise<string[]> {
  const found: string[] = []
  for (const [kind, table] of Object.entries(TABLES) as [Cleaned, string][]) {
    if (removed[kind] < LEAST_ROWS) continue
    let rows = 0
    for (const { on } of places) {
      const text = `select greatest(reltuples, 0)::bigint as rows from pg_class where oid = to_regclass('${table}')`
      const [estimate] = await query(on, text, { rows: d.count() })
      rows += estimate?.rows ?? 0
    }
    if (removed[kind] > DEAD_PART * rows) found.push(table)
  }
  return found
}
