-- drop trigger update_workflow_steps_updated_at on workflow_steps

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
