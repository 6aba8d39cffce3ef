import { constant, empty, join, type Named, raw, type Sql, sql } from '../../db/query/sql.ts'
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
const RUN = { run: 'executionId' } as const

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

/** Whether the step `s` can end, as the given attempt and with its model: the cost of its earlier attempts must stay with that. */
const isOpen = (v: Named<Attempt>): Sql => sql`s.retry_count = ${v('attempt')}::integer
    and (s.status in ('pending', 'running', 'failed') or s.status = 'skipped' and s.end_time is null)
    and (s.tokens_used = 0 and s.cost = 0 or coalesce(${v('modelId')}, s.model_id) is not distinct from s.model_id
      and coalesce(${v('provider')}, s.provider) is not distinct from s.provider)`

const runLocked = (v: Named<Attempt>, where: Sql = empty): Sql => sql`
with run as materialized (
  select execution_id, user_id, model_id, status, tags, ${raw(KEEPS_TOTALS_COLUMN)}
  from workflow_executions where execution_id = ${v('executionId')}::uuid${where} for no key update
)`

/**
 * Almost every step ends while its run is running and has no bill. Then the parts of the statement that change bills are left
 * out: PostgreSQL opens their tables, indexes and triggers even if they change nothing.
 */
const runRunning = (v: Named<Attempt>): Sql =>
  runLocked(
    v,
    sql` and status = 'running'
    and not exists (select from billing_records where billing_id = ${v('bill')}::uuid)`,
  )

/**
 * `withoutBill` is true if a finished run may have no bill. If the run has finished since our snapshot, its bill is not
 * visible. Then nothing is written, and the next snapshot shows the bill. A step that the end of its run has skipped has no
 * end time: it can still end.
 */
const runAndBill = (v: Named<Attempt>): Sql => sql`${runLocked(v)}, bill as materialized (
  select b.billing_id, b.paid or exists (select from wfstore_periods p
           where p.billing_period = b.billing_period and p.closed_at is not null) as settled
  from billing_records b where b.billing_id = ${v('bill')}::uuid for no key update of b
)`

const hasBill = (v: Named<Attempt>): Sql =>
  sql` and (run.status = 'running' or ${v('withoutBill')}::boolean or exists (select from bill))`

const openStep = (v: Named<Attempt>, where: Sql = empty): Sql => sql`open as materialized (
  select s.status, s.step_name, s.tool_name, s.start_time, s.provider, s.model_id
  from run join workflow_steps s on s.execution_id = run.execution_id and s.step_id = ${v('stepId')}::uuid
  where ${isOpen(v)}${where}
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

/** What the entry has of the attempt. */
interface Ended {
  tokens: Sql
  cost: Sql
  modelId: Sql
  metadata: Sql
}

/** The totals of the run and the audit entry, for `step` and `from`, which has the user as `run`. */
const stepEnded = (
  v: Named<Attempt>,
  { tokens, cost, modelId, metadata }: Ended,
  from: string,
) => ({
  totals: sql`totals as (
  update workflow_executions e
  set total_tokens = e.total_tokens + ${tokens}, total_cost = e.total_cost + ${cost},
      steps_completed = e.steps_completed + (step.status = 'success')::integer,
      steps_failed = e.steps_failed + (step.status = 'failed')::integer
  from ${raw(from)} where e.execution_id = step.execution_id
)`,
  entry: sql`entry as (
  insert into audit_logs (log_id, execution_id, step_id, user_id, action_type, action_details, tool_name, tool_output,
    tokens_used, cost, model_id, success, error_message, metadata)
  select ${v('entry')}::uuid, step.execution_id, step.step_id, run.user_id, 'step_end',
         format('Step %s: %s', case step.status when 'success' then 'completed' else step.status end, step.step_name),
         step.tool_name, step.result, ${tokens}, ${cost}, ${modelId}, step.status <> 'failed', step.error_message,
         ${metadata}
  from ${raw(from)}, run
  on conflict (log_id) do nothing
)
select status from step`,
})

const CALLED = { tokens: raw('call.tokens'), cost: raw('call.cost'), modelId: raw('call.model_id') }

type End = Attempt | 'result' | 'endTime'

const setEnd = (v: Named<End>, at: Sql): Sql =>
  sql`status = ${v('status')}, error_message = ${v('errorMessage')}, result = ${v('result')}::jsonb,
      end_time = ${at}, duration_ms = round(extract(epoch from ${at} - s.start_time) * 1000)`

const STEP_COLUMNS = raw(
  's.execution_id, s.step_id, s.status, s.step_name, s.tool_name, s.error_message, s.result',
)

const calledStep = (v: Named<End>): Sql => sql`${calledAt(v, endOfStep(v))}, step as (
  update workflow_steps s
  set ${setEnd(v, raw('call.at'))},
      ${addCall(v)}
  from open, call
  where s.execution_id = ${v('executionId')}::uuid and s.step_id = ${v('stepId')}::uuid and open.status <> 'failed'
  returning ${STEP_COLUMNS}
)`

/** The end of a step with a given cost, while its run is running. It writes nothing if the run or the step is in another state. */
export const FINISH_GIVEN = constant<End>((v) => {
  const [tokens, cost] = [sql`${v('tokens')}::bigint`, sql`${v('cost')}::numeric`]
  const ended = { tokens, cost, modelId: raw('coalesce(step.model_id, run.model_id)') }
  const { totals, entry } = stepEnded(
    v,
    { ...ended, metadata: sql`${v('metadata')}::jsonb` },
    'step',
  )
  return sql`${runRunning(v)}, step as (
  update workflow_steps s
  set ${setEnd(v, endOfStep(v))}, tokens_used = s.tokens_used + ${tokens}, cost = s.cost + ${cost},
      provider = coalesce(${v('provider')}, s.provider), model_id = coalesce(${v('modelId')}, s.model_id),
      cost_source = greatest(s.cost_source, 'given'),
      ${addClasses(v)}
  from run
  where s.execution_id = ${v('executionId')}::uuid and s.step_id = ${v('stepId')}::uuid and s.status <> 'failed'
    and ${isOpen(v)}
  returning ${STEP_COLUMNS}, s.model_id
), ${totals}, ${entry}`
}, RUN)

/** The same with the cost that the price book gives. */
export const FINISH_PRICED = constant<End>((v) => {
  const { totals, entry } = stepEnded(v, { ...CALLED, metadata: entryMetadata(v) }, 'step, call')
  return sql`${runRunning(v)}, ${openStep(v)}, ${calledStep(v)}, ${totals}, ${entry}`
}, RUN)

/** The same in any state of the run: the bill is changed or corrected. */
export const FINISH_STEP = constant<End | 'correction'>((v) => {
  const { totals, entry } = stepEnded(v, { ...CALLED, metadata: entryMetadata(v) }, 'step, call')
  return sql`${runAndBill(v)}, ${openStep(v, hasBill(v))}, ${calledStep(v)}, ${totals}, ${billed(v)}, ${entry}`
}, RUN)

/** Retries a step that has failed or is not finished. `status` is 'running', the status of its run. */
export const RETRY_STEP = constant<Attempt>(
  (
    v,
  ) => sql`${runAndBill(v)}, ${openStep(v, hasBill(v))}, ${calledAt(v, raw('now()'), true)}, step as (
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
