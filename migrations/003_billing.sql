-- Up Migration

-- The billing periods. A closed period has the totals of its bills, and triggers refuse every change of them. They do
-- not stop TRUNCATE or a superuser who disables triggers.
create table wfstore_periods (
  billing_period text primary key,
  closed_at      timestamptz,
  closed_by      text,
  time_zone      text,
  records        bigint,
  cost           numeric,
  tokens_total   bigint,
  constraint wfstore_periods_finite check (cost > '-Infinity' and cost < 'Infinity' and isfinite(closed_at))
);
comment on column wfstore_periods.closed_at is 'time of the close; NULL while the period is open';
comment on column wfstore_periods.time_zone is 'time zone of the months at the time of the close';

-- The time zone in which the months of this store begin. Without a row it is UTC.
create table wfstore_settings (
  only_row  boolean primary key default true constraint wfstore_settings_only_row_check check (only_row),
  time_zone text not null
);

alter table billing_records
  add column if not exists corrects uuid,
  add column if not exists original_period text;

-- A transaction that changes a bill holds a share lock on its period, and the close waits for that lock. So a bill is
-- either in the totals of the close or in a later period. At repeatable read PostgreSQL refuses any other case.
--
-- The functions run as their owner, so that a role that writes bills needs no privilege on the periods. As in 001_tables, names
-- are those of PostgreSQL, and tables are in the schema of the trigger's table. Only the owner can create a trigger with them. With row_security off, a policy that
-- hides rows from the owner too is an error and not a smaller total, in the sessions of every client.
create function wfstore_keep_bills() returns trigger language plpgsql
  security definer set search_path = pg_catalog, pg_temp set row_security = off as $$
declare
  period text;
  closed boolean;
  zone   text;
  moved  boolean := false;
begin
  -- Bills can be paid after the close. Columns that the application added can change too.
  if tg_op = 'UPDATE' and
     (new.billing_id, new.user_id, new.execution_id, new.timestamp, new.model_id, new.tokens_input, new.tokens_output,
      new.tokens_total, new.cost, new.billing_period, new.metadata, new.created_at, new.tokens_cache_read,
      new.tokens_cache_write, new.tokens_reasoning, new.corrects, new.original_period) is not distinct from
     (old.billing_id, old.user_id, old.execution_id, old.timestamp, old.model_id, old.tokens_input, old.tokens_output,
      old.tokens_total, old.cost, old.billing_period, old.metadata, old.created_at, old.tokens_cache_read,
      old.tokens_cache_write, old.tokens_reasoning, old.corrects, old.original_period)
     -- A later migration adds this column.
     and to_jsonb(new) -> 'tags' is not distinct from to_jsonb(old) -> 'tags'
  then
    return new;
  end if;
  period := case tg_op when 'INSERT' then new.billing_period else old.billing_period end;
  while period is not null loop
    -- Every bill reads this row, and a static statement is planned once. Only here the search path has the schema of the table,
    -- so the operator is qualified.
    perform set_config('search_path', quote_ident(tg_table_schema) || ', pg_temp', true);
    select closed_at is not null into closed from wfstore_periods where billing_period operator(pg_catalog.=) period for share;
    perform set_config('search_path', 'pg_catalog, pg_temp', true);
    if closed is null then
      execute format('insert into %I.wfstore_periods (billing_period) values ($1) on conflict do nothing', tg_table_schema)
        using period;
    elsif closed and tg_op = 'INSERT' then
      -- Use the current period, or the first open one after it.
      if moved then
        period := to_char(to_date(period, 'YYYY-MM') + interval '1 month', 'YYYY-MM');
      else
        execute format('select time_zone from %I.wfstore_settings', tg_table_schema) into zone;
        period := to_char(now() at time zone coalesce(zone, 'UTC'), 'YYYY-MM');
        moved := true;
      end if;
    elsif closed then
      raise exception 'billing period % is closed: bill % cannot be %', period, old.billing_id,
        case when tg_op = 'DELETE' then 'deleted' when period = old.billing_period then 'changed' else 'moved into it' end
        using errcode = 'WF001';
    elsif tg_op = 'UPDATE' and period = old.billing_period and new.billing_period <> period then
      period := new.billing_period;
    else
      exit;
    end if;
  end loop;
  if tg_op = 'DELETE' then
    return old;
  elsif moved then
    new.original_period := coalesce(new.original_period, new.billing_period);
    new.billing_period := period;
  end if;
  return new;
end $$;
-- Setting closed_at closes a period. At that time the row is locked, so no transaction is changing its bills, and a
-- statement at read committed sees all committed bills.
create function wfstore_close_period() returns trigger language plpgsql
  security definer set search_path = pg_catalog, pg_temp set row_security = off as $$
declare
  unsound bigint;
  ids     text;
