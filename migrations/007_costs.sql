-- Up Migration

-- The model of each step, where its cost comes from, and the lines of each bill. Amounts are US dollars. All columns have a
-- constant default, so PostgreSQL rewrites no table.

-- A column of the application with such a name stays, if wfstore can use it. Otherwise nothing is changed.
do $$
declare
  own   record;
  wrong boolean;
begin
  for own in
    select a.attrelid::regclass as tab, a.attname as name, format_type(a.atttypid, a.atttypmod) as type, w.type as wanted,
           a.attgenerated <> '' or a.attnotnull <> (w.value is not null) or pg_get_expr(d.adbin, d.adrelid) is distinct from w.value as other,
           w.condition
    from (values
      ('workflow_executions', 'tags', 'jsonb', '''{}''::jsonb',
        'jsonb_typeof(tags) <> ''object'' or jsonb_path_exists(tags, ''$.* ? (@.type() <> "string")'')'),
      ('workflow_executions', 'session_id', 'text', null, null),
      ('workflow_executions', 'parent_execution_id', 'uuid', null, null),
      ('workflow_steps', 'provider', 'text', null, null),
      ('workflow_steps', 'model_id', 'text', null, null),
      ('workflow_steps', 'cost_source', 'text', null, 'cost_source not in (''given'', ''priced'', ''unpriced'')'),
      ('workflow_steps', 'cost_lines', 'jsonb', null, null),
      ('billing_records', 'tags', 'jsonb', '''{}''::jsonb', null)
    ) as w (tab, name, type, value, condition)
    join pg_attribute a on a.attrelid = w.tab::regclass and a.attname = w.name and not a.attisdropped
    left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
    -- Adoption has made the columns with their checks.
    where not exists (select from pg_constraint c where c.conrelid = 'workflow_executions'::regclass and c.conname = 'workflow_executions_tags_check')
  loop
    wrong := own.type <> own.wanted or own.other;
    if not wrong and own.condition is not null then
      execute format('select exists (select from %s where %s)', own.tab, own.condition) into wrong;
    end if;
    if wrong then
      raise exception 'column % of % belongs to the application: wfstore needs a column of this name with another type, default or values', own.name, own.tab
        using errcode = 'WF006',
          hint = format('run `alter table %s rename column %I to %I`', own.tab, own.name, own.name || '_own');
    end if;
  end loop;
end $$;

alter table workflow_executions
  add column if not exists tags jsonb not null default '{}',
  add column if not exists session_id text,
  add column if not exists parent_execution_id uuid;

-- Adoption has already added the checks. 009_cost_checks reads the rows for them, without the exclusive lock.
alter table workflow_executions drop constraint if exists workflow_executions_tags_check;
alter table workflow_executions add constraint workflow_executions_tags_check
  check (jsonb_typeof(tags) = 'object' and not jsonb_path_exists(tags, '$.* ? (@.type() <> "string")')) not valid;

-- cost_lines has the part of the cost that the price book gave, and the tokens that have no price yet. A part without a
-- line was given by the engine. cost_source is NULL if another client wrote the step, or if the step called no model.
alter table workflow_steps
  add column if not exists provider text,
  add column if not exists model_id text,
  add column if not exists cost_source text,
  add column if not exists cost_lines jsonb;

alter table workflow_steps drop constraint if exists workflow_steps_cost_source_check;
alter table workflow_steps add constraint workflow_steps_cost_source_check
  check (cost_source in ('given', 'priced', 'unpriced')) not valid;

alter table billing_records
  add column if not exists tags jsonb not null default '{}';

alter table usage_history
  add column if not exists tags jsonb not null default '{}',
  add column if not exists steps_unpriced bigint not null default 0;
comment on column usage_history.tags is 'value of each cost tag, null for a run without it; a tag without a key was no cost tag at the time of the cleanup';
comment on column usage_history.steps_unpriced is 'number of steps without a price; their cost is not in total_cost';

alter table wfstore_cleanups
  add column if not exists cost_tags text[] not null default '{}';
comment on column wfstore_cleanups.cost_tags is 'the cost tags at the time of this cleanup';

alter table wfstore_settings
  add column if not exists cost_tags text[] not null default '{}',
  add column if not exists prices_imported_at timestamptz,
  add column if not exists prices_version text;
comment on column wfstore_settings.cost_tags is 'tags that usage_history keeps';
comment on column wfstore_settings.prices_imported_at is 'time of the last import of prices of genai-prices, also if it changed nothing';

-- The price book. Rows are only added: the newest row that is valid at a time is the price at that time.
create table wfstore_prices (
  price_id     bigint generated always as identity primary key,
  provider     text,
  model        text not null,
  meter        text not null
    constraint wfstore_prices_meter_check
      check (meter in ('input', 'output', 'cache_read', 'cache_write', 'reasoning', 'request')),
  price        numeric not null,
  context_over bigint not null default 0
    constraint wfstore_prices_context_over_check check (context_over >= 0),
  valid_from   timestamptz not null,
  source       text not null,
  author       text,
  created_at   timestamptz not null default now(),
  constraint wfstore_prices_finite check (
    price >= 0 and price < 'Infinity' and isfinite(valid_from) and isfinite(created_at)
  )
);
comment on column wfstore_prices.provider is 'NULL for all providers';
comment on column wfstore_prices.price is 'US dollars for a million tokens; for the meter request, for a request';
comment on column wfstore_prices.context_over is 'applies to calls with more input tokens than this, including cached ones';
comment on column wfstore_prices.source is 'own, or the name of the list; own prices come first';
create index wfstore_prices_model_idx on wfstore_prices (lower(model), meter, valid_from);

-- How names of models and providers that engines report become those of the price book. An import replaces them.
create table wfstore_model_rules (
  rule_id         bigint generated always as identity primary key,
  subject         text not null
    constraint wfstore_model_rules_subject_check check (subject in ('model', 'provider', 'provider_of_model')),
  provider        text not null,
  target_provider text,
  model           text,
  position        integer not null,
  kind            text not null
    constraint wfstore_model_rules_kind_check
      check (kind in ('equals', 'starts_with', 'ends_with', 'contains', 'regex')),
  pattern         text not null
);
comment on column wfstore_model_rules.subject is 'model: a model of this provider; provider: another name of it; provider_of_model: a model without a provider';
comment on column wfstore_model_rules.target_provider is 'the provider with the price of the model, NULL for the same one';
comment on column wfstore_model_rules.pattern is 'compared with the name in lower case';
create index wfstore_model_rules_provider_idx on wfstore_model_rules (subject, provider, position);

-- The parts of a bill by provider, model and meter. Their cost adds up to the cost of the bill, and their quantities to its
-- tokens. The table has no foreign key, because that would refuse TRUNCATE of billing_records.
-- unit_price is the price for a million tokens, or for a request; NULL if the cost was given or has no price yet.
create table wfstore_bill_lines (
  billing_id  uuid not null,
  line_id     uuid not null,
  execution_id uuid,
  provider    text,
  model_id    text not null,
  meter       text not null
    constraint wfstore_bill_lines_meter_check
      check (meter in ('input', 'output', 'cache_read', 'cache_write', 'reasoning', 'tokens', 'request', 'given')),
  quantity    bigint,
  unit_price  numeric,
  cost        numeric not null,
  cost_source text not null
    constraint wfstore_bill_lines_cost_source_check check (cost_source in ('given', 'priced', 'unpriced')),
  primary key (billing_id, line_id),
  constraint wfstore_bill_lines_finite check (
    cost > '-Infinity' and cost < 'Infinity' and unit_price >= 0 and unit_price < 'Infinity'
  )
);
-- Every report of bills says which calls have no price.
create index wfstore_bill_lines_unpriced_idx on wfstore_bill_lines (billing_id) where cost_source = 'unpriced';
comment on column wfstore_bill_lines.execution_id is 'that of the bill';
comment on column wfstore_bill_lines.line_id is 'made of the other columns, so that a later part is added to its line';
comment on column wfstore_bill_lines.meter is 'tokens: tokens without a class; given: a cost that the engine gave';
comment on column wfstore_bill_lines.quantity is 'number of tokens or requests; NULL for a given cost';

-- The lines of a step or of a bill without steps. The names are resolved here and not when it runs.
create function wfstore_lines_of(tokens bigint, tokens_input bigint, tokens_output bigint, tokens_cache_read bigint,
    tokens_cache_write bigint, tokens_reasoning bigint, total numeric, cost_lines jsonb)
  returns table (meter text, quantity bigint, unit_price numeric, cost numeric, cost_source text)
  language sql immutable parallel safe
begin atomic
  with booked as (
    select l ->> 'meter' as meter, (l ->> 'quantity')::bigint as quantity, (l ->> 'unitPrice')::numeric as unit_price,
           coalesce((l ->> 'cost')::numeric, 0) as cost
    from jsonb_array_elements(case jsonb_typeof(cost_lines) when 'array' then cost_lines end) as l
  )
  select b.meter, sum(b.quantity)::bigint, b.unit_price, sum(b.cost), case when b.unit_price is null then 'unpriced' else 'priced' end
  from booked b group by b.meter, b.unit_price
  union all
  select c.meter, (c.quantity - coalesce((select sum(b.quantity) from booked b where b.meter = c.meter), 0))::bigint, null::numeric, 0, 'given'
  from (values ('input', tokens_input), ('output', tokens_output), ('cache_read', tokens_cache_read),
    ('cache_write', tokens_cache_write), ('reasoning', tokens_reasoning),
    ('tokens', tokens - coalesce(tokens_input, 0) - coalesce(tokens_output, 0) - coalesce(tokens_cache_read, 0)
      - coalesce(tokens_cache_write, 0) - coalesce(tokens_reasoning, 0))) as c (meter, quantity)
  where c.quantity <> coalesce((select sum(b.quantity) from booked b where b.meter = c.meter), 0)
  union all
  select 'given', null::bigint, null::numeric, total - coalesce((select sum(b.cost) from booked b), 0), 'given'
  where total <> coalesce((select sum(b.cost) from booked b), 0);
end;

create function wfstore_line_id(billing_id uuid, provider text, model_id text, meter text, unit_price numeric, cost_source text)
  returns uuid language sql immutable parallel safe
  return overlay(overlay(md5(jsonb_build_array('wfstore line', billing_id, provider, model_id, meter, trim_scale(unit_price), cost_source)::text)
    placing '8' from 13) placing 'a' from 17)::uuid;

-- Prices are never changed, because what was priced must stay explainable.
create function wfstore_keep_prices() returns trigger language plpgsql
  set search_path = pg_catalog, pg_temp as $$
begin
  raise exception 'prices cannot be changed or deleted' using errcode = 'WF005';
end $$;
create trigger wfstore_keep_prices before update or delete or truncate on wfstore_prices
  for each statement execute function wfstore_keep_prices();

-- Writes the lines of a bill of another client than wfstore, which writes its own lines in the statement of the bill. If the bill
-- has the cost and the tokens of the steps, and the owner can read all steps and bills, the lines are those of the steps.
create function wfstore_write_lines() returns trigger language plpgsql
  security definer set search_path = pg_catalog, pg_temp set row_security = off as $$
declare
  place text := quote_ident(tg_table_schema);
  bills text := place || '.billing_records';
  steps text := place || '.workflow_steps';
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
      and (count(*) > 0 or $2 = 0 and $3 = 0) from %s.wfstore_bill_lines where billing_id = $1', place)
      into known using new.billing_id, new.cost, new.tokens_total;
    if known then
      return null;
    end if;
  end if;
  execute format('delete from %s.wfstore_bill_lines where billing_id = any (array[$1, $2])', place)
    using new.billing_id, old.billing_id;
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
    execute format('insert into %1$s.wfstore_bill_lines (execution_id, billing_id, line_id, provider, model_id, meter, quantity, unit_price, cost, cost_source)
      select $2, $1, %1$s.wfstore_line_id($1, provider, model_id, meter, unit_price, cost_source), provider, model_id, meter, quantity, unit_price, cost, cost_source
      from (
        select s.provider, coalesce(s.model_id, $3) as model_id, l.meter, sum(l.quantity) as quantity, trim_scale(l.unit_price) as unit_price,
               sum(l.cost) as cost, l.cost_source
        from %1$s.workflow_steps s, %1$s.wfstore_lines_of(s.tokens_used, s.tokens_input, s.tokens_output, s.tokens_cache_read,
          s.tokens_cache_write, s.tokens_reasoning, s.cost, s.cost_lines) as l
        where s.execution_id = $2 group by 1, 2, 3, 5, 7
      ) as l', place) using new.billing_id, new.execution_id, new.model_id;
  else
    execute format('insert into %1$s.wfstore_bill_lines (execution_id, billing_id, line_id, model_id, meter, quantity, cost, cost_source)
      select $10, $1, %1$s.wfstore_line_id($1, null, $2, meter, null, cost_source), $2, meter, quantity, cost, cost_source
      from %1$s.wfstore_lines_of($3, $4, $5, $6, $7, $8, $9, null)', place)
      using new.billing_id, new.model_id, new.tokens_total, new.tokens_input, new.tokens_output, new.tokens_cache_read,
        new.tokens_cache_write, new.tokens_reasoning, new.cost, new.execution_id;
  end if;
  return null;
end $$;
revoke all on function wfstore_write_lines() from public;
create trigger wfstore_write_lines after insert or update on billing_records for each row
  when (current_setting('wfstore.keeps_totals', true) is distinct from 'on') execute function wfstore_write_lines();

create function wfstore_drop_lines() returns trigger language plpgsql
  security definer set search_path = pg_catalog, pg_temp set row_security = off as $$
begin
  if tg_op = 'TRUNCATE' then
    execute format('truncate %I.wfstore_bill_lines', tg_table_schema);
  else
    execute format('delete from %I.wfstore_bill_lines where billing_id in (select billing_id from gone)', tg_table_schema);
  end if;
  return null;
end $$;
revoke all on function wfstore_drop_lines() from public;
create trigger wfstore_drop_lines after delete on billing_records
  referencing old table as gone for each statement execute function wfstore_drop_lines();
create trigger wfstore_truncate_lines after truncate on billing_records
  for each statement execute function wfstore_drop_lines();

-- The lines of a closed month cannot change. The share lock waits for a close that has begun, and a close waits for it. A bill from
-- before this table may still get all of its lines, in one statement: those of a given cost. While a policy hides bills from the owner, no month can be
-- closed.
create function wfstore_keep_lines() returns trigger language plpgsql
  security definer set search_path = pg_catalog, pg_temp set row_security = off as $$
declare
  month text;
  none  boolean;
begin
  execute 'select not exists (select from changed_lines)' into none;
  if not none and row_security_active(quote_ident(tg_table_schema) || '.billing_records') then
    execute format('select not exists (select from %I.wfstore_periods where closed_at is not null)', tg_table_schema) into none;
  end if;
  if none then
    return null;
  end if;
  execute format('insert into %1$s.wfstore_periods (billing_period)
    select distinct b.billing_period from changed_lines l join %1$s.billing_records b using (billing_id)
    where not exists (select from %1$s.wfstore_periods p where p.billing_period = b.billing_period)
    on conflict do nothing', quote_ident(tg_table_schema));
  execute format('with changed as (
      select b.billing_id, b.billing_period, b.model_id, b.cost, b.tokens_total, count(*) as lines
      from changed_lines l join %1$s.billing_records b using (billing_id) group by b.billing_id
    ), locked as (
      select p.billing_period, p.closed_at from %1$s.wfstore_periods p
      where p.billing_period in (select billing_period from changed) for share
    )
    select min(c.billing_period) from changed c join locked p using (billing_period)
    where p.closed_at is not null and not ($1 and exists (
      select from %1$s.wfstore_bill_lines l where l.billing_id = c.billing_id
      having count(*) = c.lines and sum(l.cost) = c.cost
        and bool_and(l.cost_source = ''given'' and l.provider is null and l.model_id = c.model_id and (l.meter = ''given'' or l.cost = 0))
        and coalesce(sum(l.quantity) filter (where l.meter <> ''request''), 0) = c.tokens_total))',
    quote_ident(tg_table_schema)) into month using tg_op = 'INSERT';
  if month is not null then
    raise exception 'billing period % is closed: the lines of its bills cannot change', month using errcode = 'WF001';
  end if;
  return null;
end $$;
revoke all on function wfstore_keep_lines() from public;
create trigger wfstore_keep_lines_insert after insert on wfstore_bill_lines
  referencing new table as changed_lines for each statement execute function wfstore_keep_lines();
create trigger wfstore_keep_lines_update after update on wfstore_bill_lines
  referencing old table as changed_lines for each statement execute function wfstore_keep_lines();
create trigger wfstore_keep_lines_move after update on wfstore_bill_lines
  referencing new table as changed_lines for each statement execute function wfstore_keep_lines();
create trigger wfstore_keep_lines_delete after delete on wfstore_bill_lines
  referencing old table as changed_lines for each statement execute function wfstore_keep_lines();

-- A month can be closed if the lines of each of its bills add up to the bill.
create function wfstore_check_lines() returns trigger language plpgsql
  security definer set search_path = pg_catalog, pg_temp set row_security = off as $$
declare
  wrong bigint;
  ids   text;
begin
  if new.closed_at is null or old.closed_at is not null then
    return new;
  end if;
  execute format('select count(*), array_to_string((array_agg(billing_id::text order by billing_id))[1:5], '', '') from (
      select b.billing_id from %1$s.billing_records b left join %1$s.wfstore_bill_lines l using (billing_id)
      where b.billing_period = $1 group by b.billing_id
      having coalesce(sum(l.cost), 0) <> b.cost or coalesce(sum(l.quantity) filter (where l.meter <> ''request''), 0) <> b.tokens_total) as b',
    quote_ident(tg_table_schema)) into wrong, ids using new.billing_period;
  if wrong > 0 then
    raise exception 'billing period % cannot be closed: the lines of % do not add up to the bill: billing_id %', new.billing_period,
      case wrong when 1 then '1 bill' else wrong || ' bills' end, ids using errcode = 'WF004';
  end if;
  return new;
end $$;
revoke all on function wfstore_check_lines() from public;
-- After wfstore_close_period, which locks the month.
create trigger wfstore_close_period_lines before update on wfstore_periods
  for each row execute function wfstore_check_lines();

-- If a superuser migrates the tables of an application, the new objects get the owner of the tables.
do $$
declare
  owner name := (select pg_get_userbyid(relowner) from pg_class where oid = 'billing_records'::regclass);
begin
  if owner <> current_user and has_schema_privilege(owner, current_schema(), 'create') then
    execute format('alter table wfstore_prices owner to %I', owner);
    execute format('alter table wfstore_model_rules owner to %I', owner);
    execute format('alter table wfstore_bill_lines owner to %I', owner);
    execute format('alter function wfstore_lines_of(bigint, bigint, bigint, bigint, bigint, bigint, numeric, jsonb) owner to %I', owner);
    execute format('alter function wfstore_line_id(uuid, text, text, text, numeric, text) owner to %I', owner);
    execute format('alter function wfstore_keep_prices() owner to %I', owner);
    execute format('alter function wfstore_write_lines() owner to %I', owner);
    execute format('alter function wfstore_drop_lines() owner to %I', owner);
    execute format('alter function wfstore_keep_lines() owner to %I', owner);
    execute format('alter function wfstore_check_lines() owner to %I', owner);
  end if;
end $$;

-- Down Migration

drop trigger wfstore_close_period_lines on wfstore_periods;
drop trigger wfstore_truncate_lines on billing_records;
drop trigger wfstore_drop_lines on billing_records;
drop trigger wfstore_write_lines on billing_records;
drop table wfstore_bill_lines, wfstore_model_rules, wfstore_prices;
drop function wfstore_check_lines();
drop function wfstore_keep_lines();
drop function wfstore_drop_lines();
drop function wfstore_write_lines();
drop function wfstore_keep_prices();
drop function wfstore_line_id(uuid, text, text, text, numeric, text);
drop function wfstore_lines_of(bigint, bigint, bigint, bigint, bigint, bigint, numeric, jsonb);
alter table wfstore_settings drop column prices_version, drop column prices_imported_at, drop column cost_tags;
alter table wfstore_cleanups drop column cost_tags;
alter table usage_history drop column steps_unpriced, drop column tags;
alter table billing_records drop column tags;
alter table workflow_steps drop column cost_lines, drop column cost_source, drop column model_id, drop column provider;
alter table workflow_executions drop column parent_execution_id, drop column session_id, drop column tags;
