import { constant, join, type Named, raw, type Sql, sql } from '../../db/query/sql.ts'
import { KEEPS_TOTALS_COLUMN } from '../../db/totals.ts'
import { addLines, linesOf } from '../../queries/billing/lines.ts'
import { OPEN_PERIOD } from '../../queries/billing/periods.ts'
import { priceCall } from '../../queries/prices/pricing.ts'
import { columnOf } from '../../tables/column.ts'
import { TOKEN_COLUMNS, TOKEN_FIELDS, type TokenField } from '../../tables/tokens.ts'

/** The statements with which an attempt at a step ends. As in statements.ts, each writes all or nothing. */

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
  | 'provider'
  | 'modelId'
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
  select execution_id, user_id, model_id, status, tags, ${raw(KEEPS_TOTALS_COLUMN)}
  from workflow_executions where execution_id = ${v('executionId')}::uuid for no key update
), bill as materialized (
  select b.billing_id, b.paid or exists (select from wfstore_periods p
           where p.billing_period = b.billing_period and p.closed_at is not null) as settled
  from billing_records b where b.billing_id = ${v('bill')}::uuid for no key update of b
), open as materialized (
  select s.status, s.step_name, s.tool_name, s.start_time, s.provider, s.model_id
  from run join workflow_steps s on s.execution_id = run.execution_id and s.step_id = ${v('stepId')}::uuid
  where s.retry_count = ${v('attempt')}::integer
    and (s.status in ('pending', 'running', 'failed') or s.status = 'skipped' and s.end_time is null)
    and (run.status = 'running' or ${v('withoutBill')}::boolean or exists (select from bill))
    -- A step has one model: the cost of its earlier attempts must stay with it.
    and (s.tokens_used = 0 and s.cost = 0 or coalesce(${v('modelId')}, s.model_id) is not distinct from s.model_id
      and coalesce(${v('provider')}, s.provider) is not distinct from s.provider)
  for no key update of s
)`

/** A retried attempt has ended before its step: its lines keep the time, for a later price. */
const RETRIED = `jsonb_build_object('at', c.at)`

/**
 * The call of a model with which an attempt ends. Without a cost it is priced by the price book, at the time `at`.
 * A step that names its own model and succeeds is a call even if no tokens were reported.
 */
const calledAt = (v: Named<Attempt>, at: Sql, isRetry = false): Sql => sql`call as materialized (
  select c.*, coalesce(${v('cost')}::numeric, priced.cost, 0) as cost, priced.lines as cost_lines,
         case when ${v('cost')}::numeric is null then priced.source else 'given' end as cost_source
  from (
    select s.provider, s.model as own_model, coalesce(s.model, run.model_id) as model_id, ${at} as at, ${v('attempt')}::integer as attempt,
           ${v('tokens')}::bigint as tokens, ${join(
             TOKEN_FIELDS.map((field) => sql`${v(field)}::bigint as ${raw(columnOf(field))}`),
             ', ',
           )},
           s.model is not null and ${v('status')} = 'success' as is_call
    from run, (select start_time, coalesce(${v('provider')}, provider) as provider, coalesce(${v('modelId')}, model_id) as model from open) as s
  ) as c left join lateral (select * from ${raw(priceCall('c', 'c.attempt', isRetry ? RETRIED : undefined))} where ${v('cost')}::numeric is null) as priced on true
)`

/** Of an audit entry. It says where the cost comes from, if the engine did not give it. */
const entryMetadata = (v: Named<Attempt>): Sql =>
  sql`${v('metadata')}::jsonb || jsonb_strip_nulls(jsonb_build_object('costSource', nullif(call.cost_source, 'given')))`

/** The columns of a step that an attempt changes. */
const addCall = (
  v: Named<Attempt>,
): Sql => sql`tokens_used = s.tokens_used + call.tokens, cost = s.cost + call.cost,
      provider = call.provider, model_id = call.own_model, cost_source = greatest(s.cost_source, call.cost_source),
      cost_lines = case when call.cost_lines is null then s.cost_lines else coalesce(s.cost_lines, '[]') || call.cost_lines end,
      ${addClasses(v)}`

/**
 * Tokens and cost of an attempt that ended after its run. They are added to the bill. If the bill is paid or its period
 * closed, they become a correction.
 */
const billed = (v: Named<Attempt | 'correction'>): Sql => sql`billed as (
  update billing_records s
  set tokens_total = s.tokens_total + call.tokens, cost = s.cost + call.cost,
      ${addClasses(v)}
  from step, call, bill where s.billing_id = bill.billing_id and not bill.settled
  returning s.execution_id, s.billing_id
), correction as (
  insert into billing_records (billing_id, user_id, execution_id, model_id, ${classes}, tokens_total, cost, billing_period,
    corrects, metadata, tags)
  select ${v('correction')}::uuid, run.user_id, run.execution_id, run.model_id, ${join(
    TOKEN_FIELDS.map((field) => sql`${v(field)}::bigint`),
    ', ',
  )},
         call.tokens, call.cost, ${raw(OPEN_PERIOD)}, bill.billing_id, ${raw(CORRECTION)}, run.tags
  from step, call, run, bill where bill.settled and (call.tokens > 0 or call.cost > 0)
  on conflict (billing_id) do nothing
  returning execution_id, billing_id
), lines as (${raw(
  addLines(`select b.execution_id, b.billing_id, call.provider, call.model_id, l.*
    from (table billed union all table correction) as b, call, ${linesOf('call', { tokens: 'tokens' })}`),
)}
)`

/** The clock of the engine, from which the start may be, can be ahead of the clock of the server. */
const endOfStep = (v: Named<'endTime'>): Sql =>
  sql`greatest(coalesce(${v('endTime')}::timestamptz, now()), s.start_time)`

export const FINISH_STEP = constant<Attempt | 'result' | 'endTime' | 'correction'>(
  (v) => sql`${openStep(v)}, ${calledAt(v, endOfStep(v))}, step as (
  update workflow_steps s
  set status = ${v('status')}, error_message = ${v('errorMessage')}, result = ${v('result')}::jsonb,
      end_time = call.at, duration_ms = round(extract(epoch from call.at - s.start_time) * 1000),
      ${addCall(v)}
  from open, call
  where s.execution_id = ${v('executionId')}::uuid and s.step_id = ${v('stepId')}::uuid and open.status <> 'failed'
  returning s.execution_id, s.step_id, s.status, s.step_name, s.tool_name, s.error_message, s.result
), totals as (
  update workflow_executions e
  set total_tokens = e.total_tokens + call.tokens, total_cost = e.total_cost + call.cost,
      steps_completed = e.steps_completed + (step.status = 'success')::integer,
      steps_failed = e.steps_failed + (step.status = 'failed')::integer
  from step, call where e.execution_id = step.execution_id
), ${billed(v)}, entry as (
  insert into audit_logs (log_id, execution_id, step_id, user_id, action_type, action_details, tool_name, tool_output,
    tokens_used, cost, model_id, success, error_message, metadata)
  select ${v('entry')}::uuid, step.execution_id, step.step_id, run.user_id, 'step_end',
         format('Step %s: %s', case step.status when 'success' then 'completed' else step.status end, step.step_name),
         step.tool_name, step.result, call.tokens, call.cost, call.model_id, step.status <> 'failed', step.error_message,
         ${entryMetadata(v)}
  from step, call, run
  on conflict (log_id) do nothing
)
select status from step`,
  { run: 'executionId' },
)

/** Retries a step that has failed or is not finished. `status` is 'running', the status of its run. */
export const RETRY_STEP = constant<Attempt>(
  (v) => sql`${openStep(v)}, ${calledAt(v, raw('now()'), true)}, step as (
  update workflow_steps s
  set status = 'running', retry_count = s.retry_count + 1, end_time = null, duration_ms = null, error_message = null,
      result = null, ${addCall(v)}
  from open, call, run
  where s.execution_id = ${v('executionId')}::uuid and s.step_id = ${v('stepId')}::uuid and run.status = ${v('status')}
  returning s.execution_id, s.step_id, s.status, open.status as before
), totals as (
  update workflow_executions e
  set total_tokens = e.total_tokens + call.tokens, total_cost = e.total_cost + call.cost,
      steps_failed = e.steps_failed - (step.before = 'failed')::integer
  from step, call where e.execution_id = step.execution_id
), entry as (
  insert into audit_logs (log_id, execution_id, step_id, user_id, action_type, action_details, tool_name, tokens_used, cost,
    model_id, success, error_message, metadata)
  select ${v('entry')}::uuid, step.execution_id, step.step_id, run.user_id, 'step_retry',
         format('Retrying step: %s', open.step_name), open.tool_name, call.tokens, call.cost, call.model_id,
         ${v('errorMessage')}::text is null, ${v('errorMessage')}, ${entryMetadata(v)}
  from step, call, run, open
  on conflict (log_id) do nothing
)
select status from step`,
  { run: 'executionId' },
)
