import { OPEN_PERIOD } from '../../queries/billing/periods.ts'
import { idleFor } from '../../queries/executions/running.ts'
import { TOKEN_COLUMNS } from '../../tables/tokens.ts'

/**
 * One statement for each action of an engine. It writes the row, its audit entry and the totals of the run, all or none. If
 * the row exists, it writes nothing and returns no row; then the caller finds the reason.
 *
 * Every statement locks the run before it changes its step, so that two statements never deadlock. A locked row has its
 * last committed values, also if they are newer than the snapshot.
 */

export const START_EXECUTION = `
with run as (
  insert into workflow_executions (execution_id, workflow_name, workflow_type, user_id, mode, model_id, start_time, steps_total,
    metadata)
  values ($1::uuid, $2, $3, $4, $5, $6, coalesce($7::timestamptz, now()), coalesce($8::integer, 0), coalesce($9::jsonb, '{}'))
  on conflict (execution_id) do nothing
  returning *
), entry as (
  insert into audit_logs (log_id, execution_id, user_id, action_type, action_details, model_id, metadata)
  select $10::uuid, execution_id, user_id, 'workflow_start', 'Started workflow: ' || workflow_name, model_id,
         jsonb_build_object('steps_total', steps_total, 'workflow_type', workflow_type)
  from run
  on conflict (log_id) do nothing
)
select to_json(start_time) #>> '{}' as start_time from run`

export const START_STEP = `
with run as (
  select execution_id, user_id, model_id from workflow_executions where execution_id = $1::uuid and status = 'running'
), step as (
  insert into workflow_steps (execution_id, step_id, step_number, step_name, step_description, tool_name, tool_parameters,
    status, start_time)
  select execution_id, $2::uuid, $3::integer, $4, $5, $6, $7::jsonb, 'running', coalesce($8::timestamptz, now()) from run
  on conflict (execution_id, step_id) do nothing
  returning *
), entry as (
  insert into audit_logs (log_id, execution_id, step_id, user_id, action_type, action_details, tool_name, model_id, metadata)
  select $9::uuid, step.execution_id, step.step_id, run.user_id, 'step_start',
         format('Step %s: %s', step.step_number, step.step_name), step.tool_name, run.model_id,
         jsonb_strip_nulls(jsonb_build_object('step_description', step.step_description))
  from step, run
  on conflict (log_id) do nothing
)
select to_json(start_time) #>> '{}' as start_time from step`

/** The metadata of a correction, with its reason. */
export const CORRECTION =
  "jsonb_build_object('reason', 'a step ended after its run was billed', 'step_id', step.step_id)"

const classes = TOKEN_COLUMNS.join(', ')

/** Tokens by class of an attempt, $8 to $12. A class that was not reported does not change. */
const ADD_CLASSES = TOKEN_COLUMNS.map((column, index) => {
  const value = `$${index + 8}::bigint`
  return `${column} = case when ${value} is null then s.${column} else coalesce(s.${column}, 0) + ${value} end`
}).join(',\n      ')

/**
 * $1 run, $2 step, $3 attempt (number of earlier retries), $4 bill, $5 true if a finished run may have no bill. If the run
 * has finished since our snapshot, its bill is not visible. Then nothing is written, and the next snapshot shows the bill.
 */
const OPEN_STEP = `
with run as materialized (
  select execution_id, user_id, model_id, status from workflow_executions where execution_id = $1::uuid for no key update
), bill as materialized (
  select b.billing_id, b.paid or exists (select from billing_periods p
           where p.billing_period = b.billing_period and p.closed_at is not null) as settled
  from billing_records b where b.billing_id = $4::uuid for no key update of b
), open as materialized (
  select s.status, s.step_name, s.tool_name, s.start_time
  from run join workflow_steps s on s.execution_id = run.execution_id and s.step_id = $2::uuid
  where s.retry_count = $3::integer and s.status in ('pending', 'running', 'failed')
    and (run.status = 'running' or $5::boolean or exists (select from bill))
  for no key update of s
)`

/**
 * $6 tokens and $7 cost of an attempt that ended after its run. They are added to the bill. If the bill is paid or its
 * period closed, they become a correction with the id $19.
 */
const BILLED = `billed as (
  update billing_records s
  set tokens_total = s.tokens_total + $6::bigint, cost = s.cost + $7::numeric,
      ${ADD_CLASSES}
  from step, bill where s.billing_id = bill.billing_id and not bill.settled
), correction as (
  insert into billing_records (billing_id, user_id, execution_id, model_id, ${classes}, tokens_total, cost, billing_period,
    corrects, metadata)
  select $19::uuid, run.user_id, run.execution_id, run.model_id, $8, $9, $10, $11, $12, $6, $7, ${OPEN_PERIOD}, bill.billing_id,
         ${CORRECTION}
  from step, run, bill where bill.settled and ($6::bigint > 0 or $7::numeric > 0)
  on conflict (billing_id) do nothing
)`

