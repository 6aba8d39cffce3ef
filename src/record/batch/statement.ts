import { constant, join, type Named, raw, type Sql, sql } from '../../db/query/sql.ts'
import { KEEPS_TOTALS_COLUMN, KEEPS_TOTALS_CONDITION } from '../../db/totals.ts'
import { addLines, linesOf } from '../../queries/billing/lines.ts'
import { OPEN_PERIOD } from '../../queries/billing/periods.ts'
import { namesIn, namesOfCalls, priceCall } from '../../queries/prices/pricing.ts'
import { audit } from '../../tables/audit.ts'
import { SQL_TYPES, type TableDescription, type TableField } from '../../tables/column.ts'
import { steps } from '../../tables/steps.ts'
import { TOKEN_CLASSES, TOKEN_COLUMNS } from '../../tables/tokens.ts'
import { CORRECTION } from '../recorder/attempt-statements.ts'

/** The fields of a table, without those that the statement computes. */
const givenOf = ({ fields }: TableDescription, computed: readonly string[]): TableField[] =>
  fields.filter(({ name, writers }) => writers !== 'wfstore' && !computed.includes(name))

/** The fields of a step and of an audit entry that are sent. */
export const GIVEN = {
  step: givenOf(steps, ['durationMs', 'retryCount']),
  // The user of an entry is by default the one of its run, which the statement reads as `e`.
  entry: givenOf(audit, ['timestamp', 'modelId']).map((field) =>
    field.name === 'userId' ? { ...field, hasDefault: true, default: 'e.user_id' } : field,
  ),
}

/** Further values of each row: its number, and the time when it was given. */
const PLACE = { n: 'integer', at_ms: 'double precision', age_ms: 'double precision' }
const types = (fields: readonly TableField[]) =>
  Object.fromEntries(fields.map(({ column, type }) => [column, SQL_TYPES[type]]))

/** The parameters of a statement: arrays by name, with the type of their elements. */
export const COLUMNS: Record<'step' | 'entry', Record<string, string>> = {
  step: { ...PLACE, bill: 'uuid', entry: 'uuid', correction: 'uuid', ...types(GIVEN.step) },
  entry: { ...PLACE, ...types(GIVEN.entry) },
}

/** The columns of an insert. */
const columnsOf = (fields: readonly TableField[]): Sql =>
  raw(fields.map(({ column }) => column).join(', '))

/** The values of an insert, from the row `g`. A value that was not given gets the default of its column. */
const valuesOf = (fields: readonly TableField[], g: string): Sql =>
  raw(
    fields
      .map(({ column, default: byDefault }) =>
        byDefault === undefined ? `${g}.${column}` : `coalesce(${g}.${column}, ${byDefault})`,
      )
      .join(', '),
  )

/** The name of the array of a column among the values of a statement. */
export const arrayName = (kind: 'step' | 'entry', column: string): string => `${kind}.${column}`

function unnested(kind: 'step' | 'entry', v: Named<string>): Sql {
  const columns = Object.entries(COLUMNS[kind])
  const arrays = columns.map(([name, type]) => sql`${v(arrayName(kind, name))}::${raw(type)}[]`)
  return sql`unnest(${join(arrays, ', ')}) as g (${raw(columns.map(([name]) => name).join(', '))})`
}

/** The end of a step has a default, the time when it was given, and its cost too: what the price book gives. */
const STEP_GIVEN = GIVEN.step.filter(({ name }) => name !== 'endTime' && name !== 'cost')

/** SQL of the time when a row was given to the batch, from the time itself or the age of the row, in milliseconds. */
const moment = (g: string) =>
  raw(
    `coalesce(to_timestamp(${g}.at_ms / 1000), now() - make_interval(secs => ${g}.age_ms / 1000))`,
  )

/** For each column of the classes of tokens a piece of SQL. */
const ofClasses = (of: (column: string, place: number) => string, separator = ', '): Sql =>
  raw(TOKEN_COLUMNS.map(of).join(separator))

