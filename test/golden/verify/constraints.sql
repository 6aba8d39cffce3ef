-- alter table workflow_steps drop constraint workflow_steps_status_check

constraint workflow_steps.workflow_steps_status_check missing
  expected: CHECK ((status = ANY (ARRAY['pending'::text, 'running'::text, 'success'::text, 'failed'::text, 'skipped'::text])))
  found: null
alter table workflow_steps add constraint workflow_steps_status_check CHECK ((status = ANY (ARRAY['pending'::text, 'running'::text, 'success'::text, 'failed'::text, 'skipped'::text])));

-- alter table workflow_steps drop constraint workflow_steps_status_check; alter table workflow_steps add constraint workflow_steps_status_check check (status <> '')

constraint workflow_steps.workflow_steps_status_check differs
  expected: CHECK ((status = ANY (ARRAY['pending'::text, 'running'::text, 'success'::text, 'failed'::text, 'skipped'::text])))
  found: CHECK ((status <> ''::text))
alter table workflow_steps rename constraint "workflow_steps_status_check" to workflow_steps_status_check_own;
alter table workflow_steps add constraint workflow_steps_status_check CHECK ((status = ANY (ARRAY['pending'::text, 'running'::text, 'success'::text, 'failed'::text, 'skipped'::text])));

-- alter table workflow_steps rename constraint workflow_steps_status_check to "Check"

constraint workflow_steps.workflow_steps_status_check differs
  expected: CHECK ((status = ANY (ARRAY['pending'::text, 'running'::text, 'success'::text, 'failed'::text, 'skipped'::text])))
  found: Check: CHECK ((status = ANY (ARRAY['pending'::text, 'running'::text, 'success'::text, 'failed'::text, 'skipped'::text])))
alter table workflow_steps rename constraint "Check" to workflow_steps_status_check;

-- alter table workflow_steps drop constraint workflow_steps_execution_id_fkey; alter table workflow_steps add foreign key (execution_id) references workflow_executions on delete cascade not valid

constraint workflow_steps.workflow_steps_execution_id_fkey invalid
  expected: FOREIGN KEY (execution_id) REFERENCES workflow_executions(execution_id) ON DELETE CASCADE
  found: not validated
alter table workflow_steps validate constraint workflow_steps_execution_id_fkey;

-- alter table workflow_steps drop constraint workflow_steps_execution_id_fkey; alter table workflow_steps add constraint workflow_steps_execution_id_fkey foreign key (execution_id) references workflow_executions

constraint workflow_steps.workflow_steps_execution_id_fkey differs
  expected: FOREIGN KEY (execution_id) REFERENCES workflow_executions(execution_id) ON DELETE CASCADE
  found: FOREIGN KEY (execution_id) REFERENCES workflow_executions(execution_id)
alter table workflow_steps drop constraint "workflow_steps_execution_id_fkey", add constraint workflow_steps_execution_id_fkey FOREIGN KEY (execution_id) REFERENCES workflow_executions(execution_id) ON DELETE CASCADE;

-- alter table workflow_steps drop constraint workflow_steps_pkey

constraint workflow_steps.workflow_steps_pkey missing
  expected: PRIMARY KEY (execution_id, step_id)
  found: null
alter table workflow_steps add constraint workflow_steps_pkey PRIMARY KEY (execution_id, step_id);

-- alter table workflow_steps drop constraint workflow_steps_pkey, add constraint workflow_steps_pkey primary key (step_id)

constraint workflow_steps.workflow_steps_pkey differs
  expected: PRIMARY KEY (execution_id, step_id)
  found: PRIMARY KEY (step_id)
alter table workflow_steps drop constraint "workflow_steps_pkey", add constraint workflow_steps_pkey PRIMARY KEY (execution_id, step_id);

-- alter table workflow_executions drop constraint workflow_executions_pkey cascade

constraint workflow_executions.workflow_executions_pkey missing
  expected: PRIMARY KEY (execution_id)
  found: null
alter table workflow_executions add constraint workflow_executions_pkey PRIMARY KEY (execution_id);
constraint workflow_steps.workflow_steps_execution_id_fkey missing
  expected: FOREIGN KEY (execution_id) REFERENCES workflow_executions(execution_id) ON DELETE CASCADE
  found: null
alter table workflow_steps add constraint workflow_steps_execution_id_fkey FOREIGN KEY (execution_id) REFERENCES workflow_executions(execution_id) ON DELETE CASCADE;

-- alter table audit_logs drop constraint audit_logs_pkey; create index audit_logs_pkey on wfstore_migrations (name)

constraint audit_logs.audit_logs_pkey missing
  expected: PRIMARY KEY (log_id)
  found: null
alter index audit_logs_pkey rename to audit_logs_pkey_own;
alter table audit_logs add constraint audit_logs_pkey PRIMARY KEY (log_id);
