/**
 * The objects of the old application that wfstore adopts, where they differ from migrations/001_tables.sql. That file
 * decides the names and the result.
 */

export const TABLES = [
  'workflow_executions',
  'workflow_steps',
  'audit_logs',
  'observability_metrics',
  'billing_records',
] as const

/** The last column of each old table. Adoption adds the columns after it; any other missing column is an obstacle. */
export const LAST_OLD_COLUMN: Record<string, string> = {
  workflow_executions: 'updated_at',
  workflow_steps: 'updated_at',
  audit_logs: 'created_at',
  observability_metrics: 'created_at',
  billing_records: 'updated_at',
}

/** Tables whose old primary key differs from ours, with its columns. */
export const OLD_PRIMARY_KEYS: Record<string, string[]> = { workflow_steps: ['step_id'] }

/** The column that identifies a row in messages. */
export const KEYS: Record<string, string> = {
  workflow_executions: 'execution_id',
  workflow_steps: 'step_id',
  audit_logs: 'log_id',
  observability_metrics: 'metric_id',
  billing_records: 'billing_id',
}

/** The time that the application gave to a row. `created_at` is that of the server. */
export const GIVEN_TIMES: Record<string, string> = {
  workflow_executions: 'start_time',
  workflow_steps: 'start_time',
  audit_logs: 'timestamp',
  observability_metrics: 'timestamp',
  billing_records: 'timestamp',
}

/** Tables whose foreign keys are dropped: their rows outlive their run. */
export const FREED_TABLES = ['audit_logs', 'billing_records']

/** The old indexes, each with its columns. Adoption recognises them by the columns: names may have been changed by hand. */
export const OLD_INDEXES: Record<string, Record<string, string>> = {
  workflow_executions: {
    idx_workflow_exec_user: 'user_id',
    idx_workflow_exec_status: 'status',
    idx_workflow_exec_mode: 'mode',
    idx_workflow_exec_start_time: 'start_time DESC',
    idx_workflow_exec_user_status: 'user_id, status',
  },
  workflow_steps: {
    idx_workflow_steps_execution: 'execution_id',
    idx_workflow_steps_status: 'status',
    idx_workflow_steps_tool: 'tool_name',
  },
  audit_logs: {
    idx_audit_logs_user: 'user_id',
    idx_audit_logs_execution: 'execution_id',
    idx_audit_logs_timestamp: '"timestamp" DESC',
    idx_audit_logs_action_type: 'action_type',
    idx_audit_logs_success: 'success',
    idx_audit_logs_user_timestamp: 'user_id, "timestamp" DESC',
  },
  observability_metrics: {
    idx_metrics_user: 'user_id',
    idx_metrics_type: 'metric_type',
    idx_metrics_timestamp: '"timestamp" DESC',
    idx_metrics_period: 'aggregation_period',
    idx_metrics_user_type_timestamp: 'user_id, metric_type, "timestamp" DESC',
  },
  billing_records: {
    idx_billing_user: 'user_id',
    idx_billing_period: 'billing_period',
    idx_billing_paid: 'paid',
    idx_billing_user_period: 'user_id, billing_period',
    idx_billing_timestamp: '"timestamp" DESC',
  },
}

/** Tables with a trigger that sets `updated_at`. */
export const TOUCHED_TABLES = ['workflow_executions', 'workflow_steps', 'billing_records']

/** The triggers with this function are replaced. The function stays. */
export const OLD_FUNCTION = 'update_updated_at_column'

/** The old views with their columns. A view with other columns is not one of them. */
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

/** By the type of our column: the types that convert to it without loss. */
export const LOSSLESS: Record<string, string[]> = {
  text: ['text', 'varchar', 'bpchar'],
  timestamptz: ['timestamptz', 'timestamp'],
  int4: ['int2', 'int4', 'int8'],
  int8: ['int2', 'int4', 'int8'],
  numeric: ['numeric', 'int2', 'int4', 'int8'],
  jsonb: ['jsonb', 'json'],
}
