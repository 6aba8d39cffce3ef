import { constant, join, type Named, raw, type Sql, sql } from '../../db/query/sql.ts'
import { KEEPS_TOTALS_COLUMN, KEEPS_TOTALS_CONDITION } from '../../db/totals.ts'
import { OPEN_PERIOD } from '../../queries/billing/periods.ts'
import { idleFor } from '../../queries/executions/running.ts'
import { columnOf } from '../../tables/column.ts'
import { TOKEN_COLUMNS, TOKEN_FIELDS, type TokenField } from '../../tables/tokens.ts'

/**
 * One statement for each action of an engine. It writes the row, its audit entry and the totals of the run, all or none. If
 * the row exists, it writes nothing and returns no row; then the caller finds the reason.
 *
 * Every statement locks the run before it changes its step, so that two statements never deadlock. A locked row has its
 * last committed values, also if they are newer than the snapshot.
 */

export const START_EXECUTION = constant<
  | 'executionId'
  | 'workflowName'
  | 'workflowType'
  | 'userId'
  | 'mode'
  | 'modelId'
  | 'startTime'
  | 'stepsTotal'
  | 'metadata'
  | 'entry'
>(
  (v) => sql`
with run as (
  insert into workflow_executions (execution_id, workflow_name, workflow_type, user_id, mode, model_id, start_time, steps_total,
    metadata)
  select ${v('executionId')}::uuid, ${v('workflowName')}, ${v('workflowType')}, ${v('userId')}, ${v('mode')}, ${v('modelId')},
    coalesce(${v('startTime')}::timestamptz, now()), coalesce(${v('stepsTotal')}::integer, 0), coalesce(${v('metadata')}::jsonb, '{}')
  where ${raw(KEEPS_TOTALS_CONDITION)}
  on conflict (execution_id) do nothing
  returning *
), entry as (
  insert into audit_logs (log_id, execution_id, user_id, action_type, action_details, model_id, metadata)
  select ${v('entry')}::uuid, execution_id, user_id, 'workflow_start', 'Started workflow: ' || workflow_name, model_id,
         jsonb_build_object('steps_total', steps_total, 'workflow_type', workflow_type)
  from run
  on conflict (log_id) do nothing
)
select to_json(start_time) #>> '{}' as start_time from run`,
)

export const START_STEP = constant<
  | 'executionId'
  | 'stepId'
  | 'stepNumber'
  | 'stepName'
  | 'stepDescription'
  | 'toolName'
  | 'toolParameters'
  | 'startTime'
  | 'entry'
>(
  (v) => sql`
with run as (
  select execution_id, user_id, model_id, ${raw(KEEPS_TOTALS_COLUMN)}
  from workflow_executions where execution_id = ${v('executionId')}::uuid and status = 'running'
), step as (
  insert into workflow_steps (execution_id, step_id, step_number, step_name, step_description, tool_name, tool_parameters,
    status, start_time)
  select execution_id, ${v('stepId')}::uuid, ${v('stepNumber')}::integer, ${v('stepName')}, ${v('stepDescription')}, ${v('toolName')},
         ${v('toolParameters')}::jsonb, 'running', coalesce(${v('startTime')}::timestamptz, now())
  from run
  on conflict (execution_id, step_id) do nothing
  returning *
), entry as (
  insert into audit_logs (log_id, execution_id, step_id, user_id, action_type, action_details, tool_name, model_id, metadata)
  select ${v('entry')}::uuid, step.execution_id, step.step_id, run.user_id, 'step_start',
         format('Step %s: %s', step.step_number, step.step_name), step.tool_name, run.model_id,
         jsonb_strip_nulls(jsonb_build_object('step_description', step.step_description))
  from step, run
  on conflict (log_id) do nothing
)
select to_json(start_time) #>> '{}' as start_time from step`,
)