/** $13 status, $14 error, $15 audit entry, $16 its metadata, $17 result, $18 end time, $19 correction. */
export const FINISH_STEP = `${OPEN_STEP}, step as (
  update workflow_steps s
  set status = $13, error_message = $14, result = $17::jsonb, end_time = coalesce($18::timestamptz, now()),
      duration_ms = round(extract(epoch from coalesce($18::timestamptz, now()) - s.start_time) * 1000),
      tokens_used = s.tokens_used + $6::bigint, cost = s.cost + $7::numeric,
      ${ADD_CLASSES}
  from open
  where s.execution_id = $1::uuid and s.step_id = $2::uuid and open.status <> 'failed'
  returning s.execution_id, s.step_id, s.status, s.step_name, s.tool_name, s.error_message, s.result
), totals as (
  update workflow_executions e
  set total_tokens = e.total_tokens + $6::bigint, total_cost = e.total_cost + $7::numeric,
      steps_completed = e.steps_completed + (step.status = 'success')::integer,
      steps_failed = e.steps_failed + (step.status = 'failed')::integer
  from step where e.execution_id = step.execution_id
), ${BILLED}, entry as (
  insert into audit_logs (log_id, execution_id, step_id, user_id, action_type, action_details, tool_name, tool_output,
    tokens_used, cost, model_id, success, error_message, metadata)
  select $15::uuid, step.execution_id, step.step_id, run.user_id, 'step_end',
         format('Step %s: %s', case step.status when 'success' then 'completed' else step.status end, step.step_name),
         step.tool_name, step.result, $6, $7, run.model_id, step.status <> 'failed', step.error_message, $16::jsonb
  from step, run
  on conflict (log_id) do nothing
)
select status from step`

/** Retries a step that has failed or is not finished. $13 to $16 as above; $13 is 'running'. */
export const RETRY_STEP = `${OPEN_STEP}, step as (
  update workflow_steps s
  set status = 'running', retry_count = s.retry_count + 1, end_time = null, duration_ms = null, error_message = null,
      result = null, tokens_used = s.tokens_used + $6::bigint, cost = s.cost + $7::numeric,
      ${ADD_CLASSES}
  from open, run
  where s.execution_id = $1::uuid and s.step_id = $2::uuid and run.status = $13
  returning s.execution_id, s.step_id, s.status, open.status as before
), totals as (
  update workflow_executions e
  set total_tokens = e.total_tokens + $6::bigint, total_cost = e.total_cost + $7::numeric,
      steps_failed = e.steps_failed - (step.before = 'failed')::integer
  from step where e.execution_id = step.execution_id
), entry as (
  insert into audit_logs (log_id, execution_id, step_id, user_id, action_type, action_details, tool_name, tokens_used, cost,
    model_id, success, error_message, metadata)
  select $15::uuid, step.execution_id, step.step_id, run.user_id, 'step_retry', format('Retrying step: %s', open.step_name),
         open.tool_name, $6, $7, run.model_id, $14::text is null, $14, $16::jsonb
  from step, run, open
  on conflict (log_id) do nothing
)
select status from step`

/**
 * $1 run, $2 status, $3 error, $4 end time, $5 bill, $6 audit entry, $7 true if the sums of the steps may differ from the
 * totals of the run, $8 metadata of the entry. Steps that have finished since our snapshot are in the totals, which are
 * locked, but not in the sums. Then nothing is written, and the next snapshot shows them. $9 limits it to runs without a
 * write for this number of milliseconds. A heartbeat or the end of a step that this statement waited for counts as a
 * write, because the row is locked after it.
 */
export const FINISH_EXECUTION = `
with run as materialized (
  select * from workflow_executions where execution_id = $1::uuid for no key update
), sums as materialized (
  select coalesce(sum(tokens_used), 0) as tokens, coalesce(sum(cost), 0) as cost,
         ${TOKEN_COLUMNS.map((name) => `sum(${name}) as ${name}`).join(', ')}
  from workflow_steps where execution_id = $1::uuid
), done as (
  update workflow_executions e
  set status = $2, error_message = $3, end_time = greatest(coalesce($4::timestamptz, now()), e.start_time)
  from run, sums
  where e.execution_id = $1::uuid and run.status = 'running'
    and ($7::boolean or (run.total_tokens, run.total_cost) = (sums.tokens, sums.cost))
    and ($9::double precision is null or ${idleFor('run', '$9')})
  returning e.*
), bill as (
  insert into billing_records (billing_id, user_id, execution_id, model_id, ${classes}, tokens_total, cost, billing_period)
  select $5::uuid, done.user_id, done.execution_id, done.model_id, ${TOKEN_COLUMNS.map((name) => `sums.${name}`).join(', ')},
         done.total_tokens, done.total_cost, ${OPEN_PERIOD}
  from done, sums
  on conflict (billing_id) do nothing
), entry as (
  insert into audit_logs (log_id, execution_id, user_id, action_type, action_details, tokens_used, cost, model_id, success,
    error_message, metadata)
  select $6::uuid, execution_id, user_id, 'workflow_end', format('Workflow %s: %s', status, workflow_name), total_tokens,
         total_cost, model_id, status = 'success', error_message, $8::jsonb
  from done
  on conflict (log_id) do nothing
)
select total_cost from done`

/** A tool call or a decision. $1 entry, $2 run, $3 step, $4 action … $13 metadata. */
export const ADD_ENTRY = `
insert into audit_logs (log_id, execution_id, step_id, user_id, action_type, action_details, tool_name, tool_input, tool_output,
  tokens_used, cost, model_id, success, error_message, metadata)
select $1::uuid, execution_id, $3::uuid, user_id, $4, $5, $6, $7::jsonb, $8::jsonb, $9::bigint, $10::numeric, model_id, $11::boolean,
       $12, coalesce($13::jsonb, '{}')
from workflow_executions where execution_id = $2::uuid
on conflict (log_id) do nothing
returning action_type as status`

/** The trigger of the table sets updated_at. */
export const HEARTBEAT = `
update workflow_executions set updated_at = now() where execution_id = $1::uuid and status = 'running'
returning status`
