-- drop table usage_history cascade

table usage_history missing
  expected: table
  found: null
create table usage_history (
  history_id bigint not null generated always as identity,
  quarter_start timestamp with time zone not null,
  user_id text not null,
  workflow_name text not null,
  mode text not null,
  model_id text not null,
  status text not null,
  runs bigint not null,
  total_cost numeric not null,
  total_tokens bigint not null,
  steps_total bigint not null,
  steps_completed bigint not null,
  steps_failed bigint not null,
  timed_runs bigint not null,
  duration_ms numeric not null,
  last_start_time timestamp with time zone not null,
  constraint usage_history_pkey PRIMARY KEY (history_id)
);
create index usage_history_user_idx on usage_history USING btree (user_id);
view user_workflow_summary missing
  expected: SELECT user_id,
    (sum(runs))::bigint AS total_executions,
    (COALESCE(sum(runs) FILTER (WHERE (status = 'success'::text)), (0)::numeric))::bigint AS successful_executions,
    (COALESCE(sum(runs) FILTER (WHERE (status = 'failed'::text)), (0)::numeric))::bigint AS failed_executions,
    (COALESCE(sum(runs) FILTER (WHERE (status = 'running'::text)), (0)::numeric))::bigint AS running_executions,
    sum(total_cost) AS total_cost,
    (sum(total_tokens))::bigint AS total_tokens,
    (sum(duration_ms) / NULLIF(sum(timed_runs), (0)::numeric)) AS avg_execution_time_ms,
    max(last_start_time) AS last_execution_time
   FROM ( SELECT user_id,
            status,
            count(*) AS runs,
            sum(total_cost) AS total_cost,
            sum(total_tokens) AS total_tokens,
            count(end_time) AS timed_runs,
            COALESCE(sum((EXTRACT(epoch FROM (workflow_executions.end_time - start_time)) * (1000)::numeric)), (0)::numeric) AS duration_ms,
            max(start_time) AS last_start_time
           FROM workflow_executions
          GROUP BY user_id, status
        UNION ALL
         SELECT user_id,
            status,
            runs,
            total_cost,
            total_tokens,
            timed_runs,
            duration_ms,
            last_start_time
           FROM usage_history) counted
  GROUP BY user_id
  found: null
create view user_workflow_summary as SELECT user_id,
    (sum(runs))::bigint AS total_executions,
    (COALESCE(sum(runs) FILTER (WHERE (status = 'success'::text)), (0)::numeric))::bigint AS successful_executions,
    (COALESCE(sum(runs) FILTER (WHERE (status = 'failed'::text)), (0)::numeric))::bigint AS failed_executions,
    (COALESCE(sum(runs) FILTER (WHERE (status = 'running'::text)), (0)::numeric))::bigint AS running_executions,
    sum(total_cost) AS total_cost,
    (sum(total_tokens))::bigint AS total_tokens,
    (sum(duration_ms) / NULLIF(sum(timed_runs), (0)::numeric)) AS avg_execution_time_ms,
    max(last_start_time) AS last_execution_time
   FROM ( SELECT user_id,
            status,
            count(*) AS runs,
            sum(total_cost) AS total_cost,
            sum(total_tokens) AS total_tokens,
            count(end_time) AS timed_runs,
            COALESCE(sum((EXTRACT(epoch FROM (workflow_executions.end_time - start_time)) * (1000)::numeric)), (0)::numeric) AS duration_ms,
            max(start_time) AS last_start_time
           FROM workflow_executions
          GROUP BY user_id, status
        UNION ALL
         SELECT user_id,
            status,
            runs,
            total_cost,
            total_tokens,
            timed_runs,
            duration_ms,
            last_start_time
           FROM usage_history) counted
  GROUP BY user_id;

-- drop table workflow_executions cascade

table workflow_executions missing
  expected: table
  found: null
