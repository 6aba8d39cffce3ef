-- Makes a distributed store one of a single server again, in one transaction: `wfstore migrate distribute --undo`. The functions and
-- triggers of the migrations that `distribute` replaced follow after these statements.

select set_config('citus.multi_shard_modify_mode', 'sequential', true), set_config('citus.enable_unsafe_triggers', 'on', true);

drop function wfstore_at(uuid, text, text[]);
drop function wfstore_lock_shards(uuid);
drop trigger wfstore_number_history on usage_history;
drop trigger wfstore_number_history on audit_history;
drop function wfstore_number_history();
drop trigger wfstore_drop_lines on billing_records;
drop trigger wfstore_keep_lines on wfstore_bill_lines;
drop trigger wfstore_keep_prices on wfstore_prices;
drop trigger wfstore_drop_traces on workflow_executions;
alter table workflow_executions disable trigger user;
alter table workflow_steps disable trigger user;
alter table audit_logs disable trigger user;
alter table billing_records disable trigger user;
alter table observability_metrics disable trigger user;
alter table wfstore_periods disable trigger user;
alter table wfstore_settings disable trigger user;

-- Citus cannot move a table with an identity column back.
select set_config('citus.enable_ddl_propagation', 'off', true);
alter table usage_history alter history_id drop identity;
alter table audit_history alter history_id drop identity;
alter table wfstore_prices alter price_id drop identity;
alter table wfstore_model_rules alter rule_id drop identity;
select set_config('citus.enable_ddl_propagation', 'on', true);

select undistribute_table('observability_metrics');
select undistribute_table('wfstore_spans');
select undistribute_table('wfstore_traces');
select undistribute_table('audit_history');
select undistribute_table('usage_history');
select undistribute_table('wfstore_bill_lines');
select undistribute_table('billing_records');
select undistribute_table('audit_logs');
select undistribute_table('workflow_executions', cascade_via_foreign_keys := true);
select undistribute_table('wfstore_model_rules');
select undistribute_table('wfstore_prices');
select undistribute_table('wfstore_settings');
select undistribute_table('wfstore_periods');

alter table usage_history alter history_id add generated always as identity;
alter table audit_history alter history_id add generated always as identity;
alter table wfstore_prices alter price_id add generated always as identity;
alter table wfstore_model_rules alter rule_id add generated always as identity;
select setval(pg_get_serial_sequence('usage_history', 'history_id'), max(history_id)) from usage_history having max(history_id) > 0;
select setval(pg_get_serial_sequence('audit_history', 'history_id'), max(history_id)) from audit_history having max(history_id) > 0;
select setval(pg_get_serial_sequence('wfstore_prices', 'price_id'), max(price_id)) from wfstore_prices having max(price_id) > 0;
select setval(pg_get_serial_sequence('wfstore_model_rules', 'rule_id'), max(rule_id)) from wfstore_model_rules having max(rule_id) > 0;

alter table audit_logs drop constraint audit_logs_pkey, alter execution_id drop default, alter execution_id drop not null,
  add primary key (log_id);
alter table billing_records drop constraint billing_records_pkey, alter execution_id drop default, alter execution_id drop not null,
  add primary key (billing_id);
alter table wfstore_bill_lines drop constraint wfstore_bill_lines_pkey, alter execution_id drop default, alter execution_id drop not null,
  add primary key (billing_id, line_id);
alter table usage_history drop constraint usage_history_pkey, drop column execution_id, add primary key (history_id);
alter table audit_history drop constraint audit_history_pkey, drop column execution_id, add primary key (user_id, quarter_start, history_id);
update audit_logs set execution_id = null where execution_id = '00000000-0000-0000-0000-000000000000';
update billing_records set execution_id = null where execution_id = '00000000-0000-0000-0000-000000000000';
update wfstore_bill_lines set execution_id = null where execution_id = '00000000-0000-0000-0000-000000000000';

alter table workflow_executions enable trigger user;
alter table workflow_steps enable trigger user;
alter table audit_logs enable trigger user;
alter table billing_records enable trigger user;
alter table observability_metrics enable trigger user;
alter table wfstore_periods enable trigger user;
alter table wfstore_settings enable trigger user;