begin
  if tg_op <> 'INSERT' then
    if old.closed_at is not null then
      raise exception 'billing period % is closed and cannot be changed', old.billing_period using errcode = 'WF001';
    elsif tg_op = 'DELETE' then
      return old;
    elsif new.billing_period <> old.billing_period then
      raise exception 'billing period % cannot be renamed', old.billing_period using errcode = 'WF001';
    end if;
  elsif new.closed_at is not null then
    raise exception 'billing period % cannot be inserted as closed', new.billing_period using errcode = 'WF001';
  end if;
  new.closed_by := case when new.closed_at is not null then coalesce(new.closed_by, session_user) end;
  new.time_zone := null;
  new.records := null;
  new.cost := null;
  new.tokens_total := null;
  if new.closed_at is null then
    return new;
  elsif current_setting('transaction_isolation') not in ('read committed', 'read uncommitted') then
    raise exception 'billing period % can only be closed at isolation level read committed', new.billing_period
      using errcode = 'WF003';
  end if;
  -- From now on the time zone is fixed too.
  execute format('insert into %I.wfstore_settings (time_zone) values (''UTC'') on conflict do nothing', tg_table_schema);
  execute format('select time_zone from %I.wfstore_settings for share', tg_table_schema) into new.time_zone;
  execute format('select count(*), coalesce(sum(cost), 0), coalesce(sum(tokens_total), 0), count(*) filter (where is_unsound),
    array_to_string((array_agg(billing_id::text order by billing_id) filter (where is_unsound))[1:5], '', '')
    from (select *, not (cost > ''-Infinity'' and cost < ''Infinity'' and isfinite(timestamp) and isfinite(created_at) and
      isfinite(updated_at)) as is_unsound from %I.billing_records where billing_period = $1) as b', tg_table_schema)
    into new.records, new.cost, new.tokens_total, unsound, ids using new.billing_period;
  -- A check of billing_records refuses such bills, but the check can be missing.
  if unsound > 0 then
    raise exception 'billing period % cannot be closed: billing_records has % with a cost or a time that is not finite: billing_id %',
      new.billing_period, case unsound when 1 then '1 bill' else unsound || ' bills' end, ids using errcode = 'WF002';
  end if;
  return new;
end $$;

create function wfstore_keep_zone() returns trigger language plpgsql
  security definer set search_path = pg_catalog, pg_temp set row_security = off as $$
declare
  closed boolean;
begin
  if tg_op = 'UPDATE' and new.time_zone = old.time_zone then
    return new;
  end if;
  execute format('select exists (select from %I.wfstore_periods where closed_at is not null)', tg_table_schema) into closed;
  if closed then
    raise exception 'time zone % cannot be changed: a billing period is closed', old.time_zone using errcode = 'WF001';
  end if;
  return case when tg_op = 'DELETE' then old else new end;
end $$;

revoke all on function wfstore_keep_bills(), wfstore_close_period(), wfstore_keep_zone() from public;

-- Triggers run in the order of their names. This one runs after those of the application and sees their changes.
create trigger wfstore_keep_bills before insert or update or delete on billing_records
  for each row execute function wfstore_keep_bills();
create trigger wfstore_close_period before insert or update or delete on wfstore_periods
  for each row execute function wfstore_close_period();
create trigger wfstore_keep_zone before update or delete on wfstore_settings
  for each row execute function wfstore_keep_zone();

-- Closes a month. NULL if it was closed before. The names are resolved here and not when it runs.
create function wfstore_close(month text, closer text default null) returns boolean language sql
begin atomic
  insert into wfstore_periods (billing_period) values (month) on conflict do nothing;
  update wfstore_periods set closed_at = now(), closed_by = closer where billing_period = month and closed_at is null returning true;
end;

-- If a superuser migrates the tables of an application, the new objects get the owner of the tables.
do $$
declare
  owner name := (select pg_get_userbyid(relowner) from pg_class where oid = 'billing_records'::regclass);
begin
  if owner <> current_user and has_schema_privilege(owner, current_schema(), 'create') then
    execute format('alter table wfstore_periods owner to %I', owner);
    execute format('alter table wfstore_settings owner to %I', owner);
    execute format('alter function wfstore_keep_bills() owner to %I', owner);
    execute format('alter function wfstore_close_period() owner to %I', owner);
    execute format('alter function wfstore_keep_zone() owner to %I', owner);
    execute format('alter function wfstore_close(text, text) owner to %I', owner);
  end if;
end $$;

-- Down Migration

drop function wfstore_close(text, text);
drop trigger wfstore_keep_bills on billing_records;
drop table wfstore_periods, wfstore_settings;
drop function wfstore_keep_bills();
drop function wfstore_close_period();
drop function wfstore_keep_zone();
alter table billing_records drop column corrects, drop column original_period;
