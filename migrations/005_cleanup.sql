-- Up Migration

-- A row for each cleanup. Its counts move in the transactions that delete, so they are right even where it was killed.
create table cleanups (
  cleanup_id         uuid primary key default gen_random_uuid(),
  started_at         timestamptz not null default now(),
  ended_at           timestamptz,
  cutoff             timestamptz not null,
  keep_last          bigint,
  archive            text,
  outcome            text not null default 'running'
    constraint cleanups_outcome_check check (outcome in ('running', 'done', 'stopped', 'failed', 'interrupted')),
  executions_removed bigint not null default 0,
  steps_removed      bigint not null default 0,
  audit_removed      bigint not null default 0,
  metrics_removed    bigint not null default 0,
  error_message      text
);
comment on column cleanups.keep_last is 'so many of the newest runs of every workflow were kept; NULL for none';
comment on column cleanups.archive is 'folder that the removed rows were written to; NULL where they were not';
comment on column cleanups.outcome is 'stopped by its time limit or a signal; interrupted: found running by a later cleanup, and dead';

create index cleanups_started_idx on cleanups (started_at, cleanup_id);

-- A superuser may migrate the tables of an application: what is new belongs to who owns them.
do $$
declare
  owner name := (select pg_get_userbyid(relowner) from pg_class where oid = 'workflow_executions'::regclass);
begin
  if owner <> current_user and has_schema_privilege(owner, current_schema(), 'create') then
    execute format('alter table cleanups owner to %I', owner);
  end if;
end $$;

-- Down Migration

drop table cleanups;
