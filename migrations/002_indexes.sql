-- No Transaction
-- Up Migration

-- docs/SCHEMA.md lists the query of each index. Lists use keyset pagination, so the index of a list ends with the id:
-- it orders rows with the same time.

create index concurrently workflow_executions_start_idx
  on workflow_executions (start_time, execution_id);
create index concurrently workflow_executions_user_start_idx
  on workflow_executions (user_id, start_time, execution_id);
create index concurrently workflow_executions_status_start_idx
  on workflow_executions (status, start_time, execution_id);
create index concurrently workflow_executions_workflow_start_idx
  on workflow_executions (workflow_name, start_time, execution_id);
create index concurrently workflow_steps_step_idx
  on workflow_steps (step_id);
create index concurrently audit_logs_timestamp_idx
  on audit_logs (timestamp, log_id);
create index concurrently audit_logs_user_timestamp_idx
  on audit_logs (user_id, timestamp, log_id);
create index concurrently audit_logs_execution_timestamp_idx
  on audit_logs (execution_id, timestamp, log_id);
create index concurrently audit_logs_failed_idx
  on audit_logs (timestamp, log_id) where not success;
create index concurrently observability_metrics_timestamp_idx
  on observability_metrics (timestamp, metric_id);
create index concurrently observability_metrics_user_type_timestamp_idx
  on observability_metrics (user_id, metric_type, timestamp, metric_id);
create index concurrently billing_records_timestamp_idx
  on billing_records (timestamp, billing_id);
create index concurrently billing_records_user_timestamp_idx
  on billing_records (user_id, timestamp, billing_id);
create index concurrently billing_records_period_user_idx
  on billing_records (billing_period, user_id, timestamp, billing_id);
create index concurrently billing_records_execution_idx
  on billing_records (execution_id);
create index concurrently usage_history_user_idx
  on usage_history (user_id);

-- Down Migration

drop index concurrently if exists usage_history_user_idx;
drop index concurrently if exists billing_records_execution_idx;
drop index concurrently if exists billing_records_period_user_idx;
drop index concurrently if exists billing_records_user_timestamp_idx;
drop index concurrently if exists billing_records_timestamp_idx;
drop index concurrently if exists observability_metrics_user_type_timestamp_idx;
drop index concurrently if exists observability_metrics_timestamp_idx;
drop index concurrently if exists audit_logs_failed_idx;
drop index concurrently if exists audit_logs_execution_timestamp_idx;
drop index concurrently if exists audit_logs_user_timestamp_idx;
drop index concurrently if exists audit_logs_timestamp_idx;
drop index concurrently if exists workflow_steps_step_idx;
drop index concurrently if exists workflow_executions_workflow_start_idx;
drop index concurrently if exists workflow_executions_status_start_idx;
drop index concurrently if exists workflow_executions_user_start_idx;
drop index concurrently if exists workflow_executions_start_idx;
