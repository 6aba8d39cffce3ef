-- create or replace function wfstore_set_updated_at() returns trigger language plpgsql as $$ begin return new; end $$

function wfstore_set_updated_at differs
  expected: CREATE OR REPLACE FUNCTION wfstore_set_updated_at()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  new.updated_at := now();
  return new;
end $function$
  found: CREATE OR REPLACE FUNCTION wfstore_set_updated_at()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$ begin return new; end $function$
CREATE OR REPLACE FUNCTION wfstore_set_updated_at()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  new.updated_at := now();
  return new;
end $function$;

-- drop function wfstore_set_updated_at() cascade

function wfstore_set_updated_at missing
  expected: CREATE OR REPLACE FUNCTION wfstore_set_updated_at()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  new.updated_at := now();
  return new;
end $function$
  found: null
CREATE OR REPLACE FUNCTION wfstore_set_updated_at()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  new.updated_at := now();
  return new;
end $function$;
trigger billing_records.update_billing_records_updated_at missing
  expected: BEFORE UPDATE ON billing_records FOR EACH ROW EXECUTE FUNCTION wfstore_set_updated_at()
  found: null
create trigger update_billing_records_updated_at BEFORE UPDATE ON billing_records FOR EACH ROW EXECUTE FUNCTION wfstore_set_updated_at();
trigger workflow_executions.update_workflow_executions_updated_at missing
  expected: BEFORE UPDATE ON workflow_executions FOR EACH ROW EXECUTE FUNCTION wfstore_set_updated_at()
  found: null
create trigger update_workflow_executions_updated_at BEFORE UPDATE ON workflow_executions FOR EACH ROW EXECUTE FUNCTION wfstore_set_updated_at();
trigger workflow_steps.update_workflow_steps_updated_at missing
  expected: BEFORE UPDATE ON workflow_steps FOR EACH ROW EXECUTE FUNCTION wfstore_set_updated_at()
  found: null
create trigger update_workflow_steps_updated_at BEFORE UPDATE ON workflow_steps FOR EACH ROW EXECUTE FUNCTION wfstore_set_updated_at();

-- drop function wfstore_set_updated_at() cascade; create function wfstore_set_updated_at() returns int language sql as 'select 1'

function wfstore_set_updated_at differs
  expected: CREATE OR REPLACE FUNCTION wfstore_set_updated_at()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  new.updated_at := now();
  return new;
end $function$
  found: CREATE OR REPLACE FUNCTION wfstore_set_updated_at()
 RETURNS integer
 LANGUAGE sql
AS $function$select 1$function$
alter function wfstore_set_updated_at() rename to wfstore_set_updated_at_own;
CREATE OR REPLACE FUNCTION wfstore_set_updated_at()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  new.updated_at := now();
  return new;
end $function$;
trigger billing_records.update_billing_records_updated_at missing
  expected: BEFORE UPDATE ON billing_records FOR EACH ROW EXECUTE FUNCTION wfstore_set_updated_at()
  found: null
create trigger update_billing_records_updated_at BEFORE UPDATE ON billing_records FOR EACH ROW EXECUTE FUNCTION wfstore_set_updated_at();
trigger workflow_executions.update_workflow_executions_updated_at missing
  expected: BEFORE UPDATE ON workflow_executions FOR EACH ROW EXECUTE FUNCTION wfstore_set_updated_at()
  found: null
create trigger update_workflow_executions_updated_at BEFORE UPDATE ON workflow_executions FOR EACH ROW EXECUTE FUNCTION wfstore_set_updated_at();
trigger workflow_steps.update_workflow_steps_updated_at missing
  expected: BEFORE UPDATE ON workflow_steps FOR EACH ROW EXECUTE FUNCTION wfstore_set_updated_at()
  found: null
create trigger update_workflow_steps_updated_at BEFORE UPDATE ON workflow_steps FOR EACH ROW EXECUTE FUNCTION wfstore_set_updated_at();
