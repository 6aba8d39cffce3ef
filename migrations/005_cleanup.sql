-- Up Migration

-- One row for each cleanup. The transactions that delete rows also update its counts, so the counts are right even after
-- a kill.
create table wfstore_cleanups (
  cleanup_id         uuid primary key default gen_random_uuid(),
  started_at         timestamptz not null default now(),
  ended_at           timestamptz,
  cutoff             timestamptz not null,
  keep_last          bigint,
  archive            text,
  outcome            text not null default 'running'
    constraint wfstore_cleanups_outcome_check check (outcome in ('running', 'done', 'stopped', 'failed', 'interrupted')),
  executions_removed bigint not null default 0,
  steps_removed      bigint not null default 0,
  audit_removed      bigint not null default 0,
  metrics_removed    bigint not null default 0,
  rows_protected     bigint,
  error_message      text
);
comment on column wfstore_cleanups.keep_last is 'number of newest runs of each workflow that were kept; NULL for none';
comment on column wfstore_cleanups.archive is 'folder of the archive with the removed rows; NULL without an archive';
comment on column wfstore_cleanups.rows_protected is 'rows older than the cutoff that foreign keys of an application protected; NULL if it did not visit all rows';
comment on column wfstore_cleanups.outcome is 'stopped: by its time limit or a signal; interrupted: it was killed, which the next cleanup recorded';

create index wfstore_cleanups_started_idx on wfstore_cleanups (started_at, cleanup_id);

-- If a superuser migrates the tables of an application, the new objects get the owner of the tables.
do $$
declare
  owner name := (select pg_get_userbyid(relowner) from pg_class where oid = 'workflow_executions'::regclass);
begin
  if owner <> current_user and has_schema_privilege(owner, current_schema(), 'create') then
    execute format('alter table wfstore_cleanups owner to %I', owner);
  end if;
end $$;

-- Down Migration

drop table wfstore_cleanups;
