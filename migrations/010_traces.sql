-- Up Migration

-- Spans of OpenTelemetry. A trace becomes a run: its id is the id of the execution. Both tables have no foreign key, because that
-- would refuse TRUNCATE of workflow_executions.
create table wfstore_traces (
  trace_id      uuid primary key,
  first_arrival timestamptz not null,
  last_arrival  timestamptz not null,
  due_at        timestamptz,
  state         text not null default 'received'
    constraint wfstore_traces_state_check check (state in ('received', 'running', 'abandoned', 'ended', 'recorded')),
  findings      jsonb not null default '[]',
  error         text
);
comment on column wfstore_traces.due_at is 'time when the run is written again from its spans; NULL if nothing is expected';
comment on column wfstore_traces.state is 'received: not written yet; running: its run is running; abandoned: its run has ended without a root span; ended; recorded: an engine records this run itself, so its spans do not count';
comment on column wfstore_traces.error is 'why the run could not be written; it is tried again';
create index wfstore_traces_due_idx on wfstore_traces (due_at, trace_id) where due_at is not null;
create index wfstore_traces_findings_idx on wfstore_traces (first_arrival, trace_id) where findings <> '[]' or error is not null;

create table wfstore_spans (
  trace_id    uuid not null,
  span_id     text not null,
  end_time    timestamptz not null,
  response_id text,
  step_hash   text,
  facts       jsonb not null,
  primary key (trace_id, span_id)
);
comment on column wfstore_spans.step_hash is 'hash of the step that counts this span; NULL if no step does';
create index wfstore_spans_response_idx on wfstore_spans (response_id, end_time) where response_id is not null;

-- Cleanup, psql and the old application remove runs. Then their spans go too. As in 003_billing, the function runs as its owner, and
-- its names are those of PostgreSQL. Traces are locked in the order of their ids, as in every transaction that receives spans.
create function wfstore_drop_traces() returns trigger language plpgsql
  security definer set search_path = pg_catalog, pg_temp set row_security = off as $$
declare
  place text := quote_ident(tg_table_schema);
  ids   uuid[];
begin
  if tg_op = 'TRUNCATE' then
    execute format('truncate %1$s.wfstore_traces, %1$s.wfstore_spans', place);
    return null;
  end if;
  execute format('select array_agg(trace_id) from (
      select trace_id from %1$s.wfstore_traces where trace_id = any (array(select execution_id from gone))
      order by trace_id for update) as t', place) into ids;
  if ids is not null then
    execute format('delete from %1$s.wfstore_spans where trace_id = any ($1)', place) using ids;
    execute format('delete from %1$s.wfstore_traces where trace_id = any ($1)', place) using ids;
  end if;
  return null;
end $$;
revoke all on function wfstore_drop_traces() from public;
create trigger wfstore_drop_traces after delete on workflow_executions
  referencing old table as gone for each statement execute function wfstore_drop_traces();
create trigger wfstore_truncate_traces after truncate on workflow_executions
  for each statement execute function wfstore_drop_traces();

-- If a superuser migrates the tables of an application, the new objects get the owner of the tables.
do $$
declare
  owner name := (select pg_get_userbyid(relowner) from pg_class where oid = 'workflow_executions'::regclass);
begin
  if owner <> current_user and has_schema_privilege(owner, current_schema(), 'create') then
    execute format('alter table wfstore_traces owner to %I', owner);
    execute format('alter table wfstore_spans owner to %I', owner);
    execute format('alter function wfstore_drop_traces() owner to %I', owner);
  end if;
end $$;

-- Down Migration

drop trigger wfstore_truncate_traces on workflow_executions;
drop trigger wfstore_drop_traces on workflow_executions;
drop table wfstore_spans, wfstore_traces;
drop function wfstore_drop_traces();