/**
 * `withoutBill` is true if a finished run may have no bill.
 *
 * As in statements.ts a run is locked before its bill and its steps. Here many runs are locked in the order of their ids, so
 * that two batches never deadlock. If a run has finished since our snapshot, its bill is not visible. Then none of its
 * steps is written, and the next snapshot shows the bill. A step that exists changes nothing.
 *
 * `= any (array(…))` looks up rows in the index. A join could read the whole table instead.
 */
const stepsWritten = (v: Named<string>): Sql => sql`given as materialized (
  select * from ${unnested('step', v)}
), run as materialized (
  select execution_id, user_id, model_id, status, tags, ${raw(KEEPS_TOTALS_COLUMN)} from workflow_executions
  where execution_id = any (array(select distinct execution_id from given)) order by execution_id for no key update
), bill as materialized (
  select b.billing_id, b.paid or exists (select from wfstore_periods p
           where p.billing_period = b.billing_period and p.closed_at is not null) as settled
  from billing_records b
  where b.billing_id = any (array(select distinct given.bill from given join run using (execution_id))) order by b.billing_id
  for no key update of b
), named_call as materialized (${raw(
  namesOfCalls(`select g.provider, coalesce(g.model_id, run.model_id) as model_id from given g join run using (execution_id)
    where g.cost is null and (g.tokens_used <> 0 or g.model_id is not null)`),
)}
), step as (
  insert into workflow_steps (${columnsOf(STEP_GIVEN)}, end_time, duration_ms, cost, cost_source, cost_lines)
  select ${valuesOf(STEP_GIVEN, 'g')}, c.at, round(extract(epoch from c.at - g.start_time) * 1000),
         coalesce(g.cost, priced.cost, 0), case when g.cost is null then priced.source else 'given' end, priced.lines
  from given g join run using (execution_id) left join bill on bill.billing_id = g.bill
  cross join lateral (
    select g.provider, coalesce(g.model_id, run.model_id) as model_id, greatest(coalesce(g.end_time, ${moment('g')}), g.start_time) as at,
           coalesce(g.tokens_used, 0) as tokens, ${ofClasses((name) => `g.${name}`)}, g.model_id is not null and g.status = 'success' as is_call
  ) as c
  left join lateral (select * from ${raw(priceCall('c', '0', undefined, namesIn('named_call', 'c')))} where g.cost is null) as priced on true
  where (run.status = 'running' or ${v('withoutBill')}::boolean or bill.billing_id is not null)
  on conflict (execution_id, step_id) do nothing
  returning *
), moved as materialized (
  select execution_id, sum(tokens_used) as tokens, sum(cost) as cost, count(*) filter (where status = 'success') as completed,
         count(*) filter (where status = 'failed') as failed, ${ofClasses((name) => `sum(${name}) as ${name}`)}
  from step group by execution_id
), totals as (
  update workflow_executions e
  set total_tokens = e.total_tokens + m.tokens, total_cost = e.total_cost + m.cost,
      steps_completed = e.steps_completed + m.completed, steps_failed = e.steps_failed + m.failed
  from moved m where e.execution_id = m.execution_id and e.execution_id = any (array(select execution_id from moved))
), billed as (
  update billing_records b
  set tokens_total = b.tokens_total + m.tokens, cost = b.cost + m.cost,
      ${ofClasses((name) => `${name} = case when m.${name} is null then b.${name} else coalesce(b.${name}, 0) + m.${name} end`, ',\n      ')}
  from moved m join (select distinct execution_id, bill from given) g using (execution_id) join bill on bill.billing_id = g.bill
  where b.billing_id = g.bill and not bill.settled and b.billing_id = any (array(select billing_id from bill))
  returning b.billing_id, b.execution_id
), correction as (
  insert into billing_records (billing_id, user_id, execution_id, model_id, ${ofClasses((name) => name)}, tokens_total, cost, billing_period,
    corrects, metadata, tags)
  select g.correction, run.user_id, execution_id, run.model_id, ${ofClasses((name) => `step.${name}`)},
         step.tokens_used, step.cost, ${raw(OPEN_PERIOD)}, g.bill, ${raw(CORRECTION)}, run.tags
  from step join given g using (execution_id, step_id) join run using (execution_id) join bill on bill.billing_id = g.bill
  where bill.settled and (step.tokens_used > 0 or step.cost > 0)
  on conflict (billing_id) do nothing
  returning billing_id, execution_id
), lines as (${raw(
  addLines(`select execution_id, b.billing_id, step.provider, coalesce(step.model_id, run.model_id) as model_id, l.*
    from step join given g using (execution_id, step_id) join run using (execution_id)
    join (select billing_id from billed union all select billing_id from correction) as b
      on b.billing_id = g.bill and not exists (select from bill where bill.billing_id = g.bill and bill.settled) or b.billing_id = g.correction
    cross join lateral ${linesOf('step')}`),
)}
), ends as (
  insert into audit_logs (log_id, execution_id, step_id, timestamp, user_id, action_type, action_details, tool_name, tool_output,
    tokens_used, cost, model_id, success, error_message, metadata)
  select g.entry, execution_id, step_id, ${moment('g')}, run.user_id, 'step_end',
         format('Step %s: %s', case step.status when 'success' then 'completed' else step.status end, step.step_name),
         step.tool_name, step.result, step.tokens_used, step.cost, coalesce(step.model_id, run.model_id), step.status <> 'failed', step.error_message,
         jsonb_strip_nulls(jsonb_build_object('costSource', nullif(step.cost_source, 'given')))
           || jsonb_build_object('attempt', 0, 'status', step.status, 'tokens', jsonb_strip_nulls(jsonb_build_object(
           ${ofClasses((name, place) => `'${TOKEN_CLASSES[place]}', step.${name}`)})))
  from step join given g using (execution_id, step_id) join run using (execution_id)
  on conflict (log_id) do nothing
)`

