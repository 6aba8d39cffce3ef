-- No Transaction
-- Up Migration

-- Runs by tag, by conversation, and the sub-runs of a run. Runs without them do not pay for it.
create index concurrently workflow_executions_tags_idx
  on workflow_executions using gin (tags jsonb_path_ops) where tags <> '{}';
create index concurrently workflow_executions_session_idx
  on workflow_executions (session_id, start_time, execution_id) where session_id is not null;
create index concurrently workflow_executions_parent_idx
  on workflow_executions (parent_execution_id, start_time, execution_id) where parent_execution_id is not null;
create index concurrently workflow_steps_unpriced_idx
  on workflow_steps (end_time, execution_id, step_id) where cost_source = 'unpriced';

-- Cost by model, and the steps of removed runs that have another model or no price. With the columns that it includes, the
-- steps themselves are not read.
create index concurrently workflow_steps_model_idx
  on workflow_steps (execution_id) include (model_id, cost, tokens_used) where model_id is not null or cost_source = 'unpriced';
create index concurrently usage_history_unpriced_idx
  on usage_history (quarter_start) where steps_unpriced <> 0;

-- The lines of the bills from before 007_costs, of closed months too, in small transactions that can be repeated. Another session
-- that changes these bills waits until the transaction ends. The lock comes first, so that the next statement sees the lines that
-- another session has just written. If another session has the lock, this gives up and begins again, before the server
-- cancels one of two sessions that wait for each other.
do $$
declare
  ids  uuid[];
  next uuid := (select billing_id from billing_records order by billing_id limit 1);
begin
  while next is not null loop
    ids := array(select billing_id from billing_records where billing_id >= next order by billing_id limit 501);
    begin
      perform set_config('lock_timeout', '200ms', true), set_config('synchronous_commit', 'off', true);
      perform from billing_records b where b.billing_id = any (ids[:500])
        and not exists (select from wfstore_bill_lines k where k.billing_id = b.billing_id)
        order by b.billing_id for share;
      insert into wfstore_bill_lines (execution_id, billing_id, line_id, model_id, meter, quantity, cost, cost_source)
      select b.execution_id, b.billing_id, wfstore_line_id(b.billing_id, null, b.model_id, l.meter, null, l.cost_source), b.model_id, l.meter,
             l.quantity, l.cost, l.cost_source
      from billing_records b, wfstore_lines_of(b.tokens_total, b.tokens_input, b.tokens_output, b.tokens_cache_read,
        b.tokens_cache_write, b.tokens_reasoning, b.cost, null) as l
      where b.billing_id = any (ids[:500])
        and not exists (select from wfstore_bill_lines k where k.billing_id = b.billing_id);
      next := ids[501];
    exception when lock_not_available then
      null;
    end;
    commit;
  end loop;
end $$;

-- Down Migration

drop index concurrently if exists usage_history_unpriced_idx;
drop index concurrently if exists workflow_steps_model_idx;
drop index concurrently if exists workflow_steps_unpriced_idx;
drop index concurrently if exists workflow_executions_parent_idx;
drop index concurrently if exists workflow_executions_session_idx;
drop index concurrently if exists workflow_executions_tags_idx;
