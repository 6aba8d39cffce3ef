-- drop index workflow_steps_step_idx

index workflow_steps.workflow_steps_step_idx missing
  expected: USING btree (step_id)
  found: null
create index concurrently workflow_steps_step_idx on workflow_steps USING btree (step_id);

-- update pg_index set indisvalid = false where indexrelid = 'workflow_steps_step_idx'::regclass

index workflow_steps.workflow_steps_step_idx invalid
  expected: USING btree (step_id)
  found: invalid
drop index concurrently workflow_steps_step_idx;
create index concurrently workflow_steps_step_idx on workflow_steps USING btree (step_id);

-- drop index audit_logs_failed_idx; create index audit_logs_failed_idx on audit_logs (timestamp)

index audit_logs.audit_logs_failed_idx differs
  expected: USING btree ("timestamp", log_id) WHERE (NOT success)
  found: USING btree ("timestamp")
alter index "audit_logs_failed_idx" rename to audit_logs_failed_idx_own;
create index concurrently audit_logs_failed_idx on audit_logs USING btree ("timestamp", log_id) WHERE (NOT success);

-- drop index workflow_steps_step_idx; create unique index workflow_steps_step_idx on workflow_steps (step_id)

index workflow_steps.workflow_steps_step_idx differs
  expected: USING btree (step_id)
  found: UNIQUE USING btree (step_id)
alter index "workflow_steps_step_idx" rename to workflow_steps_step_idx_own;
create index concurrently workflow_steps_step_idx on workflow_steps USING btree (step_id);

-- alter index workflow_steps_step_idx rename to "Tuned"

index workflow_steps.workflow_steps_step_idx differs
  expected: USING btree (step_id)
  found: Tuned: USING btree (step_id)
alter index "Tuned" rename to workflow_steps_step_idx;

-- drop index workflow_steps_step_idx; create index workflow_steps_step_idx on wfstore_migrations (name)

index workflow_steps.workflow_steps_step_idx missing
  expected: USING btree (step_id)
  found: null
alter index workflow_steps_step_idx rename to workflow_steps_step_idx_own;
create index concurrently workflow_steps_step_idx on workflow_steps USING btree (step_id);
