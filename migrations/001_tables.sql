-- Up Migration

-- The columns have the names and the order of the old application, so that its statements still work. Columns of
-- wfstore follow after them. Times are timestamptz, amounts are US dollars, token counts are bigint. Amounts and times are
-- finite: one NaN would make every total NaN. NaN is greater than Infinity.

-- The names of types, operators and functions in these functions are those of PostgreSQL: a client, or a role that may create
-- objects in the schema of the tables, could bring its own. So no search_path contains another schema, and statements on our
-- tables name the schema of the trigger's table.
create function wfstore_set_updated_at() returns trigger language plpgsql
  set search_path = pg_catalog, pg_temp as $$
begin
  new.updated_at := now();
  return new;
end $$;

-- The old application writes statuses that wfstore has no name for: its retry button writes 'pending'. A trigger calls this
-- only for an unknown status. One that is unknown here too stays as it is, and the check of the table refuses it.
create function wfstore_map_status() returns trigger language plpgsql
  set search_path = pg_catalog, pg_temp as $$
declare
  word text := translate(lower(btrim(new.status, E' \t\r\n')), ' -', '__');
begin
  if tg_table_name = 'workflow_steps' then
    new.status := case
      when word in ('pending', 'queued') then 'pending'
      when word in ('running', 'started', 'in_progress', 'processing') then 'running'
      when word in ('success', 'successful', 'succeeded', 'completed', 'complete', 'done') then 'success'
      when word in ('failed', 'failure', 'error') then 'failed'
      when word in ('skipped', 'cancelled', 'canceled') then 'skipped'
      else new.status end;
  else
    new.status := case
      when word in ('running', 'started', 'in_progress', 'processing', 'pending', 'queued') then 'running'
      when word in ('success', 'successful', 'succeeded', 'completed', 'complete', 'done') then 'success'
      when word in ('failed', 'failure', 'error') then 'failed'
      when word = 'partial' then 'partial'
      when word in ('cancelled', 'canceled') then 'cancelled'
      else new.status end;
  end if;
  return new;
end $$;

-- The execution_id of an audit entry or a bill without an execution. `wfstore migrate distribute` replaces it: a column that decides the
-- shard of a row is never NULL.
create function wfstore_no_run() returns uuid language sql immutable parallel safe return null::uuid;

create table workflow_executions (
  execution_id    uuid primary key default gen_random_uuid(),
  workflow_name   text not null,
  workflow_type   text not null default 'autonomous',
  user_id         text not null,
  mode            text not null,
  model_id        text not null,
  start_time      timestamptz not null default now(),
  end_time        timestamptz,
  status          text not null default 'running'
    constraint workflow_executions_status_check
      check (status in ('running', 'success', 'failed', 'partial', 'cancelled')),
  total_cost      numeric not null default 0,
  total_tokens    bigint not null default 0,
  steps_total     integer not null default 0,
  steps_completed integer not null default 0,
  steps_failed    integer not null default 0,
  error_message   text,
  metadata        jsonb default '{}',
  created_at      timestamptz default now(),
  updated_at      timestamptz default now(),
  constraint workflow_executions_finite check (
    total_cost > '-Infinity' and total_cost < 'Infinity' and isfinite(start_time) and
    isfinite(end_time) and isfinite(created_at) and isfinite(updated_at)
  )
);

-- A token class that was not reported is NULL, not 0. tokens_used is the number of billed tokens.
create table workflow_steps (
  step_id            uuid not null default gen_random_uuid(),
  execution_id       uuid not null
    references workflow_executions (execution_id) on delete cascade,
  step_number        integer not null,
  step_name          text not null,
  step_description   text,
  tool_name          text,
  tool_parameters    jsonb,
  status             text not null default 'pending'
    constraint workflow_steps_status_check
      check (status in ('pending', 'running', 'success', 'failed', 'skipped')),
  start_time         timestamptz,
  end_time           timestamptz,
  duration_ms        bigint,
  tokens_used        bigint not null default 0,
  cost               numeric not null default 0,
  result             jsonb,
  error_message      text,
  retry_count        integer not null default 0,
  created_at         timestamptz default now(),
  updated_at         timestamptz default now(),
  tokens_input       bigint,
  tokens_output      bigint,
  tokens_cache_read  bigint,
  tokens_cache_write bigint,
  tokens_reasoning   bigint,
  primary key (execution_id, step_id),
  constraint workflow_steps_finite check (
    cost > '-Infinity' and cost < 'Infinity' and isfinite(start_time) and isfinite(end_time) and
    isfinite(created_at) and isfinite(updated_at)
  )
);

