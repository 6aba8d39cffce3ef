-- No Transaction
-- Up Migration

-- Contains only corrections, so that other bills do not pay for it.
create index concurrently billing_records_corrects_idx
  on billing_records (corrects) where corrects is not null;
create index concurrently billing_records_period_idx
  on billing_records (billing_period, timestamp, billing_id);
create index concurrently audit_history_user_idx
  on audit_history (user_id);
-- Failures are few, and reports ask for them by user.
create index concurrently audit_logs_user_failed_idx
  on audit_logs (user_id, timestamp, log_id) where not success;
create index concurrently workflow_executions_user_failed_idx
  on workflow_executions (user_id, start_time, execution_id) where status in ('failed', 'partial');

-- Down Migration

drop index concurrently if exists workflow_executions_user_failed_idx;
drop index concurrently if exists audit_logs_user_failed_idx;
drop index concurrently if exists audit_history_user_idx;
drop index concurrently if exists billing_records_period_idx;
drop index concurrently if exists billing_records_corrects_idx;
