-- Up Migration

-- Who may use the server. A token has 256 random bits, so its hash needs no salt and no slow function: it cannot be guessed.
create table wfstore_tokens (
  token_id   uuid primary key,
  name       text not null,
  hash       text not null unique
    constraint wfstore_tokens_hash_check check (hash ~ '^[0-9a-f]{64}$'),
  can        text not null
    constraint wfstore_tokens_can_check check (can in ('read', 'write')),
  created_at timestamptz not null default now(),
  created_by text,
  expires_at timestamptz,
  revoked_at timestamptz
);
comment on column wfstore_tokens.hash is 'SHA-256 of the token; the token itself is not stored';
comment on column wfstore_tokens.can is 'read, or write, which includes read';
create unique index wfstore_tokens_name_idx on wfstore_tokens (name) where revoked_at is null;

-- A request of an action that is repeated gets the first answer again.
create table wfstore_requests (
  caller     text not null,
  key        text not null,
  hash       text not null,
  started_at timestamptz not null default now(),
  log_id     uuid not null,
  status     integer,
  note       text,
  body       text,
  primary key (caller, key)
);
comment on column wfstore_requests.key is 'Idempotency-Key of the request';
comment on column wfstore_requests.hash is 'SHA-256 of the command and its parameters';
comment on column wfstore_requests.status is 'HTTP status of the answer; NULL while the action runs, or if the server died';
create index wfstore_requests_started_at_idx on wfstore_requests (started_at);

-- If a superuser migrates the tables of an application, the new objects get the owner of the tables.
do $$
declare
  owner name := (select pg_get_userbyid(relowner) from pg_class where oid = 'workflow_executions'::regclass);
begin
  if owner <> current_user and has_schema_privilege(owner, current_schema(), 'create') then
    execute format('alter table wfstore_tokens owner to %I', owner);
    execute format('alter table wfstore_requests owner to %I', owner);
  end if;
end $$;

-- Down Migration

drop table wfstore_tokens, wfstore_requests;
