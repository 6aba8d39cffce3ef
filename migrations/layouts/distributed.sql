-- Turns a migrated store into a distributed one, in one transaction: `wfstore migrate distribute`. :shards and :schema are
-- replaced. The tables are locked for all other sessions.

select set_config('citus.multi_shard_modify_mode', 'sequential', true), set_config('citus.enable_unsafe_triggers', 'on', true);

-- The column that decides the shard of a row is never NULL, and part of every key.
create or replace function wfstore_no_run() returns uuid language sql immutable parallel safe
  return '00000000-0000-0000-0000-000000000000'::uuid;
alter table workflow_executions disable trigger user;
alter table workflow_steps disable trigger user;
alter table audit_logs disable trigger user;
alter table billing_records disable trigger user;
alter table wfstore_bill_lines disable trigger user;
alter table observability_metrics disable trigger user;
alter table wfstore_periods disable trigger user;
alter table wfstore_settings disable trigger user;
update audit_logs set execution_id = '00000000-0000-0000-0000-000000000000' where execution_id is null;
update billing_records set execution_id = '00000000-0000-0000-0000-000000000000' where execution_id is null;
update wfstore_bill_lines l set execution_id = coalesce((select b.execution_id from billing_records b where b.billing_id = l.billing_id),
  '00000000-0000-0000-0000-000000000000')
where execution_id is null or not exists (select from billing_records b where b.billing_id = l.billing_id and b.execution_id = l.execution_id);
alter table audit_logs alter execution_id set default '00000000-0000-0000-0000-000000000000', alter execution_id set not null,
  drop constraint audit_logs_pkey, add primary key (log_id, execution_id);
alter table billing_records alter execution_id set default '00000000-0000-0000-0000-000000000000', alter execution_id set not null,
  drop constraint billing_records_pkey, add primary key (billing_id, execution_id);
alter table wfstore_bill_lines alter execution_id set default '00000000-0000-0000-0000-000000000000', alter execution_id set not null,
  drop constraint wfstore_bill_lines_pkey, add primary key (billing_id, line_id, execution_id);
-- A row of a history is on the shard of one of the runs that it counts.
alter table usage_history add column execution_id uuid not null default '00000000-0000-0000-0000-000000000000',
  drop constraint usage_history_pkey, add primary key (history_id, execution_id);
alter table audit_history add column execution_id uuid not null default '00000000-0000-0000-0000-000000000000',
  drop constraint audit_history_pkey, add primary key (user_id, quarter_start, history_id, execution_id);

-- The bills, lines and periods of a distributed store.
--
-- A trigger runs on a shard, on the node of its execution. There it may read and write what is on the shard of the same execution, if
-- the statement says so, and read the tables of which every node has a copy. It cannot write such a copy: the nodes would differ.
-- So a transaction that changes bills does not lock the row of their period. It holds an advisory lock of the period on the node, and the
-- close takes that lock on every node before it counts.
create or replace function wfstore_keep_bills() returns trigger language plpgsql
  security definer set search_path = pg_catalog, pg_temp set row_security = off as $$
declare
  period text;
  closed boolean;
  zone   text;
  moved  boolean := false;
begin
  if tg_op = 'UPDATE' and
     (new.billing_id, new.user_id, new.execution_id, new.timestamp, new.model_id, new.tokens_input, new.tokens_output,
      new.tokens_total, new.cost, new.billing_period, new.metadata, new.created_at, new.tokens_cache_read,
      new.tokens_cache_write, new.tokens_reasoning, new.corrects, new.original_period, new.tags) is not distinct from
     (old.billing_id, old.user_id, old.execution_id, old.timestamp, old.model_id, old.tokens_input, old.tokens_output,
      old.tokens_total, old.cost, old.billing_period, old.metadata, old.created_at, old.tokens_cache_read,
      old.tokens_cache_write, old.tokens_reasoning, old.corrects, old.original_period, old.tags)
  then
    return new;
  end if;
  -- What this transaction sees must be younger than the lock.
  if current_setting('transaction_isolation') not in ('read committed', 'read uncommitted') then
    raise exception 'bills of a distributed store can only be changed at isolation level read committed' using errcode = 'WF007';
  end if;
  period := case tg_op when 'INSERT' then new.billing_period else old.billing_period end;
  while period is not null loop
    perform pg_advisory_xact_lock_shared(hashtextextended('wfstore period ' || tg_table_schema || ' ' || period, 0));
    perform set_config('search_path', quote_ident(tg_table_schema) || ', pg_temp', true);
    select closed_at is not null into closed from wfstore_periods where billing_period operator(pg_catalog.=) period;
    perform set_config('search_path', 'pg_catalog, pg_temp', true);
    if closed and tg_op = 'INSERT' then
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

