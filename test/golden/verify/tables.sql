-- drop table usage_history cascade

table usage_history missing
  expected: table
  found: null
create table usage_history …;
create index usage_history_unpriced_idx on usage_history USING btree (quarter_start) WHERE (steps_unpriced <> 0);
create index usage_history_user_idx on usage_history USING btree (user_id);
view user_workflow_summary missing
  expected: SELECT …
  found: null
create view user_workflow_summary …;

-- drop table workflow_executions cascade

table workflow_executions missing
  expected: table
  found: null
create table workflow_executions …;
create index workflow_executions_parent_idx on workflow_executions USING btree (parent_execution_id, start_time, execution_id) WHERE (parent_execution_id IS NOT NULL);
create index workflow_executions_session_idx on workflow_executions USING btree (session_id, start_time, execution_id) WHERE (session_id IS NOT NULL);
create index workflow_executions_start_idx on workflow_executions USING btree (start_time, execution_id);
create index workflow_executions_status_start_idx on workflow_executions USING btree (status, start_time, execution_id);
create index workflow_executions_tags_idx on workflow_executions USING gin (tags jsonb_path_ops) WHERE (tags <> '{}'::jsonb);
create index workflow_executions_user_failed_idx on workflow_executions USING btree (user_id, start_time, execution_id) WHERE (status = ANY (ARRAY['failed'::text, 'partial'::text]));
create index workflow_executions_user_start_idx on workflow_executions USING btree (user_id, start_time, execution_id);
create index workflow_executions_workflow_start_idx on workflow_executions USING btree (workflow_name, start_time, execution_id);
create trigger update_workflow_executions_updated_at BEFORE UPDATE ON workflow_executions FOR EACH ROW EXECUTE FUNCTION wfstore_set_updated_at();
create trigger wfstore_drop_traces AFTER DELETE ON workflow_executions REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION wfstore_drop_traces();
create trigger wfstore_keep_totals BEFORE UPDATE ON workflow_executions FOR EACH ROW WHEN (current_setting('wfstore.keeps_totals'::text, true) IS DISTINCT FROM 'on'::text) EXECUTE FUNCTION wfstore_keep_totals();
create trigger wfstore_map_status BEFORE INSERT OR UPDATE OF status ON workflow_executions FOR EACH ROW WHEN (new.status <> ALL (ARRAY['running'::text, 'success'::text, 'failed'::text, 'partial'::text, 'cancelled'::text])) EXECUTE FUNCTION wfstore_map_status();
create trigger wfstore_note_write AFTER INSERT OR UPDATE ON workflow_executions FOR EACH ROW WHEN (COALESCE(current_setting('wfstore.keeps_totals'::text, true), ''::text) <> ALL (ARRAY['on'::text, 'off'::text])) EXECUTE FUNCTION wfstore_note_write();
create trigger wfstore_truncate_traces AFTER TRUNCATE ON workflow_executions FOR EACH STATEMENT EXECUTE FUNCTION wfstore_drop_traces();
constraint workflow_steps.workflow_steps_execution_id_fkey missing
  expected: FOREIGN KEY (execution_id) REFERENCES workflow_executions(execution_id) ON DELETE CASCADE
  found: null
alter table workflow_steps add constraint workflow_steps_execution_id_fkey FOREIGN KEY (execution_id) REFERENCES workflow_executions(execution_id) ON DELETE CASCADE;
view user_workflow_summary missing
  expected: SELECT …
  found: null
create view user_workflow_summary …;

-- drop table workflow_steps, workflow_executions cascade

table workflow_executions missing
  expected: table
  found: null
create table workflow_executions …;
create index workflow_executions_parent_idx on workflow_executions USING btree (parent_execution_id, start_time, execution_id) WHERE (parent_execution_id IS NOT NULL);
create index workflow_executions_session_idx on workflow_executions USING btree (session_id, start_time, execution_id) WHERE (session_id IS NOT NULL);
create index workflow_executions_start_idx on workflow_executions USING btree (start_time, execution_id);
create index workflow_executions_status_start_idx on workflow_executions USING btree (status, start_time, execution_id);
create index workflow_executions_tags_idx on workflow_executions USING gin (tags jsonb_path_ops) WHERE (tags <> '{}'::jsonb);
create index workflow_executions_user_failed_idx on workflow_executions USING btree (user_id, start_time, execution_id) WHERE (status = ANY (ARRAY['failed'::text, 'partial'::text]));
create index workflow_executions_user_start_idx on workflow_executions USING btree (user_id, start_time, execution_id);
create index workflow_executions_workflow_start_idx on workflow_executions USING btree (workflow_name, start_time, execution_id);
create trigger update_workflow_executions_updated_at BEFORE UPDATE ON workflow_executions FOR EACH ROW EXECUTE FUNCTION wfstore_set_updated_at();
create trigger wfstore_drop_traces AFTER DELETE ON workflow_executions REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION wfstore_drop_traces();
create trigger wfstore_keep_totals BEFORE UPDATE ON workflow_executions FOR EACH ROW WHEN (current_setting('wfstore.keeps_totals'::text, true) IS DISTINCT FROM 'on'::text) EXECUTE FUNCTION wfstore_keep_totals();
create trigger wfstore_map_status BEFORE INSERT OR UPDATE OF status ON workflow_executions FOR EACH ROW WHEN (new.status <> ALL (ARRAY['running'::text, 'success'::text, 'failed'::text, 'partial'::text, 'cancelled'::text])) EXECUTE FUNCTION wfstore_map_status();
create trigger wfstore_note_write AFTER INSERT OR UPDATE ON workflow_executions FOR EACH ROW WHEN (COALESCE(current_setting('wfstore.keeps_totals'::text, true), ''::text) <> ALL (ARRAY['on'::text, 'off'::text])) EXECUTE FUNCTION wfstore_note_write();
create trigger wfstore_truncate_traces AFTER TRUNCATE ON workflow_executions FOR EACH STATEMENT EXECUTE FUNCTION wfstore_drop_traces();
table workflow_steps missing
  expected: table
  found: null