-- Here and in billing_records execution_id and step_id have no foreign key: the rows outlive their run.
create table audit_logs (
  log_id         uuid primary key default gen_random_uuid(),
  execution_id   uuid,
  step_id        uuid,
  timestamp      timestamptz not null default now(),
  user_id        text not null,
  action_type    text not null,
  action_details text not null,
  tool_name      text,
  tool_input     jsonb,
  tool_output    jsonb,
  tokens_used    bigint not null default 0,
  cost           numeric not null default 0,
  model_id       text,
  success        boolean not null default true,
  error_message  text,
  metadata       jsonb default '{}',
  created_at     timestamptz default now(),
  constraint audit_logs_finite check (
    cost > '-Infinity' and cost < 'Infinity' and isfinite(timestamp) and isfinite(created_at)
  )
);

create table observability_metrics (
  metric_id          uuid primary key default gen_random_uuid(),
  timestamp          timestamptz not null default now(),
  user_id            text not null,
  metric_type        text not null,
  metric_value       numeric not null,
  aggregation_period text not null default 'hour',
  dimensions         jsonb default '{}',
  created_at         timestamptz default now(),
  constraint observability_metrics_finite check (
    metric_value > '-Infinity' and metric_value < 'Infinity' and isfinite(timestamp) and
    isfinite(created_at)
  )
);

create table billing_records (
  billing_id         uuid primary key default gen_random_uuid(),
  user_id            text not null,
  execution_id       uuid,
  timestamp          timestamptz not null default now(),
  model_id           text not null,
  tokens_input       bigint,
  tokens_output      bigint,
  tokens_total       bigint not null default 0,
  cost               numeric not null default 0,
  billing_period     text not null
    constraint billing_records_month check (billing_period ~ '^\d{4}-(0[1-9]|1[0-2])$'),
  paid               boolean not null default false,
  payment_id         text,
  metadata           jsonb default '{}',
  created_at         timestamptz default now(),
  updated_at         timestamptz default now(),
  tokens_cache_read  bigint,
  tokens_cache_write bigint,
  tokens_reasoning   bigint,
  constraint billing_records_finite check (
    cost > '-Infinity' and cost < 'Infinity' and isfinite(timestamp) and isfinite(created_at) and
    isfinite(updated_at)
  )
);

-- The totals of the runs that cleanup removed. Rows are appended and merged; several rows may have the same key.
-- quarter_start is the quarter hour in which the run started: in every time zone a day begins on a quarter hour.
create table usage_history (
  history_id      bigint generated always as identity primary key,
  quarter_start   timestamptz not null,
  user_id         text not null,
  workflow_name   text not null,
  mode            text not null,
  model_id        text not null,
  status          text not null,
  runs            bigint not null,
  total_cost      numeric not null,
  total_tokens    bigint not null,
  steps_total     bigint not null,
  steps_completed bigint not null,
  steps_failed    bigint not null,
  timed_runs      bigint not null,
  duration_ms     numeric not null,
  last_start_time timestamptz not null,
  constraint usage_history_finite check (
    total_cost > '-Infinity' and total_cost < 'Infinity' and
    duration_ms > '-Infinity' and duration_ms < 'Infinity' and isfinite(quarter_start) and
    isfinite(last_start_time)
  )
);
comment on column usage_history.timed_runs is 'number of runs with an end time';
comment on column usage_history.duration_ms is 'sum of the times of timed_runs in milliseconds; an end before the start is 0';
comment on column usage_history.last_start_time is 'start_time of the newest of these runs';

create table audit_history (
  history_id    bigint generated always as identity primary key,
  quarter_start timestamptz not null,
  user_id       text not null,
  action_type   text not null,
  success       boolean not null,
  entries       bigint not null,
  constraint audit_history_finite check (
    isfinite(quarter_start)
  )
);

create trigger update_workflow_executions_updated_at before update on workflow_executions
  for each row execute function wfstore_set_updated_at();
create trigger update_workflow_steps_updated_at before update on workflow_steps
  for each row execute function wfstore_set_updated_at();
create trigger update_billing_records_updated_at before update on billing_records
  for each row execute function wfstore_set_updated_at();
create trigger wfstore_map_status before insert or update of status on workflow_executions
  for each row when (new.status not in ('running', 'success', 'failed', 'partial', 'cancelled'))
  execute function wfstore_map_status();
create trigger wfstore_map_status before insert or update of status on workflow_steps
  for each row when (new.status not in ('pending', 'running', 'success', 'failed', 'skipped'))
  execute function wfstore_map_status();

-- The total of a run is the sum of its steps, also if a client writes another total. An application that reads totals, adds to them and
-- writes them back loses a step when two end at once, and joins digits if its driver reads numbers as text. If no step has
-- tokens or a cost, the totals that the client writes stay.
--
-- A client that adds in SQL, as wfstore does, sets wfstore.keeps_totals in its transaction. Then these triggers do not run.
--
-- The functions run as their owner: the sum must not depend on what the role of the client may see. If the owner cannot read all rows of these tables (FORCE ROW LEVEL SECURITY, or tables of
-- several owners), a sum would be too small and an error would stop the application. Then they change nothing, and doctor says so.
create function wfstore_keep_totals() returns trigger language plpgsql
  security definer set search_path = pg_catalog, pg_temp set row_security = off as $$
