import { constant, raw, sql } from '../../../db/query/sql.ts'
import { namesIn, namesOfCalls, priceCall } from '../../../queries/prices/pricing.ts'
import { TOKEN_COLUMNS } from '../../../tables/tokens.ts'

/** The statements that write a run that is running from its spans. Each writes many runs, which their transaction has locked. */

const RUN_TYPES =
  'execution_id uuid, workflow_name text, user_id text, mode text, model_id text, session_id text, tags jsonb, parent_execution_id uuid, start_time timestamptz'
const RUN_COLUMNS = RUN_TYPES.split(', ').map((column) => column.split(' ')[0])
const DESCRIBED = RUN_COLUMNS.slice(1)

/** Returns the runs that were added. A run that another session has added at the same time is not. */
export const ADD_RUNS = constant<'runs'>(
  (v) => sql`
insert into workflow_executions (${raw(RUN_COLUMNS.join(', '))}, metadata)
select ${raw(RUN_COLUMNS.map((column) => `g.${column}`).join(', '))}, '{"source": "opentelemetry"}'
from jsonb_to_recordset(${v('runs')}::jsonb) as g (${raw(RUN_TYPES)}) order by g.execution_id
on conflict (execution_id) do nothing
returning execution_id`,
)

/** Later spans can give a run another name, user or start. */
export const DESCRIBE_RUNS = constant<'runs'>(
  (v) => sql`
update workflow_executions e set ${raw(DESCRIBED.map((column) => `${column} = g.${column}`).join(', '))}
from jsonb_to_recordset(${v('runs')}::jsonb) as g (${raw(RUN_TYPES)})
where e.execution_id = g.execution_id
  and (${raw(DESCRIBED.map((column) => `e.${column}`).join(', '))}) is distinct from (${raw(DESCRIBED.map((column) => `g.${column}`).join(', '))})
returning true`,
)

/** Steps whose span belongs to another step, now that more spans have arrived. */
export const DROP_STEPS = constant<'steps'>(
  (v) => sql`
delete from workflow_steps s using jsonb_to_recordset(${v('steps')}::jsonb) as g (execution_id uuid, step_id uuid)
where s.execution_id = g.execution_id and s.step_id = g.step_id
returning true`,
)

const STEP_TYPES = `execution_id uuid, step_id uuid, step_number integer, step_name text, step_description text, tool_name text, tool_parameters jsonb, result jsonb, status text, error_message text, start_time timestamptz, end_time timestamptz, retry_count integer, tokens_used bigint, ${TOKEN_COLUMNS.map((column) => `${column} bigint`).join(', ')}, provider text, model_id text`
const STEP_COLUMNS = STEP_TYPES.split(', ').map((column) => column.split(' ')[0])
const WRITTEN = [...STEP_COLUMNS, 'duration_ms', 'cost', 'cost_source', 'cost_lines']

/** As in a batch, a step costs what its span says, or else what the price book gives. */
export const WRITE_STEPS = constant<'steps'>(
  (v) => sql`
with given as materialized (
  select g.*, coalesce(g.model_id, e.model_id) as call_model
  from jsonb_to_recordset(${v('steps')}::jsonb) as g (${raw(STEP_TYPES)}, cost numeric)
  join workflow_executions e on e.execution_id = g.execution_id
), named_call as materialized (${raw(
    namesOfCalls(`select provider, call_model as model_id from given
    where cost is null and (tokens_used <> 0 or model_id is not null)`),
  )}
)
insert into workflow_steps (${raw(WRITTEN.join(', '))})
select ${raw(STEP_COLUMNS.map((column) => `g.${column}`).join(', '))}, round(extract(epoch from g.end_time - g.start_time) * 1000),
       coalesce(g.cost, priced.cost, 0), case when g.cost is null then priced.source else 'given' end, priced.lines
from given g
cross join lateral (
  select g.provider, g.call_model as model_id, g.end_time as at, g.tokens_used as tokens,
         ${raw(TOKEN_COLUMNS.map((column) => `g.${column}`).join(', '))}, g.model_id is not null and g.status = 'success' as is_call
) as c
left join lateral (select * from ${raw(priceCall('c', '0', undefined, namesIn('named_call', 'c')))} where g.cost is null) as priced on true
order by g.execution_id, g.step_id
on conflict (execution_id, step_id) do update
set ${raw(
    WRITTEN.slice(2)
      .map((column) => `${column} = excluded.${column}`)
      .join(', '),
  )}
returning true`,
)