-- Runs on every node, for the copy of the period there. The bills cannot be counted here: wfstore_close brings the totals.
create or replace function wfstore_close_period() returns trigger language plpgsql
  security definer set search_path = pg_catalog, pg_temp set row_security = off as $$
begin
  if tg_op <> 'INSERT' then
    if old.closed_at is not null then
      raise exception 'billing period % is closed and cannot be changed', old.billing_period using errcode = 'WF001';
    elsif tg_op = 'UPDATE' and new.billing_period <> old.billing_period then
      raise exception 'billing period % cannot be renamed', old.billing_period using errcode = 'WF001';
    end if;
    -- Waits for every transaction that has changed a bill of this period on this node.
    perform pg_advisory_xact_lock(hashtextextended('wfstore period ' || tg_table_schema || ' ' || old.billing_period, 0));
    if tg_op = 'DELETE' then
      return old;
    end if;
  elsif new.closed_at is not null then
    raise exception 'billing period % cannot be inserted as closed', new.billing_period using errcode = 'WF001';
  end if;
  if new.closed_at is null then
    new.closed_by := null;
    new.time_zone := null;
    new.records := null;
    new.cost := null;
    new.tokens_total := null;
  elsif num_nulls(new.closed_by, new.time_zone, new.records, new.cost, new.tokens_total) > 0 then
    raise exception 'billing period % of a distributed store is not closed with UPDATE', new.billing_period using errcode = 'WF003',
      hint = format('run `select wfstore_close(%L)`', new.billing_period);
  end if;
  return new;
end $$;

-- The lines of a closed month cannot change. A bill from before this table may still get all of its lines, in one statement: those
-- of a given cost.
create or replace function wfstore_keep_lines() returns trigger language plpgsql
  security definer set search_path = pg_catalog, pg_temp set row_security = off as $$
declare
  lines  text := format('%I.%I', tg_table_schema, tg_table_name);
  bills  text := format('%I.billing_records_%s', tg_table_schema, get_shard_id_for_distribution_column(
    format('%I.billing_records', tg_table_schema)::regclass, coalesce(new.execution_id, old.execution_id)));
  bill   record;
  closed boolean;