declare
  steps text := quote_ident(tg_table_schema) || '.workflow_steps';
  total record;
begin
  if (new.total_tokens, new.total_cost) is not distinct from (old.total_tokens, old.total_cost)
    and not (old.status = 'running' and new.status <> 'running')
  then
    return new;
  end if;
  if row_security_active(steps) or not has_table_privilege(steps, 'select') then
    return new;
  end if;
  -- The row is locked, and its steps are those of a new snapshot.
  execute 'select sum(tokens_used) as tokens, sum(cost) as cost from ' || steps || ' where execution_id = $1'
    into total using new.execution_id;
  if total.tokens <> 0 or total.cost <> 0 or new.total_tokens is null then
    new.total_tokens := coalesce(total.tokens, 0);
    new.total_cost := coalesce(total.cost, 0);
  end if;
  return new;
end $$;

create function wfstore_count_step() returns trigger language plpgsql
  security definer set search_path = pg_catalog, pg_temp set row_security = off as $$
declare
  steps text := quote_ident(tg_table_schema) || '.workflow_steps';
  runs  text := quote_ident(tg_table_schema) || '.workflow_executions';
  statement text := 'update ' || runs
    || ' set total_tokens = null where execution_id operator(pg_catalog.=) any (array[$1, $2])';
begin
  if (new.tokens_used, new.cost, new.execution_id) =
     (coalesce(old.tokens_used, 0), coalesce(old.cost, 0), coalesce(old.execution_id, new.execution_id))
  then
    return null;
  end if;
  if row_security_active(steps) or row_security_active(runs)
    or not has_table_privilege(steps, 'select') or not has_table_privilege(runs, 'update')
  then
    return null;
  end if;
  -- NULL is not stored: the trigger of the run replaces it by the sum. The triggers of the application on runs find its own
  -- functions and tables; the statement itself uses no operator that is not qualified.
  perform set_config('search_path', quote_ident(tg_table_schema) || ', pg_temp', true);
  execute statement using new.execution_id, old.execution_id;
  perform set_config('search_path', 'pg_catalog, pg_temp', true);
  return null;
end $$;

-- The first bill of a run has the cost of its steps. The values that the client gave stay in its metadata. While a step of a
-- running run is open, the cost of the run is not known and the bill stays as it is.
create function wfstore_bill_steps() returns trigger language plpgsql
  security definer set search_path = pg_catalog, pg_temp set row_security = off as $$
declare
  steps text := quote_ident(tg_table_schema) || '.workflow_steps';
  runs  text := quote_ident(tg_table_schema) || '.workflow_executions';
  bills text := quote_ident(tg_table_schema) || '.billing_records';
  total record;
  early boolean;
begin
  if exists (select from unnest(array[steps, runs, bills]) as name
    where row_security_active(name) or not has_table_privilege(name, 'select'))
  then
    return new;
  end if;
  execute 'select sum(tokens_used) as tokens, sum(cost) as cost, bool_or(status in (''pending'', ''running'')) as open from '
    || steps || ' where execution_id = $1' into total using new.execution_id;
  if (total.tokens <> 0 or total.cost <> 0) and (total.tokens, total.cost) <> (new.tokens_total, new.cost) then
    execute 'select $2 and exists (select from ' || runs || ' where execution_id = $1 and status = ''running'')
      or exists (select from ' || bills || ' where execution_id = $1)' into early using new.execution_id, total.open;
    if early then
      return new;
    end if;
    new.metadata := coalesce(nullif(new.metadata, 'null'), '{}') ||
      jsonb_build_object('given', jsonb_build_object('tokens_total', new.tokens_total, 'cost', new.cost));
    if new.tokens_total <> total.tokens then
      -- The classes would not add up to the total.
      new.tokens_input := null;
      new.tokens_output := null;
      new.tokens_cache_read := null;
      new.tokens_cache_write := null;
      new.tokens_reasoning := null;
    end if;
    new.tokens_total := total.tokens;
    new.cost := total.cost;
  end if;
  return new;
end $$;
revoke all on function wfstore_keep_totals(), wfstore_count_step(), wfstore_bill_steps() from public;

-- Triggers run in the order of their names, so these run after those of the application. Their conditions name no column,
-- because PostgreSQL refuses to change the type of a column that a trigger names.
create trigger wfstore_keep_totals before update on workflow_executions for each row
  when (current_setting('wfstore.keeps_totals', true) is distinct from 'on') execute function wfstore_keep_totals();
