/**
 * What the application left whose databases wfstore adopts, as far as migrations/001_tables.sql does not say it:
 * that file is the truth about names and about what these tables become.
 */

export const TABLES = [
  'workflow_executions',
  'workflow_steps',
  'audit_logs',
  'observability_metrics',
  'billing_records',
] as const

/** Columns of ours that the old tables never had; any other that lacks is an obstacle. */
export const NEW_COLUMNS: Record<string, string[]> = {
  workflow_steps: [
    'tokens_input',
    'tokens_output',
    'tokens_cache_read',
    'tokens_cache_write',
    'tokens_reasoning',
  ],
  billing_records: [
    'tokens_cache_read',
    'tokens_cache_write',
    'tokens_reasoning',
    'corrects',
    'original_period',
  ],
}

/** Keys that differ from ours: the table and the columns of its old primary key. */
export const OLD_PRIMARY_KEYS: Record<string, string[]> = { workflow_steps: ['step_id'] }

/** Tables whose foreign keys go: their rows outlive the run they speak of. */
export const FREED_TABLES = ['audit_logs', 'billing_records']

/** Known by their columns, whatever their names: databases were tuned by hand. */
export const OLD_INDEXES: Record<string, string[]> = {
  workflow_executions: ['user_id', 'status', 'mode', 'start_time DESC', 'user_id, status'],
  workflow_steps: ['execution_id', 'status', 'tool_name'],
  audit_logs: [
    'user_id',
    'execution_id',
    '"timestamp" DESC',
    'action_type',
    'success',
    'user_id, "timestamp" DESC',
  ],
  observability_metrics: [
    'user_id',
    'metric_type',
    '"timestamp" DESC',
    'aggregation_period',
    'user_id, metric_type, "timestamp" DESC',
  ],
  billing_records: [
    'user_id',
    'billing_period',
    'paid',
    'user_id, billing_period',
    '"timestamp" DESC',
  ],
}

/** Tables whose `updated_at` a trigger keeps. */
export const TOUCHED_TABLES = ['workflow_executions', 'workflow_steps', 'billing_records']

/** A name that other applications use as well: its triggers on these tables are replaced, itself perhaps kept. */
export const OLD_FUNCTION = 'update_updated_at_column'

/** A view of one of these names with other columns is somebody's own work. */
export const OLD_VIEWS: Record<string, string[]> = {
  user_workflow_summary: [
    'user_id',
    'total_executions',
    'successful_executions',
    'failed_executions',
    'running_executions',
    'total_cost',
    'total_tokens',
    'avg_execution_time_ms',
    'last_execution_time',
  ],
  daily_cost_summary: ['user_id', 'date', 'model_id', 'total_cost', 'total_tokens', 'record_count'],
}

/** Types of a column, by their own names, that become the type of ours without losing anything. */
export const LOSSLESS: Record<string, string[]> = {
  text: ['text', 'varchar', 'bpchar'],
  timestamptz: ['timestamptz', 'timestamp'],
  int4: ['int2', 'int4', 'int8'],
  int8: ['int2', 'int4', 'int8'],
  numeric: ['numeric', 'int2', 'int4', 'int8'],
  jsonb: ['jsonb', 'json'],
}
