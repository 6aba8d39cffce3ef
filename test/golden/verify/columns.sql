-- alter table workflow_steps drop column cost

column workflow_steps.cost missing
  expected: numeric not null default 0
  found: null
alter table workflow_steps add column cost numeric not null default 0;
constraint workflow_steps.workflow_steps_finite missing
  expected: CHECK (((cost > '-Infinity'::numeric) AND (cost < 'Infinity'::numeric) AND isfinite(start_time) AND isfinite(end_time) AND isfinite(created_at) AND isfinite(updated_at)))
  found: null
alter table workflow_steps add constraint workflow_steps_finite CHECK (((cost > '-Infinity'::numeric) AND (cost < 'Infinity'::numeric) AND isfinite(start_time) AND isfinite(end_time) AND isfinite(created_at) AND isfinite(updated_at)));
index workflow_steps.workflow_steps_model_idx missing
  expected: USING btree (execution_id) INCLUDE (model_id, cost, tokens_used) WHERE ((model_id IS NOT NULL) OR (cost_source = 'unpriced'::text))
  found: null
create index concurrently workflow_steps_model_idx on workflow_steps USING btree (execution_id) INCLUDE (model_id, cost, tokens_used) WHERE ((model_id IS NOT NULL) OR (cost_source = 'unpriced'::text));

-- alter table audit_logs drop column log_id

column audit_logs.log_id missing
  expected: uuid not null default gen_random_uuid()
  found: null
alter table audit_logs add column log_id uuid not null default gen_random_uuid();
constraint audit_logs.audit_logs_pkey missing
  expected: PRIMARY KEY (log_id)
  found: null
alter table audit_logs add constraint audit_logs_pkey PRIMARY KEY (log_id);
index audit_logs.audit_logs_execution_timestamp_idx missing
  expected: USING btree (execution_id, "timestamp", log_id)
  found: null
create index concurrently audit_logs_execution_timestamp_idx on audit_logs USING btree (execution_id, "timestamp", log_id);
index audit_logs.audit_logs_failed_idx missing
  expected: USING btree ("timestamp", log_id) WHERE (NOT success)
  found: null
create index concurrently audit_logs_failed_idx on audit_logs USING btree ("timestamp", log_id) WHERE (NOT success);
index audit_logs.audit_logs_timestamp_idx missing
  expected: USING btree ("timestamp", log_id)
  found: null
create index concurrently audit_logs_timestamp_idx on audit_logs USING btree ("timestamp", log_id);
index audit_logs.audit_logs_user_failed_idx missing
  expected: USING btree (user_id, "timestamp", log_id) WHERE (NOT success)
  found: null
create index concurrently audit_logs_user_failed_idx on audit_logs USING btree (user_id, "timestamp", log_id) WHERE (NOT success);
index audit_logs.audit_logs_user_timestamp_idx missing
  expected: USING btree (user_id, "timestamp", log_id)
  found: null
create index concurrently audit_logs_user_timestamp_idx on audit_logs USING btree (user_id, "timestamp", log_id);

-- alter table workflow_steps alter column cost type numeric(10,2)

column workflow_steps.cost differs
  expected: numeric not null default 0
  found: numeric(10,2) not null default 0
alter table workflow_steps alter column cost drop default, alter column cost type numeric, alter column cost set default 0;

-- alter table workflow_steps alter column tokens_used type integer, alter column tokens_used set default 1

column workflow_steps.tokens_used differs
  expected: bigint not null default 0
  found: integer not null default 1
alter table workflow_steps alter column tokens_used drop default, alter column tokens_used type bigint, alter column tokens_used set default 0;

-- alter table workflow_steps alter column start_time type timestamp using start_time at time zone 'UTC'

column workflow_steps.start_time differs
  expected: timestamp with time zone
  found: timestamp without time zone
alter table workflow_steps alter column start_time type timestamp with time zone using start_time at time zone 'UTC';

-- alter table workflow_steps alter column duration_ms type text

column workflow_steps.duration_ms differs
  expected: bigint
  found: text
alter table workflow_steps alter column duration_ms type bigint using duration_ms::text::bigint;

-- alter table workflow_steps alter column tool_name type text collate "C"

column workflow_steps.tool_name differs
  expected: text
  found: text collate "C"
alter table workflow_steps alter column tool_name type text;

-- drop view daily_cost_summary; alter table billing_records alter column cost type numeric(12,4); create view daily_cost_summary as select user_id, (timestamp at time zone 'UTC')::date as date, model_id, sum(cost) as total_cost, sum(tokens_total) as total_tokens, count(*) as record_count from billing_records group by 1, 2, 3 order by 2 desc

column billing_records.cost differs
  expected: numeric not null default 0
  found: numeric(12,4) not null default 0
drop view daily_cost_summary;
alter table billing_records alter column cost drop default, alter column cost type numeric, alter column cost set default 0;
create view daily_cost_summary with (security_invoker = true) as SELECT user_id,
    (("timestamp" AT TIME ZONE 'UTC'::text))::date AS date,
    model_id,
    sum(cost) AS total_cost,
    sum(tokens_total) AS total_tokens,
    count(*) AS record_count
   FROM billing_records
  GROUP BY user_id, ((("timestamp" AT TIME ZONE 'UTC'::text))::date), model_id
  ORDER BY ((("timestamp" AT TIME ZONE 'UTC'::text))::date) DESC;
view daily_cost_summary differs
  expected: with (security_invoker = true)
  found: without security_invoker
alter view daily_cost_summary set (security_invoker = true);

-- alter table workflow_steps alter column retry_count drop default

column workflow_steps.retry_count differs
  expected: integer not null default 0
  found: integer not null
alter table workflow_steps alter column retry_count set default 0;

-- alter table workflow_steps alter column retry_count set default 3

column workflow_steps.retry_count differs
  expected: integer not null default 0
  found: integer not null default 3
alter table workflow_steps alter column retry_count set default 0;

-- alter table workflow_steps alter column error_message set default 'none'

column workflow_steps.error_message differs
  expected: text
  found: text default 'none'::text
alter table workflow_steps alter column error_message drop default;

-- alter table workflow_steps alter column step_name drop not null

column workflow_steps.step_name differs
  expected: text not null
  found: text
alter table workflow_steps alter column step_name set not null;

-- alter table workflow_steps alter column tool_name set not null

column workflow_steps.tool_name differs
  expected: text
  found: text not null
alter table workflow_steps alter column tool_name drop not null;

-- alter table usage_history alter column history_id drop identity

column usage_history.history_id differs
  expected: bigint not null generated always as identity
  found: bigint not null
alter table usage_history alter column history_id add generated always as identity;
select setval(pg_get_serial_sequence('usage_history', 'history_id'), (select coalesce(max(history_id), 0) + 1 from usage_history), false);

-- alter table usage_history alter column history_id set generated by default

column usage_history.history_id differs
  expected: bigint not null generated always as identity
  found: bigint not null generated by default as identity
alter table usage_history alter column history_id set generated always;

-- alter table audit_history alter column entries add generated always as identity

column audit_history.entries differs
  expected: bigint not null
  found: bigint not null generated always as identity
alter table audit_history alter column entries drop identity;

-- alter table workflow_steps drop column result; alter table workflow_steps add column result jsonb generated always as (tool_parameters) stored

column workflow_steps.result differs
  expected: jsonb
  found: jsonb generated always as (tool_parameters) stored
alter table workflow_steps alter column result drop expression;