/** The totals of a run are the sums of its steps. */
export const ADD_UP = constant<'runs'>(
  (v) => sql`
update workflow_executions e
set total_tokens = s.tokens, total_cost = s.cost, steps_completed = s.completed, steps_failed = s.failed
from unnest(${v('runs')}::uuid[]) as g (execution_id)
cross join lateral (
  select coalesce(sum(tokens_used), 0) as tokens, coalesce(sum(cost), 0) as cost, count(*) filter (where status = 'success') as completed,
         count(*) filter (where status = 'failed') as failed
  from workflow_steps where execution_id = g.execution_id
) as s
where e.execution_id = g.execution_id
  and (e.total_tokens, e.total_cost, e.steps_completed, e.steps_failed) is distinct from (s.tokens, s.cost, s.completed, s.failed)
returning true`,
)

/** An action is not later than now: the clock of an engine can be ahead. */
const NOT_LATER = (time: string) => `least(${time}, now())`

/** The audit entries of the start of runs. */
export const START_ENTRIES = constant<'runs'>(
  (v) => sql`
insert into audit_logs (log_id, execution_id, timestamp, user_id, action_type, action_details, model_id, metadata)
select g.log_id, e.execution_id, ${raw(NOT_LATER('e.start_time'))}, e.user_id, 'workflow_start', 'Started workflow: ' || e.workflow_name,
       e.model_id, jsonb_build_object('steps_total', e.steps_total, 'workflow_type', e.workflow_type)
from jsonb_to_recordset(${v('runs')}::jsonb) as g (execution_id uuid, log_id uuid)
join workflow_executions e on e.execution_id = g.execution_id
on conflict (log_id) do nothing
returning true`,
)

const TOKENS = TOKEN_COLUMNS.map((column) => {
  const name = column
    .replace('tokens_', '')
    .replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase())
  return `'${name}', s.${column}`
}).join(', ')

/** The audit entries of steps. Tokens and cost are with the end of a step, those of a tool with its call too. */
export const STEP_ENTRIES = constant<'entries'>(
  (v) => sql`
insert into audit_logs (log_id, execution_id, step_id, timestamp, user_id, action_type, action_details, tool_name, tool_input, tool_output,
  tokens_used, cost, model_id, success, error_message, metadata)
select g.log_id, s.execution_id, s.step_id, ${raw(NOT_LATER('s.end_time'))}, e.user_id, g.action_type,
       case g.action_type when 'tool_call' then 'Tool call: ' || coalesce(s.tool_name, s.step_name)
         else format('Step %s: %s', case s.status when 'success' then 'completed' else s.status end, s.step_name) end,
       s.tool_name, case g.action_type when 'tool_call' then s.tool_parameters end, s.result, s.tokens_used, s.cost,
       coalesce(s.model_id, e.model_id), s.status <> 'failed', s.error_message,
       jsonb_strip_nulls(jsonb_build_object('costSource', nullif(s.cost_source, 'given'))) || g.metadata
         || case g.action_type when 'tool_call' then '{}' else jsonb_build_object('status', s.status, 'tokens', jsonb_strip_nulls(jsonb_build_object(${raw(TOKENS)}))) end
from jsonb_to_recordset(${v('entries')}::jsonb) as g (log_id uuid, execution_id uuid, step_id uuid, action_type text, metadata jsonb)
join workflow_executions e on e.execution_id = g.execution_id
-- A join would read all steps of the run for each entry.
cross join lateral (select * from workflow_steps where execution_id = g.execution_id and step_id = g.step_id limit 1) as s
on conflict (log_id) do update set metadata = audit_logs.metadata || excluded.metadata
returning true`,
)

/** What a late step has beyond a step of a batch. */
export const LATE_STEPS = constant<'steps'>(
  (v) => sql`
update workflow_steps s set retry_count = g.retry_count
from jsonb_to_recordset(${v('steps')}::jsonb) as g (execution_id uuid, step_id uuid, retry_count integer)
where s.execution_id = g.execution_id and s.step_id = g.step_id and g.retry_count > 0
returning true`,
)

/** The root of a run that was given up has arrived: its bill stays, because its steps were counted. */
export const RENAME_RUN = constant<
  'executionId' | 'workflowName' | 'status' | 'errorMessage' | 'endTime'
>(
  (v) => sql`
update workflow_executions
set workflow_name = ${v('workflowName')}, status = ${v('status')}, error_message = ${v('errorMessage')},
    end_time = greatest(${v('endTime')}::timestamptz, start_time)
where execution_id = ${v('executionId')}::uuid and status = 'failed'
returning true`,
)