create table workflow_executions (
  execution_id uuid not null default gen_random_uuid(),
  workflow_name text not null,
  workflow_type text not null default 'autonomous'::text,
  user_id text not null,
  mode text not null,
  model_id text not null,
  start_time timestamp with time zone not null default now(),
  end_time timestamp with time zone,
  status text not null default 'running'::text,
  total_cost numeric not null default 0,
  total_tokens bigint not null default 0,
  steps_total integer not null default 0,
  steps_completed integer not null default 0,
  steps_failed integer not null default 0,
  error_message text,
  metadata jsonb default '{}'::jsonb,
  created_at timestamp with time zone default now(),
  updated_at timestamp with time zone default now(),
  constraint workflow_executions_pkey PRIMARY KEY (execution_id),
  constraint workflow_executions_status_check CHECK ((status = ANY (ARRAY['running'::text, 'success'::text, 'failed'::text, 'partial'::text, 'cancelled'::text])))
);
create index workflow_executions_start_idx on workflow_executions USING btree (start_time, execution_id);
create index workflow_executions_status_start_idx on workflow_executions USING btree (status, start_time, execution_id);
create index workflow_executions_user_failed_idx on workflow_executions USING btree (user_id, start_time, execution_id) WHERE (status = ANY (ARRAY['failed'::text, 'partial'::text]));
create index workflow_executions_user_start_idx on workflow_executions USING btree (user_id, start_time, execution_id);
create index workflow_executions_workflow_start_idx on workflow_executions USING btree (workflow_name, start_time, execution_id);
create trigger update_workflow_executions_updated_at BEFORE UPDATE ON workflow_executions FOR EACH ROW EXECUTE FUNCTION wfstore_set_updated_at();
constraint workflow_steps.workflow_steps_execution_id_fkey missing
  expected: FOREIGN KEY (execution_id) REFERENCES workflow_executions(execution_id) ON DELETE CASCADE
  found: null
alter table workflow_steps add constraint workflow_steps_execution_id_fkey FOREIGN KEY (execution_id) REFERENCES workflow_executions(execution_id) ON DELETE CASCADE;
view user_workflow_summary missing
  expected: SELECT user_id,
    (sum(runs))::bigint AS total_executions,
    (COALESCE(sum(runs) FILTER (WHERE (status = 'success'::text)), (0)::numeric))::bigint AS successful_executions,
    (COALESCE(sum(runs) FILTER (WHERE (status = 'failed'::text)), (0)::numeric))::bigint AS failed_executions,
    (COALESCE(sum(runs) FILTER (WHERE (status = 'running'::text)), (0)::numeric))::bigint AS running_executions,
    sum(total_cost) AS total_cost,
    (sum(total_tokens))::bigint AS total_tokens,
    (sum(duration_ms) / NULLIF(sum(timed_runs), (0)::numeric)) AS avg_execution_time_ms,
    max(last_start_time) AS last_execution_time
   FROM ( SELECT user_id,
            status,
            count(*) AS runs,
            sum(total_cost) AS total_cost,
            sum(total_tokens) AS total_tokens,
            count(end_time) AS timed_runs,
            COALESCE(sum((EXTRACT(epoch FROM (workflow_executions.end_time - start_time)) * (1000)::numeric)), (0)::numeric) AS duration_ms,
            max(start_time) AS last_start_time
           FROM workflow_executions
          GROUP BY user_id, status
        UNION ALL
         SELECT user_id,
            status,
            runs,
            total_cost,
            total_tokens,
            timed_runs,
            duration_ms,
            last_start_time
           FROM usage_history) counted
  GROUP BY user_id
  found: null
create view user_workflow_summary as SELECT user_id,
    (sum(runs))::bigint AS total_executions,
    (COALESCE(sum(runs) FILTER (WHERE (status = 'success'::text)), (0)::numeric))::bigint AS successful_executions,
    (COALESCE(sum(runs) FILTER (WHERE (status = 'failed'::text)), (0)::numeric))::bigint AS failed_executions,
    (COALESCE(sum(runs) FILTER (WHERE (status = 'running'::text)), (0)::numeric))::bigint AS running_executions,
    sum(total_cost) AS total_cost,
    (sum(total_tokens))::bigint AS total_tokens,
    (sum(duration_ms) / NULLIF(sum(timed_runs), (0)::numeric)) AS avg_execution_time_ms,
    max(last_start_time) AS last_execution_time
   FROM ( SELECT user_id,
            status,
            count(*) AS runs,
            sum(total_cost) AS total_cost,
            sum(total_tokens) AS total_tokens,
            count(end_time) AS timed_runs,
            COALESCE(sum((EXTRACT(epoch FROM (workflow_executions.end_time - start_time)) * (1000)::numeric)), (0)::numeric) AS duration_ms,
            max(start_time) AS last_start_time
           FROM workflow_executions
          GROUP BY user_id, status
        UNION ALL
         SELECT user_id,
            status,
            runs,
            total_cost,
            total_tokens,
            timed_runs,
            duration_ms,
            last_start_time
           FROM usage_history) counted
  GROUP BY user_id;

