-- Up Migration

-- Adoption adds its checks without reading the rows, because it holds an exclusive lock. This reads them while the
-- application writes.
alter table workflow_executions validate constraint workflow_executions_status_check;
alter table workflow_executions validate constraint workflow_executions_finite;
alter table workflow_steps validate constraint workflow_steps_status_check;
alter table workflow_steps validate constraint workflow_steps_finite;
alter table audit_logs validate constraint audit_logs_finite;
alter table observability_metrics validate constraint observability_metrics_finite;
alter table billing_records validate constraint billing_records_finite;
alter table billing_records validate constraint billing_records_month;

-- Down Migration

-- The checks belong to the tables of 001_tables.