create trigger wfstore_count_step after insert or update on workflow_steps for each row
  when (current_setting('wfstore.keeps_totals', true) is distinct from 'on') execute function wfstore_count_step();
create trigger wfstore_bill_steps before insert on billing_records for each row
  when (current_setting('wfstore.keeps_totals', true) is distinct from 'on') execute function wfstore_bill_steps();

-- The time of the last write of another client than wfstore, such as the old application, in seconds since 1970; with an accuracy
-- of a minute. It is a sequence, because the value of a sequence is set without a wait for other transactions and without a
-- serialization failure. A rollback does not reset it.
create sequence wfstore_other_writes;

-- This never makes the statement of the client fail.
create function wfstore_note_write() returns trigger language plpgsql
  security definer set search_path = pg_catalog, pg_temp as $$
declare
  noted   regclass;
  seconds bigint;
begin
  noted := to_regclass(quote_ident(tg_table_schema) || '.wfstore_other_writes');
  seconds := floor(extract(epoch from clock_timestamp()));
  if seconds - pg_sequence_last_value(noted) between 0 and 59 then
    return null;
  end if;
  perform setval(noted, seconds);
  return null;
exception when others then
  return null;
end $$;
revoke all on function wfstore_note_write() from public;

-- A write of wfstore sets wfstore.keeps_totals to on, or to off if the triggers above keep the totals.
create trigger wfstore_note_write after insert or update on workflow_executions for each row
  when (coalesce(current_setting('wfstore.keeps_totals', true), '') not in ('on', 'off')) execute function wfstore_note_write();
create trigger wfstore_note_write after insert or update on workflow_steps for each row
  when (coalesce(current_setting('wfstore.keeps_totals', true), '') not in ('on', 'off')) execute function wfstore_note_write();
create trigger wfstore_note_write after insert or update on audit_logs for each row
  when (coalesce(current_setting('wfstore.keeps_totals', true), '') not in ('on', 'off')) execute function wfstore_note_write();
create trigger wfstore_note_write after insert or update on observability_metrics for each row
  when (coalesce(current_setting('wfstore.keeps_totals', true), '') not in ('on', 'off')) execute function wfstore_note_write();
create trigger wfstore_note_write after insert or update on billing_records for each row
  when (coalesce(current_setting('wfstore.keeps_totals', true), '') not in ('on', 'off')) execute function wfstore_note_write();

-- Includes the runs that cleanup removed. Both views have the column types that the old statements give on these tables,
-- so that the set-up of the old application can run again: CREATE OR REPLACE cannot change a type.
create view user_workflow_summary with (security_invoker = true) as
  select user_id,
         sum(runs)::bigint                                               as total_executions,
         coalesce(sum(runs) filter (where status = 'success'), 0)::bigint as successful_executions,
         coalesce(sum(runs) filter (where status = 'failed'), 0)::bigint  as failed_executions,
         coalesce(sum(runs) filter (where status = 'running'), 0)::bigint as running_executions,
         sum(total_cost)                                                 as total_cost,
         sum(total_tokens)                                               as total_tokens,
         sum(duration_ms) / nullif(sum(timed_runs), 0)                   as avg_execution_time_ms,
         max(last_start_time)                                            as last_execution_time
  from (
    select user_id, status,
           count(*)          as runs,
           sum(total_cost)   as total_cost,
           sum(total_tokens) as total_tokens,
           count(end_time)   as timed_runs,
           coalesce(sum(extract(epoch from case when end_time < start_time then interval '0' else end_time - start_time end) * 1000), 0)
                            as duration_ms,
           max(start_time)   as last_start_time
    from workflow_executions group by user_id, status
    union all
    select user_id, status, runs, total_cost, total_tokens, timed_runs, duration_ms, last_start_time
    from usage_history
  ) as counted
  group by user_id;

-- Cleanup never removes bills, so they need no history. The date is a day in UTC.
create view daily_cost_summary with (security_invoker = true) as
  select user_id,
         (timestamp at time zone 'UTC')::date as date,
         model_id,
         sum(cost)                as total_cost,
         sum(tokens_total)        as total_tokens,
         count(*)                 as record_count
  from billing_records group by 1, 2, 3 order by 2 desc;

-- Down Migration

drop view daily_cost_summary, user_workflow_summary;
drop table audit_history, usage_history, billing_records, observability_metrics, audit_logs,
  workflow_steps, workflow_executions;
drop function wfstore_note_write();
drop sequence wfstore_other_writes;
drop function wfstore_bill_steps();
drop function wfstore_count_step();
drop function wfstore_keep_totals();
drop function wfstore_set_updated_at();
drop function wfstore_map_status();
drop function wfstore_no_run();
