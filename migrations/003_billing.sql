-- Up Migration

-- A period that has been billed, and when closed what its bills came to: for ever, because triggers refuse whatever
-- would change it. TRUNCATE and a superuser who disables triggers are not stopped.
create table billing_periods (
  billing_period text primary key,
  closed_at      timestamptz,
  closed_by      text,
  time_zone      text,
  records        bigint,
  cost           numeric,
  tokens_total   bigint
);
comment on column billing_periods.closed_at is 'NULL while the period is open; what follows is written at the close';
comment on column billing_periods.time_zone is 'in which the months began when it was closed';

-- The zone in which the months of this store begin; UTC where there is no row.
create table billing_settings (
  only_row  boolean primary key default true constraint billing_settings_only_row_check check (only_row),
  time_zone text not null
);

alter table billing_records
  add column if not exists corrects uuid,
  add column if not exists original_period text;

-- Whoever changes a bill shares a lock on its period until the transaction ends, and closing waits for it: a bill is
-- either in the totals of the close or in a later period. At repeatable read PostgreSQL refuses what would be neither.
--
-- It runs as its owner, so that whoever may write a bill needs no privilege on the periods. The tables it reads are those
-- beside the table of the trigger, which nobody else can choose: only the owner may make a trigger of this function.
create function wfstore_keep_bills() returns trigger language plpgsql
  security definer set search_path = pg_catalog, pg_temp as $$
declare
  period text;
  closed boolean;
  moved  boolean := false;
begin
  -- Payment goes on after the close, and columns that others have added are theirs.
  if tg_op = 'UPDATE' and
     (new.billing_id, new.user_id, new.execution_id, new.timestamp, new.model_id, new.tokens_input, new.tokens_output,
      new.tokens_total, new.cost, new.billing_period, new.metadata, new.created_at, new.tokens_cache_read,
      new.tokens_cache_write, new.tokens_reasoning, new.corrects, new.original_period) is not distinct from
     (old.billing_id, old.user_id, old.execution_id, old.timestamp, old.model_id, old.tokens_input, old.tokens_output,
      old.tokens_total, old.cost, old.billing_period, old.metadata, old.created_at, old.tokens_cache_read,
      old.tokens_cache_write, old.tokens_reasoning, old.corrects, old.original_period)
  then
    return new;
  end if;
  perform set_config('search_path', quote_ident(tg_table_schema) || ', pg_temp', true);
  period := case tg_op when 'INSERT' then new.billing_period else old.billing_period end;
  while period is not null loop
    select closed_at is not null into closed from billing_periods where billing_period = period for share;
    if not found then
      insert into billing_periods (billing_period) values (period) on conflict do nothing;
    elsif closed and tg_op = 'INSERT' then
      -- The open period of now, or the first after it that is open.
      period := case when moved then to_char(to_date(period, 'YYYY-MM') + interval '1 month', 'YYYY-MM')
        else to_char(now() at time zone coalesce((select time_zone from billing_settings), 'UTC'), 'YYYY-MM') end;
      moved := true;
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
revoke all on function wfstore_keep_bills() from public;

-- A period is closed by setting closed_at. The row is locked by then, so nobody is changing its bills, and a statement at
-- read committed sees all that were committed.
create function wfstore_close_period() returns trigger language plpgsql as $$
begin
  if tg_op <> 'INSERT' then
    if old.closed_at is not null then
      raise exception 'billing period % is closed, and stays as it is', old.billing_period using errcode = 'WF001';
    elsif tg_op = 'DELETE' then
      return old;
    elsif new.billing_period <> old.billing_period then
      raise exception 'billing period % keeps its name', old.billing_period using errcode = 'WF001';
    end if;
  elsif new.closed_at is not null then
    raise exception 'billing period % is added open, and then closed', new.billing_period using errcode = 'WF001';
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
      using errcode = 'WF001';
  end if;
  -- From now on the zone stays, too.
  execute format('insert into %I.billing_settings (time_zone) values (''UTC'') on conflict do nothing', tg_table_schema);
  execute format('select time_zone from %I.billing_settings for share', tg_table_schema) into new.time_zone;
  execute format('select count(*), coalesce(sum(cost), 0), coalesce(sum(tokens_total), 0) from %I.billing_records
    where billing_period = $1', tg_table_schema) into new.records, new.cost, new.tokens_total using new.billing_period;
  return new;
end $$;

create function wfstore_keep_zone() returns trigger language plpgsql as $$
declare
  closed boolean;
begin
  if tg_op = 'UPDATE' and new.time_zone = old.time_zone then
    return new;
  end if;
  execute format('select exists (select from %I.billing_periods where closed_at is not null)', tg_table_schema) into closed;
  if closed then
    raise exception 'billing periods stay in the time zone %: one is closed', old.time_zone using errcode = 'WF001';
  end if;
  return case when tg_op = 'DELETE' then old else new end;
end $$;

-- By its name after the others, and so of what they have made of the row.
create trigger wfstore_keep_bills before insert or update or delete on billing_records
  for each row execute function wfstore_keep_bills();
create trigger wfstore_close_period before insert or update or delete on billing_periods
  for each row execute function wfstore_close_period();
create trigger wfstore_keep_zone before update or delete on billing_settings
  for each row execute function wfstore_keep_zone();

-- A superuser may migrate the tables of an application: what is new belongs to who owns them.
do $$
declare
  owner name := (select pg_get_userbyid(relowner) from pg_class where oid = 'billing_records'::regclass);
begin
  if owner <> current_user and has_schema_privilege(owner, current_schema(), 'create') then
    execute format('alter table billing_periods owner to %I', owner);
    execute format('alter table billing_settings owner to %I', owner);
    execute format('alter function wfstore_keep_bills() owner to %I', owner);
    execute format('alter function wfstore_close_period() owner to %I', owner);
    execute format('alter function wfstore_keep_zone() owner to %I', owner);
  end if;
end $$;

-- Down Migration

drop trigger wfstore_keep_bills on billing_records;
drop table billing_periods, billing_settings;
drop function wfstore_keep_bills();
drop function wfstore_close_period();
drop function wfstore_keep_zone();
alter table billing_records drop column corrects, drop column original_period;
