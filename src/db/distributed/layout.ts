/** Where the tables of a store are: on one server, or on the shards of a Citus cluster. */
export type Layout = 'single' | 'distributed'

/**
 * In a distributed store, the execution_id of an audit entry or a bill without an execution. It decides the shard of the row, so
 * it is never NULL. People see it as no execution.
 */
export const NO_RUN = '00000000-0000-0000-0000-000000000000'

/** The tables whose rows are on the shard of their execution. The rows of observability_metrics have one by their own id. */
export const SHARDED = [
  'workflow_executions',
  'workflow_steps',
  'audit_logs',
  'billing_records',
  'wfstore_bill_lines',
  'usage_history',
  'audit_history',
  'wfstore_traces',
  'wfstore_spans',
  'observability_metrics',
] as const

/** The tables of which every node has a copy. A statement on a shard may read them, and must not write them. */
export const COPIED = [
  'wfstore_periods',
  'wfstore_settings',
  'wfstore_prices',
  'wfstore_model_rules',
] as const

/** SQL of the execution of a row that may have none: NULL for none in both layouts. */
export const runOrNull = (column: string): string => `nullif(${column}, '${NO_RUN}')`

/**
 * SQL of a join: both rows have the same execution, or both have none. A single server removes the condition when it plans, so the
 * other conditions of the join must be enough; Citus sees that both rows are on one shard.
 */
export const sameRun = (one: string, other: string): string =>
  `(${one}.execution_id = ${other}.execution_id or wfstore_no_run() is null)`

/** The column whose value decides the shard of a row; undefined for a table of which every node has a copy. */
export function distributionColumn(table: string): string | undefined {
  if ((COPIED as readonly string[]).includes(table)) return undefined
  if (table === 'observability_metrics') return 'metric_id'
  return table === 'wfstore_traces' || table === 'wfstore_spans' ? 'trace_id' : 'execution_id'
}
