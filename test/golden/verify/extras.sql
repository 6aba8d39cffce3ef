-- alter table workflow_steps add column "Team" text

column workflow_steps.Team extra
  expected: null
  found: text
-- nothing to fix

-- alter table workflow_steps add column team text not null default ''

column workflow_steps.team extra
  expected: null
  found: text not null default ''::text
-- nothing to fix

-- alter table workflow_steps add constraint "Check" check (step_number >= 0)

constraint workflow_steps.Check extra
  expected: null
  found: CHECK ((step_number >= 0))
-- nothing to fix

-- create unique index "Tuned" on workflow_steps (step_name)

index workflow_steps.Tuned extra
  expected: null
  found: UNIQUE USING btree (step_name)
-- nothing to fix

-- create index workflow_steps_pkey_ccnew on workflow_steps (step_name); update pg_index set indisvalid = false where indexrelid = 'workflow_steps_pkey_ccnew'::regclass

index workflow_steps.workflow_steps_pkey_ccnew extra
  expected: null
  found: USING btree (step_name), invalid
-- nothing to fix

-- create trigger "Touch" before insert on workflow_steps for each row execute function wfstore_set_updated_at()

trigger workflow_steps.Touch extra
  expected: null
  found: BEFORE INSERT ON workflow_steps FOR EACH ROW EXECUTE FUNCTION wfstore_set_updated_at()
-- nothing to fix
