import { expect } from 'vitest'
import type { TestDatabase } from '../support/database.ts'
import { cleanupsIn, clear, sumOf } from './cleanup-support.ts'

/**
 * Triggers that write down what every run, step and entry adds to a total, in the transaction that writes it. What is
 * deleted by hand, by a session that says so in its application_name, is taken out again; a cleanup takes nothing out.
 */
const LEDGER = `
create table ledger_runs as
  select quarter_start, user_id, workflow_name, mode, model_id, status, runs, total_cost, total_tokens, steps_total,
    steps_completed, steps_failed, timed_runs, duration_ms from usage_history;
create table ledger_entries as select quarter_start, user_id, entries from audit_history;
create table ledger_rows (kind text, rows int);
create table ledger_steps (execution_id uuid, step_id uuid, cost numeric, primary key (execution_id, step_id));

create function ledger_add(r workflow_executions, sign int) returns void language sql as $$
  insert into ledger_runs values (
    to_timestamp(floor(extract(epoch from r.start_time) / 900) * 900), r.user_id, r.workflow_name, r.mode, r.model_id, r.status,
    sign, sign * r.total_cost, sign * r.total_tokens, sign * r.steps_total, sign * r.steps_completed, sign * r.steps_failed,
    case when r.end_time is null then 0 else sign end,
    coalesce(sign * extract(epoch from r.end_time - r.start_time) * 1000, 0));
$$;
create function ledger_run() returns trigger language plpgsql as $$
begin
  if tg_op in ('UPDATE', 'DELETE') then perform ledger_add(old, -1); end if;
  if tg_op in ('UPDATE', 'INSERT') then perform ledger_add(new, 1); end if;
  if tg_op in ('INSERT', 'DELETE') then
    insert into ledger_rows values ('execution', case tg_op when 'INSERT' then 1 else -1 end);
  end if;
  return null;
end $$;
create function ledger_step() returns trigger language plpgsql as $$
begin
  if tg_op = 'UPDATE' then
    update ledger_steps set cost = new.cost where execution_id = new.execution_id and step_id = new.step_id;
  elsif tg_op = 'INSERT' then
    insert into ledger_steps values (new.execution_id, new.step_id, new.cost)
      on conflict (execution_id, step_id) do update set cost = excluded.cost;
    insert into ledger_rows values ('step', 1);
  else
    delete from ledger_steps where execution_id = old.execution_id and step_id = old.step_id;
    insert into ledger_rows values ('step', -1);
  end if;
  return null;
end $$;
create function ledger_entry() returns trigger language plpgsql as $$
begin
  insert into ledger_entries values (to_timestamp(floor(extract(epoch from new.timestamp) / 900) * 900), new.user_id, 1);
  insert into ledger_rows values ('audit', 1);
  return null;
end $$;

create trigger ledger after insert or update on workflow_executions for each row execute function ledger_run();
create trigger ledger_hand after delete on workflow_executions for each row
  when (current_setting('application_name') = 'hand') execute function ledger_run();
create trigger ledger after insert or update on workflow_steps for each row execute function ledger_step();
create trigger ledger_hand after delete on workflow_steps for each row
  when (current_setting('application_name') = 'hand') execute function ledger_step();
create trigger ledger after insert on audit_logs for each row execute function ledger_entry();`

export const keepLedger = (database: TestDatabase) => database.sql(LEDGER)

export async function clearAll(database: TestDatabase): Promise<void> {
  await clear(database.sql)
  await database.sql('truncate ledger_runs, ledger_entries, ledger_rows, ledger_steps')
}

const VALUES = [
  ...['runs', 'total_cost', 'total_tokens', 'steps_total', 'steps_completed', 'steps_failed'],
  ...['timed_runs', 'duration_ms'],
]
const sums = VALUES.map((name) => `trim_scale(sum(${name})) as ${name}`).join(', ')
const some = VALUES.map((name) => `sum(${name}) <> 0`).join(' or ')
const KEYS = 'quarter_start, user_id, workflow_name, mode, model_id, status'

/** Live rows and histories are what the ledger says, and the rows of cleanups what has gone. */
export async function expectLedger(database: TestDatabase, note: string): Promise<void> {
  const differing = await database.sql(
    `with counted as (
       select date_bin('15 minutes', start_time, 'epoch') as quarter_start, user_id, workflow_name, mode, model_id, status, 1::bigint as runs,
         total_cost, total_tokens, steps_total::bigint, steps_completed::bigint, steps_failed::bigint,
         (end_time is not null)::int::bigint as timed_runs, coalesce(extract(epoch from end_time - start_time) * 1000, 0) as duration_ms
       from workflow_executions
       union all
       select ${KEYS}, ${VALUES.join(', ')} from usage_history
     ), entries as (
       select date_bin('15 minutes', timestamp, 'epoch') as quarter_start, user_id, 1::bigint as entries from audit_logs
       union all
       select quarter_start, user_id, entries from audit_history
     ), runs_of as (
       select 'counted' as side, c::text as row from (select ${KEYS}, ${sums} from counted group by ${KEYS}) c
       union all
       select 'ledger', l::text from (select ${KEYS}, ${sums} from ledger_runs group by ${KEYS} having ${some}) l
     ), entries_of as (
       select 'counted' as side, c::text as row
       from (select quarter_start, user_id, sum(entries) from entries group by 1, 2) c
       union all
       select 'ledger', l::text
       from (select quarter_start, user_id, sum(entries) from ledger_entries group by 1, 2) l
     )
     select min(side) as side, row from (select * from runs_of union all select * from entries_of) as both_sides
     group by row having count(*) <> 2`,
  )
  expect(differing, note).toEqual([])
  const [gone] = await database.sql(
    `select (select coalesce(sum(rows) filter (where kind = 'execution'), 0) from ledger_rows)::int - (select count(*) from workflow_executions)::int as execution,
       (select coalesce(sum(rows) filter (where kind = 'step'), 0) from ledger_rows)::int - (select count(*) from workflow_steps)::int as step,
       (select coalesce(sum(rows) filter (where kind = 'audit'), 0) from ledger_rows)::int - (select count(*) from audit_logs)::int as audit`,
  )
  const { metric, ...removed } = sumOf(await cleanupsIn(database))
  expect(removed, note).toEqual(gone)
}