const entriesWritten = (v: Named<string>): Sql => sql`said as materialized (
  select * from ${unnested('entry', v)}
), speaker as materialized (
  select execution_id, user_id, model_id from workflow_executions
  where execution_id = any (array(select distinct execution_id from said))
), entry as (
  insert into audit_logs (${columnsOf(GIVEN.entry)}, timestamp, model_id)
  select ${valuesOf(GIVEN.entry, 's')}, ${moment('s')}, e.model_id
  from said s join speaker e using (execution_id) where ${raw(KEEPS_TOTALS_CONDITION)}
  on conflict (log_id) do nothing
  returning log_id
)`

/** The server's time, and the rows that were not written; `known` if the row existed when the statement began. */
const NOW = `select null::integer as n, extract(epoch from now()) * 1000 as server_ms, null::boolean as known`
const STEPS_LEFT = `select g.n, null, (select true from workflow_steps k where k.execution_id = g.execution_id and k.step_id = g.step_id) is not null
from given g left join step using (execution_id, step_id) where step.step_id is null`
const ENTRIES_LEFT = `select s.n, null, (select true from audit_logs k where k.log_id = s.log_id) is not null
from said s left join entry using (log_id) where entry.log_id is null`

const statement = (parts: ((v: Named<string>) => Sql)[], left: string[]) =>
  constant<string>(
    (v) => sql`with ${join(
      parts.map((part) => part(v)),
      ', ',
    )}
${raw([NOW, ...left].join('\nunion all\n'))}`,
  )

/** Writes steps, entries or both, in one transaction. */
export const WRITE = {
  step: statement([stepsWritten], [STEPS_LEFT]),
  entry: statement([entriesWritten], [ENTRIES_LEFT]),
  both: statement([stepsWritten, entriesWritten], [STEPS_LEFT, ENTRIES_LEFT]),
}