begin
  for place in 1..2 loop
    if place = 1 and tg_op = 'INSERT' or place = 2 and tg_op = 'DELETE' then
      continue;
    end if;
    execute format('select billing_period as period, model_id, cost, tokens_total from %s where execution_id = $1 and billing_id = $2', bills)
      into bill using case place when 1 then old.execution_id else new.execution_id end, case place when 1 then old.billing_id else new.billing_id end;
    if bill.period is null then
      continue;
    end if;
    if current_setting('transaction_isolation') not in ('read committed', 'read uncommitted') then
      raise exception 'bills of a distributed store can only be changed at isolation level read committed' using errcode = 'WF007';
    end if;
    perform pg_advisory_xact_lock_shared(hashtextextended('wfstore period ' || tg_table_schema || ' ' || bill.period, 0));
    execute format('select closed_at is not null from %I.wfstore_periods where billing_period = $1', tg_table_schema) into closed using bill.period;
    if closed and tg_op = 'INSERT' then
      execute format('select count(*) = count(*) filter (where l.xmin = k.xmin and l.cmin = k.cmin) and sum(l.cost) = $3
          and bool_and(l.cost_source = ''given'' and l.provider is null and l.model_id = $4 and (l.meter = ''given'' or l.cost = 0))
          and coalesce(sum(l.quantity) filter (where l.meter <> ''request''), 0) = $5
        from %1$s l, %1$s k where l.execution_id = $1 and l.billing_id = $2 and k.execution_id = $1 and k.billing_id = $2 and k.line_id = $6', lines)
        into closed using new.execution_id, new.billing_id, bill.cost, bill.model_id, bill.tokens_total, new.line_id;
      closed := closed is not true;
    end if;
    if closed then
      raise exception 'billing period % is closed: the lines of its bills cannot change', bill.period using errcode = 'WF001';
    end if;
  end loop;
  return null;
end $$;

create or replace function wfstore_drop_lines() returns trigger language plpgsql
  security definer set search_path = pg_catalog, pg_temp set row_security = off as $$
begin
  execute format('delete from %I.wfstore_bill_lines_%s where execution_id = $1 and billing_id = $2', tg_table_schema, get_shard_id_for_distribution_column(
    format('%I.wfstore_bill_lines', tg_table_schema)::regclass, old.execution_id)) using old.execution_id, old.billing_id;
  return null;
end $$;

create or replace function wfstore_drop_traces() returns trigger language plpgsql
  security definer set search_path = pg_catalog, pg_temp set row_security = off as $$
declare
  name text;
begin
  -- The shards of the run: a statement on its shards may delete several runs, and must not read distributed tables by other ids.
  foreach name in array array['wfstore_traces', 'wfstore_spans'] loop
    execute format('delete from %I.%I where trace_id = $1', tg_table_schema, name || '_' ||
      get_shard_id_for_distribution_column(format('%I.%I', tg_table_schema, name)::regclass, old.execution_id)) using old.execution_id;
  end loop;
  return null;
end $$;

-- As in 007_costs, on the shards of the execution.
create or replace function wfstore_write_lines() returns trigger language plpgsql
  security definer set search_path = pg_catalog, pg_temp set row_security = off as $$
declare
  place text := quote_ident(tg_table_schema);
  bills text := format('%I.%I', tg_table_schema, tg_table_name);
  steps text := place || '.workflow_steps_' || get_shard_id_for_distribution_column((place || '.workflow_steps')::regclass, new.execution_id);
  lines text := place || '.wfstore_bill_lines_' || get_shard_id_for_distribution_column((place || '.wfstore_bill_lines')::regclass, new.execution_id);
  known boolean;
begin
  if tg_op = 'UPDATE' and (new.billing_id, new.cost, new.tokens_total, new.tokens_input, new.tokens_output, new.tokens_cache_read,
      new.tokens_cache_write, new.tokens_reasoning, new.model_id, new.execution_id) is not distinct from
     (old.billing_id, old.cost, old.tokens_total, old.tokens_input, old.tokens_output, old.tokens_cache_read, old.tokens_cache_write,
      old.tokens_reasoning, old.model_id, old.execution_id)
  then
    return null;
  end if;
  -- A statement of wfstore that leaves the totals to triggers has written lines.
  if tg_op = 'INSERT' then
    execute format('select coalesce(sum(cost), 0) = $2 and coalesce(sum(quantity) filter (where meter <> ''request''), 0) = $3
      and (count(*) > 0 or $2 = 0 and $3 = 0) from %s where execution_id = $4 and billing_id = $1', lines)
      into known using new.billing_id, new.cost, new.tokens_total, new.execution_id;
    if known then
      return null;
    end if;
  end if;
  execute format('delete from %s where execution_id = $3 and billing_id = any (array[$1, $2])', lines)
    using new.billing_id, old.billing_id, new.execution_id;
  known := new.corrects is null and not row_security_active(bills) and not row_security_active(steps) and has_table_privilege(steps, 'select');
  if known then
    execute format('select sum(tokens_used) = $2 and sum(cost) = $3 and (
        num_nulls($4, $5, $6, $7, $8) = 5 or coalesce(sum(tokens_input), 0) = coalesce($4, 0) and coalesce(sum(tokens_output), 0) = coalesce($5, 0)
        and coalesce(sum(tokens_cache_read), 0) = coalesce($6, 0) and coalesce(sum(tokens_cache_write), 0) = coalesce($7, 0)
        and coalesce(sum(tokens_reasoning), 0) = coalesce($8, 0))
      and not exists (select from %s where execution_id = $1 and billing_id <> $9) from %s where execution_id = $1', bills, steps)
      into known using new.execution_id, new.tokens_total, new.cost, new.tokens_input, new.tokens_output, new.tokens_cache_read,
        new.tokens_cache_write, new.tokens_reasoning, new.billing_id;
  end if;
  if known then
    execute format('insert into %2$s (execution_id, billing_id, line_id, provider, model_id, meter, quantity, unit_price, cost, cost_source)
      select $2, $1, %1$s.wfstore_line_id($1, provider, model_id, meter, unit_price, cost_source), provider, model_id, meter, quantity, unit_price, cost, cost_source
      from (
        select s.provider, coalesce(s.model_id, $3) as model_id, l.meter, sum(l.quantity) as quantity, trim_scale(l.unit_price) as unit_price,
               sum(l.cost) as cost, l.cost_source
        from %3$s s, %1$s.wfstore_lines_of(s.tokens_used, s.tokens_input, s.tokens_output, s.tokens_cache_read,
          s.tokens_cache_write, s.tokens_reasoning, s.cost, s.cost_lines) as l
        where s.execution_id = $2 group by 1, 2, 3, 5, 7
      ) as l', place, lines, steps) using new.billing_id, new.execution_id, new.model_id;
  else
    execute format('insert into %2$s (execution_id, billing_id, line_id, model_id, meter, quantity, cost, cost_source)
      select $10, $1, %1$s.wfstore_line_id($1, null, $2, meter, null, cost_source), $2, meter, quantity, cost, cost_source
      from %1$s.wfstore_lines_of($3, $4, $5, $6, $7, $8, $9, null)', place, lines)
      using new.billing_id, new.model_id, new.tokens_total, new.tokens_input, new.tokens_output, new.tokens_cache_read,
        new.tokens_cache_write, new.tokens_reasoning, new.cost, new.execution_id;
  end if;
  return null;
end $$;

-- These functions of the migrations name the shards of the execution instead of the tables.
do $$
declare
  shard constant text := $shard$(quote_ident(tg_table_schema) || '.\2_' || get_shard_id_for_distribution_column((quote_ident(tg_table_schema) || '.\2')::regclass, new.execution_id))$shard$;
  found text;
begin
  for found in select pg_get_functiondef(p.oid) from pg_proc p where p.pronamespace = current_schema()::regnamespace
    and p.proname in ('wfstore_keep_totals', 'wfstore_count_step', 'wfstore_bill_steps')
  loop
    execute regexp_replace(found, $re$(quote_ident\(tg_table_schema\)) \|\| '\.(\w+)'$re$, shard, 'g');
  end loop;
end $$;

-- Closes a month: locks its period on every node, counts its bills, and writes the totals to every copy. One transaction.
create or replace function wfstore_close(month text, closer text default null) returns boolean language plpgsql
  set search_path = pg_catalog, pg_temp as $$
declare
  place constant text := :schema;
  bills record;
  zone  text;
  wrong bigint;
  ids   text;
begin
  if current_setting('transaction_isolation') not in ('read committed', 'read uncommitted') then
    raise exception 'billing period % can only be closed at isolation level read committed', month using errcode = 'WF003';
  end if;
  execute format('insert into %s.wfstore_periods (billing_period) values ($1) on conflict do nothing', place) using month;
  execute format('update %s.wfstore_periods set closed_by = null where billing_period = $1 and closed_at is null returning 1', place)
    into wrong using month;
  if wrong is null then
    return null;
  end if;
  -- From now on the time zone is fixed too.
  execute format('insert into %s.wfstore_settings (time_zone) values (''UTC'') on conflict do nothing', place);
  execute format('select time_zone from %s.wfstore_settings for share', place) into zone;
  -- No transaction can change these bills now, and this statement sees all that were committed.
  execute format('select count(*) as records, coalesce(sum(cost), 0) as cost, coalesce(sum(tokens_total), 0)::bigint as tokens
    from %s.billing_records where billing_period = $1', place) into bills using month;
  execute format('select count(*), array_to_string((array_agg(id order by id))[1:5], '', '') from (
      select billing_id::text as id from %s.billing_records where billing_period = $1 and not (cost > ''-Infinity'' and cost < ''Infinity''
        and isfinite(timestamp) and isfinite(created_at) and isfinite(updated_at)) limit 1000) as b', place) into wrong, ids using month;
  if wrong > 0 then
    raise exception 'billing period % cannot be closed: billing_records has % with a cost or a time that is not finite: billing_id %',
      month, case wrong when 1 then '1 bill' else wrong || ' bills' end, ids using errcode = 'WF002';
  end if;
  execute format('select count(*), array_to_string((array_agg(id order by id))[1:5], '', '') from (
      select b.billing_id::text as id from %1$s.billing_records b left join %1$s.wfstore_bill_lines l using (execution_id, billing_id)
      where b.billing_period = $1 group by execution_id, billing_id, b.cost, b.tokens_total
      having coalesce(sum(l.cost), 0) <> b.cost or coalesce(sum(l.quantity) filter (where l.meter <> ''request''), 0) <> b.tokens_total) as b',
    place) into wrong, ids using month;
  if wrong > 0 then
    raise exception 'billing period % cannot be closed: the lines of % do not add up to the bill: billing_id %', month,
      case wrong when 1 then '1 bill' else wrong || ' bills' end, ids using errcode = 'WF004';
  end if;
  execute format('update %s.wfstore_periods set closed_at = $2, closed_by = $3, time_zone = $4, records = $5, cost = $6, tokens_total = $7
    where billing_period = $1', place)
    using month, now(), coalesce(closer, session_user::text), zone, bills.records, bills.cost, bills.tokens;
  return true;
end $$;

-- The shard of a history has no sequence of its own: each node counts in a range of its own.
create function wfstore_number_history() returns trigger language plpgsql
  security definer set search_path = pg_catalog, pg_temp as $$
begin
  new.history_id := coalesce(new.history_id, nextval(format('%I.%I', tg_table_schema, tg_argv[0])::regclass));
  return new;
end $$;
revoke all on function wfstore_number_history() from public;

-- Triggers of statements cannot run on shards, so these run for each row.
drop trigger wfstore_drop_lines on billing_records;
drop trigger wfstore_truncate_lines on billing_records;
drop trigger wfstore_keep_lines_insert on wfstore_bill_lines;
drop trigger wfstore_keep_lines_update on wfstore_bill_lines;
drop trigger wfstore_keep_lines_move on wfstore_bill_lines;
drop trigger wfstore_keep_lines_delete on wfstore_bill_lines;
drop trigger wfstore_keep_prices on wfstore_prices;
drop trigger wfstore_drop_traces on workflow_executions;
drop trigger wfstore_truncate_traces on workflow_executions;
drop trigger wfstore_close_period_lines on wfstore_periods;

select create_reference_table('wfstore_periods');
select create_reference_table('wfstore_settings');
select create_reference_table('wfstore_prices');
select create_reference_table('wfstore_model_rules');
select create_distributed_table('workflow_executions', 'execution_id', shard_count := :shards);
select create_distributed_table('workflow_steps', 'execution_id', colocate_with := 'workflow_executions');
select create_distributed_table('audit_logs', 'execution_id', colocate_with := 'workflow_executions');
select create_distributed_table('billing_records', 'execution_id', colocate_with := 'workflow_executions');
select create_distributed_table('wfstore_bill_lines', 'execution_id', colocate_with := 'workflow_executions');
select create_distributed_table('usage_history', 'execution_id', colocate_with := 'workflow_executions');
select create_distributed_table('audit_history', 'execution_id', colocate_with := 'workflow_executions');
select create_distributed_table('wfstore_traces', 'trace_id', colocate_with := 'workflow_executions');
select create_distributed_table('wfstore_spans', 'trace_id', colocate_with := 'workflow_executions');
select create_distributed_table('observability_metrics', 'metric_id', colocate_with := 'workflow_executions');

-- The rows are on the nodes now. workflow_executions cascades to workflow_steps.
select truncate_local_data_after_distributing_table(name) from unnest(array['workflow_executions', 'audit_logs', 'billing_records',
  'wfstore_bill_lines', 'usage_history', 'audit_history', 'wfstore_traces', 'wfstore_spans', 'observability_metrics', 'wfstore_periods',
  'wfstore_settings', 'wfstore_prices', 'wfstore_model_rules']::regclass[]) as t (name);

alter table workflow_executions enable trigger user;
alter table workflow_steps enable trigger user;
alter table audit_logs enable trigger user;
alter table billing_records enable trigger user;
alter table observability_metrics enable trigger user;
alter table wfstore_periods enable trigger user;
alter table wfstore_settings enable trigger user;
create trigger wfstore_drop_lines after delete on billing_records for each row execute function wfstore_drop_lines();
create trigger wfstore_keep_lines after insert or update or delete on wfstore_bill_lines for each row execute function wfstore_keep_lines();
create trigger wfstore_keep_prices before update or delete on wfstore_prices for each row execute function wfstore_keep_prices();
create trigger wfstore_drop_traces after delete on workflow_executions for each row execute function wfstore_drop_traces();
create trigger wfstore_number_history before insert on usage_history for each row
  when (new.history_id is null) execute function wfstore_number_history('usage_history_history_id_seq');
create trigger wfstore_number_history before insert on audit_history for each row
  when (new.history_id is null) execute function wfstore_number_history('audit_history_history_id_seq');

-- While this transaction lasts, no other may move or split the shards of an execution. It returns their numbers. It runs as the owner: a
-- role without privileges on a table cannot ask for its shards.
create function wfstore_lock_shards(run uuid) returns text[] language plpgsql
  security definer set search_path = pg_catalog, pg_temp set lock_timeout = 0 as $$
declare
  shard bigint := get_shard_id_for_distribution_column(:schema || '.workflow_executions', run);
begin
  -- A transaction that cannot see the end of a move must not wait for it.
  if current_setting('transaction_isolation') not in ('read committed', 'read uncommitted') then
    perform set_config('lock_timeout', '1ms', true);
  end if;
  perform lock_shard_metadata(5, array[shard]);
  if not exists (select from pg_dist_placement p join pg_dist_local_group g using (groupid) where p.shardid = shard) then
    raise exception 'the shards of execution % have moved to another node', run using errcode = '40001', hint = 'try again';
  end if;
  return array(
    select get_shard_id_for_distribution_column((:schema || '.' || name)::regclass, run)
    from unnest(array['workflow_executions', 'workflow_steps', 'audit_logs', 'billing_records', 'wfstore_bill_lines', 'usage_history',
      'audit_history', 'wfstore_traces', 'wfstore_spans', 'observability_metrics', 'wfstore_periods', 'wfstore_settings', 'wfstore_prices',
      'wfstore_model_rules']) with ordinality as t (name, place) order by place);
end $$;
select create_distributed_function('wfstore_lock_shards(uuid)');
-- The statements of wfstore and the triggers call them there.
select create_distributed_function('wfstore_lines_of(bigint,bigint,bigint,bigint,bigint,bigint,numeric,jsonb)');
select create_distributed_function('wfstore_line_id(uuid,text,text,text,numeric,text)');

-- Runs a statement on the shards of an execution, as plain PostgreSQL: the coordinator hands the call to their node. The statement is a
-- text of format(), which gets the numbers of the shards, and takes its values as texts. Each row is an object of texts.
create function wfstore_at(run uuid, statement text, arguments text[]) returns setof text language plpgsql
  set search_path = :path set row_security = off set citus.enable_manual_changes_to_shards = on
  -- The role may have other settings on the nodes, where the session is that of the coordinator.
  set standard_conforming_strings = on set array_nulls = on set datestyle = 'ISO' as $$
declare
  found  record;
  shards text[] := wfstore_lock_shards(run);
begin
  if statement !~* '^\s*(select|with|values)\M|\mreturning\M' then
    execute format(statement, variadic shards) using arguments;
    return;
  end if;
  for found in execute format(statement, variadic shards) using arguments loop
    return next (select json_object_agg(key, value) from json_each_text(row_to_json(found)));
  end loop;
end $$;
select create_distributed_function('wfstore_at(uuid, text, text[])', 'run', colocate_with := 'workflow_executions', force_delegation := true);