-- drop table workflow_steps, workflow_executions cascade

table workflow_executions missing
  expected: table
  found: null
create table workflow_executions (
  execution_id uuid not null default gen_random_uuid(),
  workflow_name text not null,
  workflow_type text not null default 'autonomous'::text,
  user_id text not null,
  mode text not null,
  model_id text not null,
  start_time timestamp with time zone not null default now(),
  end_time timestamp with time zone,
  status text not null default 'running'::text,
  total_cost numeric not null default 0,
  total_tokens bigint not null default 0,
  steps_total integer not null default 0,
  steps_completed integer not null default 0,
  steps_failed integer not null default 0,
  error_message text,
  metadata jsonb default '{}'::jsonb,
  created_at timestamp with time zone default now(),
  updated_at timestamp with time zone default now(),
  constraint workflow_executions_pkey PRIMARY KEY (execution_id),
  constraint workflow_executions_status_check CHECK ((status = ANY (ARRAY['running'::text, 'success'::text, 'failed'::text, 'partial'::text, 'cancelled'::text])))
);
create index workflow_executions_start_idx on workflow_executions USING btree (start_time, execution_id);
create index workflow_executions_status_start_idx on workflow_executions USING btree (status, start_time, execution_id);
create index workflow_executions_user_failed_idx on workflow_executions USING btree (user_id, start_time, execution_id) WHERE (status = ANY (ARRAY['failed'::text, 'partial'::text]));
create index workflow_executions_user_start_idx on workflow_executions USING btree (user_id, start_time, execution_id);
create index workflow_executions_workflow_start_idx on workflow_executions USING btree (workflow_name, start_time, execution_id);
create trigger update_workflow_executions_updated_at BEFORE UPDATE ON workflow_executions FOR EACH ROW EXECUTE FUNCTION wfstore_set_updated_at();
table workflow_steps missing
  expected: table
  found: null
create table workflow_steps (
  step_id uuid not null default gen_random_uuid(),
  execution_id uuid not null,
  step_number integer not null,
  step_name text not null,
  step_description text,
  tool_name text,
  tool_parameters jsonb,
  status text not null default 'pending'::text,
  start_time timestamp with time zone,
  end_time timestamp with time zone,
  duration_ms bigint,
  tokens_used bigint not null default 0,
  cost numeric not null default 0,
  result jsonb,
  error_message text,
  retry_count integer not null default 0,
  created_at timestamp with time zone default now(),
  updated_at timestamp with time zone default now(),
  tokens_input bigint,
  tokens_output bigint,
  tokens_cache_read bigint,
  tokens_cache_write bigint,
  tokens_reasoning bigint,
  constraint workflow_steps_execution_id_fkey FOREIGN KEY (execution_id) REFERENCES workflow_executions(execution_id) ON DELETE CASCADE,
  constraint workflow_steps_pkey PRIMARY KEY (execution_id, step_id),
  constraint workflow_steps_status_check CHECK ((status = ANY (ARRAY['pending'::text, 'running'::text, 'success'::text, 'failed'::text, 'skipped'::text])))
);
create index workflow_steps_step_idx on workflow_steps USING btree (step_id);
create trigger update_workflow_steps_updated_at BEFORE UPDATE ON workflow_steps FOR EACH ROW EXECUTE FUNCTION wfstore_set_updated_at();
view user_workflow_summary missing
  expected: SELECT user_id,
    (sum(runs))::bigint AS total_executions,
    (COALESCE(sum(runs) FILTER (WHERE (status = 'success'::text)), (0)::numeric))::bigint AS successful_executions,
    (COALESCE(sum(runs) FILTER (WHERE (status = 'failed'::text)), (0)::numeric))::bigint AS failed_executions,
    (COALESCE(sum(runs) FILTER (WHERE (status = 'running'::text)), (0)::numeric))::bigint AS running_executions,
    sum(total_cost) AS total_cost,
    (sum(total_tokens))::bigint AS total_tokens,
    (sum(duration_ms) / NULLIF(sum(timed_runs), (0)::numeric)) AS avg_execution_time_ms,
    max(last_start_time) AS last_execution_time
   FROM ( SELECT user_id,
            status,
            count(*) AS runs,
            sum(total_cost) AS total_cost,
            sum(total_tokens) AS total_tokens,
            count(end_time) AS timed_runs,
            COALESCE(sum((EXTRACT(epoch FROM (workflow_executions.end_time - start_time)) * (1000)::numeric)), (0)::numeric) AS duration_ms,
            max(start_time) AS last_start_time
           FROM workflow_executions
          GROUP BY user_id, status
        UNION ALL
         SELECT user_id,
            status,
            runs,
            total_cost,
            total_tokens,
            timed_runs,
            duration_ms,
            last_start_time
           FROM usage_history) counted
  GROUP BY user_id
  found: null