create table workflow_steps …;
create index workflow_steps_model_idx on workflow_steps USING btree (execution_id) INCLUDE (model_id, cost, tokens_used) WHERE ((model_id IS NOT NULL) OR (cost_source = 'unpriced'::text));
create index workflow_steps_step_idx on workflow_steps USING btree (step_id);
create index workflow_steps_unpriced_idx on workflow_steps USING btree (end_time, execution_id, step_id) WHERE (cost_source = 'unpriced'::text);
create trigger update_workflow_steps_updated_at BEFORE UPDATE ON workflow_steps FOR EACH ROW EXECUTE FUNCTION wfstore_set_updated_at();
create trigger wfstore_count_step AFTER INSERT OR UPDATE ON workflow_steps FOR EACH ROW WHEN (current_setting('wfstore.keeps_totals'::text, true) IS DISTINCT FROM 'on'::text) EXECUTE FUNCTION wfstore_count_step();
create trigger wfstore_map_status BEFORE INSERT OR UPDATE OF status ON workflow_steps FOR EACH ROW WHEN (new.status <> ALL (ARRAY['pending'::text, 'running'::text, 'success'::text, 'failed'::text, 'skipped'::text])) EXECUTE FUNCTION wfstore_map_status();
create trigger wfstore_note_write AFTER INSERT OR UPDATE ON workflow_steps FOR EACH ROW WHEN (COALESCE(current_setting('wfstore.keeps_totals'::text, true), ''::text) <> ALL (ARRAY['on'::text, 'off'::text])) EXECUTE FUNCTION wfstore_note_write();
view user_workflow_summary missing
  expected: SELECT …
  found: null
create view user_workflow_summary …;

-- alter table workflow_steps set unlogged; alter table workflow_executions set unlogged

table workflow_executions differs
  expected: logged
  found: unlogged
alter table workflow_executions set logged;
table workflow_steps differs
  expected: logged
  found: unlogged
alter table workflow_steps set logged;

-- drop table audit_history; create view audit_history as select 1 as a

table audit_history differs
  expected: table
  found: view
alter view audit_history rename to audit_history_own;
create table audit_history …;

-- drop table workflow_steps; create table workflow_steps (step_id uuid constraint workflow_steps_pkey primary key) partition by hash (step_id); create index workflow_steps_step_idx on workflow_steps (step_id)

table workflow_steps differs
  expected: table
  found: partitioned table
alter table workflow_steps rename to workflow_steps_own;
alter index workflow_steps_pkey rename to workflow_steps_pkey_own;
alter index workflow_steps_step_idx rename to workflow_steps_step_idx_own;
create table workflow_steps …;
create index workflow_steps_model_idx on workflow_steps USING btree (execution_id) INCLUDE (model_id, cost, tokens_used) WHERE ((model_id IS NOT NULL) OR (cost_source = 'unpriced'::text));
create index workflow_steps_step_idx on workflow_steps USING btree (step_id);
create index workflow_steps_unpriced_idx on workflow_steps USING btree (end_time, execution_id, step_id) WHERE (cost_source = 'unpriced'::text);
create trigger update_workflow_steps_updated_at BEFORE UPDATE ON workflow_steps FOR EACH ROW EXECUTE FUNCTION wfstore_set_updated_at();
create trigger wfstore_count_step AFTER INSERT OR UPDATE ON workflow_steps FOR EACH ROW WHEN (current_setting('wfstore.keeps_totals'::text, true) IS DISTINCT FROM 'on'::text) EXECUTE FUNCTION wfstore_count_step();
create trigger wfstore_map_status BEFORE INSERT OR UPDATE OF status ON workflow_steps FOR EACH ROW WHEN (new.status <> ALL (ARRAY['pending'::text, 'running'::text, 'success'::text, 'failed'::text, 'skipped'::text])) EXECUTE FUNCTION wfstore_map_status();
create trigger wfstore_note_write AFTER INSERT OR UPDATE ON workflow_steps FOR EACH ROW WHEN (COALESCE(current_setting('wfstore.keeps_totals'::text, true), ''::text) <> ALL (ARRAY['on'::text, 'off'::text])) EXECUTE FUNCTION wfstore_note_write();