/** The metadata of a correction, with its reason. */
export const CORRECTION =
  "jsonb_build_object('reason', 'a step ended after its run was billed', 'step_id', step.step_id)"

const classes = raw(TOKEN_COLUMNS.join(', '))

/** The values at the end of an attempt at a step; `attempt` is the number of earlier retries. */
type Attempt =
  | TokenField
  | 'executionId'
  | 'stepId'
  | 'attempt'
  | 'bill'
  | 'withoutBill'
  | 'tokens'
  | 'cost'
  | 'status'
  | 'errorMessage'
  | 'entry'
  | 'metadata'

/** Tokens by class of an attempt. A class that was not reported does not change. */
const addClasses = (v: Named<Attempt>): Sql =>
  join(
    TOKEN_FIELDS.map((field) => {
      const [column, value] = [raw(columnOf(field)), sql`${v(field)}::bigint`]
      return sql`${column} = case when ${value} is null then s.${column} else coalesce(s.${column}, 0) + ${value} end`
    }),
    ',\n      ',
  )

/**
 * `withoutBill` is true if a finished run may have no bill. If the run has finished since our snapshot, its bill is not
 * visible. Then nothing is written, and the next snapshot shows the bill. A step that the end of its run has skipped has no
 * end time: it can still end.
 */
const openStep = (v: Named<Attempt>): Sql => sql`
with run as materialized (
  select execution_id, user_id, model_id, status, ${raw(KEEPS_TOTALS_COLUMN)}
  from workflow_executions where execution_id = ${v('executionId')}::uuid for no key update
), bill as materialized (
  select b.billing_id, b.paid or exists (select from wfstore_periods p
           where p.billing_period = b.billing_period and p.closed_at is not null) as settled
  from billing_records b where b.billing_id = ${v('bill')}::uuid for no key update of b
), open as materialized (
  select s.status, s.step_name, s.tool_name, s.start_time
  from run join workflow_steps s on s.execution_id = run.execution_id and s.step_id = ${v('stepId')}::uuid
  where s.retry_count = ${v('attempt')}::integer
    and (s.status in ('pending', 'running', 'failed') or s.status = 'skipped' and s.end_time is null)
    and (run.status = 'running' or ${v('withoutBill')}::boolean or exists (select from bill))
  for no key update of s
)`

/**
 * Tokens and cost of an attempt that ended after its run. They are added to the bill. If the bill is paid or its period
 * closed, they become a correction.
 */
const billed = (v: Named<Attempt | 'correction'>): Sql => sql`billed as (
  update billing_records s
  set tokens_total = s.tokens_total + ${v('tokens')}::bigint, cost = s.cost + ${v('cost')}::numeric,
      ${addClasses(v)}
  from step, bill where s.billing_id = bill.billing_id and not bill.settled
), correction as (
  insert into billing_records (billing_id, user_id, execution_id, model_id, ${classes}, tokens_total, cost, billing_period,
    corrects, metadata)
  select ${v('correction')}::uuid, run.user_id, run.execution_id, run.model_id, ${join(TOKEN_FIELDS.map(v), ', ')},
         ${v('tokens')}, ${v('cost')}, ${raw(OPEN_PERIOD)}, bill.billing_id, ${raw(CORRECTION)}
  from step, run, bill where bill.settled and (${v('tokens')}::bigint > 0 or ${v('cost')}::numeric > 0)
  on conflict (billing_id) do nothing
)`

/** The clock of the engine, from which the start may be, can be ahead of the clock of the server. */
const endOfStep = (v: Named<'endTime'>): Sql =>
  sql`greatest(coalesce(${v('endTime')}::timestamptz, now()), s.start_time)`