create view user_workflow_summary as SELECT user_id,
    (sum(runs))::bigint AS total_executions,
    (COALESCE(sum(runs) FILTER (WHERE (status = 'success'::text)), (0)::numeric))::bigint AS successful_executions,
    (COALESCE(sum(runs) FILTER (WHERE (status = 'failed'::text)), (0)::numeric))::bigint AS failed_executions,
    (COALESCE(sum(runs) FILTER (WHERE (status = 'running'::text)), (0)::numeric))::bigint AS running_executions,
    sum(total_cost) AS total_cost,
    (sum(total_tokens))::bigint AS total_tokens,
    (sum(duration_ms) / NULLIF(sum(timed_runs), (0)::numeric)) AS avg_execution_time_ms,
    max(last_start_time) AS last_execution_time
   FROM ( SELECT user_id,
            status,
            count(*) AS runs,
            sum(total_cost) AS total_cost,
            sum(total_tokens) AS total_tokens,
            count(end_time) AS timed_runs,
            COALESCE(sum((EXTRACT(epoch FROM (workflow_executions.end_time - start_time)) * (1000)::numeric)), (0)::numeric) AS duration_ms,
            max(start_time) AS last_start_time
           FROM workflow_executions
          GROUP BY user_id, status
        UNION ALL
         SELECT user_id,
            status,
            runs,
            total_cost,
            total_tokens,
            timed_runs,
            duration_ms,
            last_start_time
           FROM usage_history) counted
  GROUP BY user_id;

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
create table audit_history (
  history_id bigint not null generated always as identity,
  quarter_start timestamp with time zone not null,
  user_id text not null,
  action_type text not null,
  success boolean not null,
  entries bigint not null,
  constraint audit_history_pkey PRIMARY KEY (history_id)
);
create index audit_history_user_idx on audit_history USING btree (user_id);

-- drop table workflow_steps; create table workflow_steps (step_id uuid constraint workflow_steps_pkey primary key) partition by hash (step_id); create index workflow_steps_step_idx on workflow_steps (step_id)

table workflow_steps differs
  expected: table
  found: partitioned table
alter table workflow_steps rename to workflow_steps_own;
alter index workflow_steps_pkey rename to workflow_steps_pkey_own;
alter index workflow_steps_step_idx rename to workflow_steps_step_idx_own;
create table workflow_steps (
  step_id uuid not null default gen_random_uuid(),
  execution_id uuid not null,
  step_number integer not null,
  step_name text not null,
  step_description text,
  tool_name text,
  tool_parameters jsonb,
  status text not null default 'pending'::text,
  start_time timestamp with time zone,
  end_time timestamp with time zone,
  duration_ms bigint,
  tokens_used bigint not null default 0,
  cost numeric not null default 0,
  result jsonb,
  error_message text,
  retry_count integer not null default 0,
  created_at timestamp with time zone default now(),
  updated_at timestamp with time zone default now(),
  tokens_input bigint,
  tokens_output bigint,
  tokens_cache_read bigint,
  tokens_cache_write bigint,
  tokens_reasoning bigint,
  constraint workflow_steps_execution_id_fkey FOREIGN KEY (execution_id) REFERENCES workflow_executions(execution_id) ON DELETE CASCADE,
  constraint workflow_steps_pkey PRIMARY KEY (execution_id, step_id),
  constraint workflow_steps_status_check CHECK ((status = ANY (ARRAY['pending'::text, 'running'::text, 'success'::text, 'failed'::text, 'skipped'::text])))
);
create index workflow_steps_step_idx on workflow_steps USING btree (step_id);
create trigger update_workflow_steps_updated_at BEFORE UPDATE ON workflow_steps FOR EACH ROW EXECUTE FUNCTION wfstore_set_updated_at();
