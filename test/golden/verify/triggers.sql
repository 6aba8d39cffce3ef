-- drop trigger update_workflow_steps_updated_at on workflow_steps

column audit_history.action_type missing
  expected: text not null
  found: null
alter table audit_history add column action_type text not null;
column audit_history.success missing
  expected: boolean not null
  found: null
alter table audit_history add column success boolean not null;
constraint audit_history.audit_history_pkey differs
  expected: PRIMARY KEY (history_id)
  found: PRIMARY KEY (user_id, quarter_start, history_id)
alter table audit_history drop constraint "audit_history_pkey", add constraint audit_history_pkey PRIMARY KEY (history_id);
index audit_history.audit_history_user_idx missing
  expected: USING btree (user_id)
  found: null
create index concurrently audit_history_user_idx on audit_history USING btree (user_id);
trigger workflow_steps.update_workflow_steps_updated_at missing
  expected: BEFORE UPDATE ON workflow_steps FOR EACH ROW EXECUTE FUNCTION wfstore_set_updated_at()
  found: null
create trigger update_workflow_steps_updated_at BEFORE UPDATE ON workflow_steps FOR EACH ROW EXECUTE FUNCTION wfstore_set_updated_at();

-- alter table workflow_steps disable trigger update_workflow_steps_updated_at

trigger workflow_steps.update_workflow_steps_updated_at disabled
  expected: BEFORE UPDATE ON workflow_steps FOR EACH ROW EXECUTE FUNCTION wfstore_set_updated_at()
  found: disabled
alter table workflow_steps enable trigger update_workflow_steps_updated_at;

-- alter table workflow_steps enable replica trigger update_workflow_steps_updated_at

trigger workflow_steps.update_workflow_steps_updated_at disabled
  expected: BEFORE UPDATE ON workflow_steps FOR EACH ROW EXECUTE FUNCTION wfstore_set_updated_at()
  found: fires in replicas only
alter table workflow_steps enable trigger update_workflow_steps_updated_at;

-- alter table workflow_steps enable always trigger update_workflow_steps_updated_at

trigger workflow_steps.update_workflow_steps_updated_at differs
  expected: BEFORE UPDATE ON workflow_steps FOR EACH ROW EXECUTE FUNCTION wfstore_set_updated_at()
  found: fires in replicas too
alter table workflow_steps enable trigger update_workflow_steps_updated_at;

-- alter trigger update_workflow_steps_updated_at on workflow_steps rename to "Touch"

trigger workflow_steps.update_workflow_steps_updated_at differs
  expected: BEFORE UPDATE ON workflow_steps FOR EACH ROW EXECUTE FUNCTION wfstore_set_updated_at()
  found: Touch: BEFORE UPDATE ON workflow_steps FOR EACH ROW EXECUTE FUNCTION wfstore_set_updated_at()
alter trigger "Touch" on workflow_steps rename to update_workflow_steps_updated_at;

-- create or replace trigger update_workflow_steps_updated_at before insert on workflow_steps for each row execute function wfstore_set_updated_at()

trigger workflow_steps.update_workflow_steps_updated_at differs
  expected: BEFORE UPDATE ON workflow_steps FOR EACH ROW EXECUTE FUNCTION wfstore_set_updated_at()
  found: BEFORE INSERT ON workflow_steps FOR EACH ROW EXECUTE FUNCTION wfstore_set_updated_at()
drop trigger "update_workflow_steps_updated_at" on workflow_steps;
create trigger update_workflow_steps_updated_at BEFORE UPDATE ON workflow_steps FOR EACH ROW EXECUTE FUNCTION wfstore_set_updated_at();