export const FINISH_STEP = constant<Attempt | 'result' | 'endTime' | 'correction'>(
  (v) => sql`${openStep(v)}, step as (
  update workflow_steps s
  set status = ${v('status')}, error_message = ${v('errorMessage')}, result = ${v('result')}::jsonb,
      end_time = ${endOfStep(v)}, duration_ms = round(extract(epoch from ${endOfStep(v)} - s.start_time) * 1000),
      tokens_used = s.tokens_used + ${v('tokens')}::bigint, cost = s.cost + ${v('cost')}::numeric,
      ${addClasses(v)}
  from open
  where s.execution_id = ${v('executionId')}::uuid and s.step_id = ${v('stepId')}::uuid and open.status <> 'failed'
  returning s.execution_id, s.step_id, s.status, s.step_name, s.tool_name, s.error_message, s.result
), totals as (
  update workflow_executions e
  set total_tokens = e.total_tokens + ${v('tokens')}::bigint, total_cost = e.total_cost + ${v('cost')}::numeric,
      steps_completed = e.steps_completed + (step.status = 'success')::integer,
      steps_failed = e.steps_failed + (step.status = 'failed')::integer
  from step where e.execution_id = step.execution_id
), ${billed(v)}, entry as (
  insert into audit_logs (log_id, execution_id, step_id, user_id, action_type, action_details, tool_name, tool_output,
    tokens_used, cost, model_id, success, error_message, metadata)
  select ${v('entry')}::uuid, step.execution_id, step.step_id, run.user_id, 'step_end',
         format('Step %s: %s', case step.status when 'success' then 'completed' else step.status end, step.step_name),
         step.tool_name, step.result, ${v('tokens')}, ${v('cost')}, run.model_id, step.status <> 'failed', step.error_message,
         ${v('metadata')}::jsonb
  from step, run
  on conflict (log_id) do nothing
)
select status from step`,
)

/** Retries a step that has failed or is not finished. `status` is 'running', the status of its run. */
export const RETRY_STEP = constant<Attempt>(
  (v) => sql`${openStep(v)}, step as (
  update workflow_steps s
  set status = 'running', retry_count = s.retry_count + 1, end_time = null, duration_ms = null, error_message = null,
      result = null, tokens_used = s.tokens_used + ${v('tokens')}::bigint, cost = s.cost + ${v('cost')}::numeric,
      ${addClasses(v)}
  from open, run
  where s.execution_id = ${v('executionId')}::uuid and s.step_id = ${v('stepId')}::uuid and run.status = ${v('status')}
  returning s.execution_id, s.step_id, s.status, open.status as before
), totals as (
  update workflow_executions e
  set total_tokens = e.total_tokens + ${v('tokens')}::bigint, total_cost = e.total_cost + ${v('cost')}::numeric,
      steps_failed = e.steps_failed - (step.before = 'failed')::integer
  from step where e.execution_id = step.execution_id
), entry as (
  insert into audit_logs (log_id, execution_id, step_id, user_id, action_type, action_details, tool_name, tokens_used, cost,
    model_id, success, error_message, metadata)
  select ${v('entry')}::uuid, step.execution_id, step.step_id, run.user_id, 'step_retry',
         format('Retrying step: %s', open.step_name), open.tool_name, ${v('tokens')}, ${v('cost')}, run.model_id,
         ${v('errorMessage')}::text is null, ${v('errorMessage')}, ${v('metadata')}::jsonb
  from step, run, open
  on conflict (log_id) do nothing
)
select status from step`,
)

/**
 * Steps that have finished since our snapshot are in the totals, which are locked, but not in the sums. Then nothing is
 * written, and the next snapshot shows them. `recounted` is true if the totals differ for another reason: the trigger of the
 * run replaces them by the sums of its steps, and these are billed. `idleMs` limits it to runs without a write for this
 * number of milliseconds. A heartbeat or the end of a step that this statement waited for counts as a write, because the
 * row is locked after it. Steps that have not ended become skipped.
 */
export const FINISH_EXECUTION = constant<
  | 'executionId'
  | 'status'
  | 'errorMessage'
  | 'endTime'
  | 'bill'
  | 'entry'
  | 'recounted'
  | 'metadata'
  | 'idleMs'
