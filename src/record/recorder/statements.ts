import { constant, raw, sql } from '../../db/query/sql.ts'
import { KEEPS_TOTALS_COLUMN, KEEPS_TOTALS_CONDITION } from '../../db/totals.ts'
import { idleFor } from '../../queries/executions/running.ts'
import { billDone, SUMS } from './ended.ts'

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
  | 'tags'
  | 'sessionId'
  | 'parentExecutionId'
  | 'entry'
>(
  (v) => sql`
with run as (
  insert into workflow_executions (execution_id, workflow_name, workflow_type, user_id, mode, model_id, start_time, steps_total,
    metadata, tags, session_id, parent_execution_id)
  select ${v('executionId')}::uuid, ${v('workflowName')}, ${v('workflowType')}, ${v('userId')}, ${v('mode')}, ${v('modelId')},
    coalesce(${v('startTime')}::timestamptz, now()), coalesce(${v('stepsTotal')}::integer, 0), coalesce(${v('metadata')}::jsonb, '{}'),
    coalesce(${v('tags')}::jsonb, '{}'), ${v('sessionId')}, ${v('parentExecutionId')}::uuid
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
  { run: 'executionId' },
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
  | 'provider'
  | 'modelId'
  | 'entry'
>(
  (v) => sql`
with run as (
  select execution_id, user_id, model_id, ${raw(KEEPS_TOTALS_COLUMN)}
  from workflow_executions where execution_id = ${v('executionId')}::uuid and status = 'running'
), step as (
  insert into workflow_steps (execution_id, step_id, step_number, step_name, step_description, tool_name, tool_parameters,
    status, start_time, provider, model_id)
  select execution_id, ${v('stepId')}::uuid, ${v('stepNumber')}::integer, ${v('stepName')}, ${v('stepDescription')}, ${v('toolName')},
         ${v('toolParameters')}::jsonb, 'running', coalesce(${v('startTime')}::timestamptz, now()), ${v('provider')}, ${v('modelId')}
  from run
  on conflict (execution_id, step_id) do nothing
  returning *
), entry as (
  insert into audit_logs (log_id, execution_id, step_id, user_id, action_type, action_details, tool_name, model_id, metadata)
  select ${v('entry')}::uuid, step.execution_id, step.step_id, run.user_id, 'step_start',
         format('Step %s: %s', step.step_number, step.step_name), step.tool_name, coalesce(step.model_id, run.model_id),
         jsonb_strip_nulls(jsonb_build_object('step_description', step.step_description))
  from step, run
  on conflict (log_id) do nothing
)
select to_json(start_time) #>> '{}' as start_time from step`,
  { run: 'executionId' },
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
  select ${v('executionId')}::uuid as execution_id, ${SUMS} from workflow_steps where execution_id = ${v('executionId')}::uuid
), done as (
  update workflow_executions e
  set status = ${v('status')}, error_message = ${v('errorMessage')},
      end_time = greatest(coalesce(${v('endTime')}::timestamptz, now()), e.start_time)
  from run, sums
  where e.execution_id = ${v('executionId')}::uuid and run.status = 'running'
    and (${v('recounted')}::boolean or (run.total_tokens, run.total_cost) = (sums.tokens, sums.cost))
    and (${v('idleMs')}::double precision is null or ${idleFor('run', v('idleMs'))})
  returning e.*
), ${billDone({ bill: sql`${v('bill')}::uuid`, entry: sql`${v('entry')}::uuid`, metadata: sql`${v('metadata')}::jsonb` })}
select total_cost from done`,
  { run: 'executionId' },
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
  { run: 'executionId' },
)

/** The trigger of the table sets updated_at. */
export const HEARTBEAT = constant<'executionId'>(
  (v) => sql`
update workflow_executions set updated_at = now() where execution_id = ${v('executionId')}::uuid and status = 'running'
  and ${raw(KEEPS_TOTALS_CONDITION)}
returning status`,
  { run: 'executionId' },
)