>(
  (v) => sql`
with run as materialized (
  select *, (select set_config('wfstore.keeps_totals', case when ${v('recounted')}::boolean then 'off' else 'on' end, true))
  from workflow_executions where execution_id = ${v('executionId')}::uuid for no key update
), sums as materialized (
  select coalesce(sum(tokens_used), 0) as tokens, coalesce(sum(cost), 0) as cost,
         ${raw(TOKEN_COLUMNS.map((name) => `sum(${name}) as ${name}`).join(', '))}
  from workflow_steps where execution_id = ${v('executionId')}::uuid
), done as (
  update workflow_executions e
  set status = ${v('status')}, error_message = ${v('errorMessage')},
      end_time = greatest(coalesce(${v('endTime')}::timestamptz, now()), e.start_time)
  from run, sums
  where e.execution_id = ${v('executionId')}::uuid and run.status = 'running'
    and (${v('recounted')}::boolean or (run.total_tokens, run.total_cost) = (sums.tokens, sums.cost))
    and (${v('idleMs')}::double precision is null or ${idleFor('run', v('idleMs'))})
  returning e.*
), left_open as (
  update workflow_steps s set status = 'skipped'
  from done where s.execution_id = ${v('executionId')}::uuid and s.status in ('pending', 'running')
), bill as (
  insert into billing_records (billing_id, user_id, execution_id, model_id, ${classes}, tokens_total, cost, billing_period)
  select ${v('bill')}::uuid, done.user_id, done.execution_id, done.model_id,
         ${raw(TOKEN_COLUMNS.map((name) => `case when sums.tokens = done.total_tokens then sums.${name} end`).join(', '))},
         done.total_tokens, done.total_cost, ${raw(OPEN_PERIOD)}
  from done, sums
  on conflict (billing_id) do nothing
), entry as (
  insert into audit_logs (log_id, execution_id, user_id, action_type, action_details, tokens_used, cost, model_id, success,
    error_message, metadata)
  select ${v('entry')}::uuid, execution_id, user_id, 'workflow_end', format('Workflow %s: %s', status, workflow_name), total_tokens,
         total_cost, model_id, status = 'success', error_message, ${v('metadata')}::jsonb
  from done
  on conflict (log_id) do nothing
)
select total_cost from done`,
)

/** A tool call or a decision. */
export const ADD_ENTRY = constant<
  | 'logId'
  | 'executionId'
  | 'stepId'
  | 'action'
  | 'details'
  | 'toolName'
  | 'input'
  | 'output'
  | 'tokens'
  | 'cost'
  | 'success'
  | 'errorMessage'
  | 'metadata'
>(
  (v) => sql`
insert into audit_logs (log_id, execution_id, step_id, user_id, action_type, action_details, tool_name, tool_input, tool_output,
  tokens_used, cost, model_id, success, error_message, metadata)
select ${v('logId')}::uuid, execution_id, ${v('stepId')}::uuid, user_id, ${v('action')}, ${v('details')}, ${v('toolName')},
       ${v('input')}::jsonb, ${v('output')}::jsonb, ${v('tokens')}::bigint, ${v('cost')}::numeric, model_id, ${v('success')}::boolean,
       ${v('errorMessage')}, coalesce(${v('metadata')}::jsonb, '{}')
from workflow_executions where execution_id = ${v('executionId')}::uuid and ${raw(KEEPS_TOTALS_CONDITION)}
on conflict (log_id) do nothing
returning action_type as status`,
)

/** The trigger of the table sets updated_at. */
export const HEARTBEAT = constant<'executionId'>(
  (v) => sql`
update workflow_executions set updated_at = now() where execution_id = ${v('executionId')}::uuid and status = 'running'
  and ${raw(KEEPS_TOTALS_CONDITION)}
returning status`,
)
