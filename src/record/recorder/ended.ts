import { raw, type Sql, sql } from '../../db/query/sql.ts'
import { addLines, linesOf } from '../../queries/billing/lines.ts'
import { OPEN_PERIOD } from '../../queries/billing/periods.ts'
import { TOKEN_COLUMNS } from '../../tables/tokens.ts'

/** Parts of the statements that end runs. */

/** The sums of steps, for the relation `sums`. */
export const SUMS: Sql = raw(
  `coalesce(sum(tokens_used), 0) as tokens, coalesce(sum(cost), 0) as cost, ${TOKEN_COLUMNS.map((name) => `sum(${name}) as ${name}`).join(', ')}`,
)

/** SQL of what the rows of a run get, in terms of `done` and `given`. */
interface EndOf {
  /** The id of its bill. */
  bill: Sql
  /** The id of its audit entry. */
  entry: Sql
  metadata: Sql
}

const classes = raw(TOKEN_COLUMNS.join(', '))

/**
 * What follows the end of a run: steps that have not ended become skipped; the bill, its lines and the audit entry are written.
 * `done` has the runs that have ended, `sums` the sums of their steps by execution_id.
 */
export const billDone = ({ bill, entry, metadata }: EndOf): Sql => sql`left_open as (
  update workflow_steps s set status = 'skipped'
  from done where s.execution_id = done.execution_id and s.status in ('pending', 'running')
), bill as (
  insert into billing_records (billing_id, user_id, execution_id, model_id, ${classes}, tokens_total, cost, billing_period, tags)
  select ${bill}, done.user_id, done.execution_id, done.model_id,
         ${raw(TOKEN_COLUMNS.map((name) => `case when sums.tokens = done.total_tokens then sums.${name} end`).join(', '))},
         done.total_tokens, done.total_cost, ${raw(OPEN_PERIOD)}, done.tags
  from done join sums using (execution_id)
  on conflict (billing_id) do nothing
  returning billing_id, execution_id, model_id, tokens_total, cost
), lines as (${raw(
  addLines(`select bill.execution_id, bill.billing_id, s.provider, coalesce(s.model_id, bill.model_id) as model_id, l.*
    from bill join workflow_steps s on s.execution_id = bill.execution_id cross join lateral ${linesOf('s')}
    union all
    select bill.execution_id, bill.billing_id, null, bill.model_id, l.*
    from bill join sums using (execution_id),
      wfstore_lines_of((bill.tokens_total - sums.tokens)::bigint, null, null, null, null, null, bill.cost - sums.cost, null) as l`),
)}
), entry as (
  insert into audit_logs (log_id, execution_id, user_id, action_type, action_details, tokens_used, cost, model_id, success,
    error_message, metadata)
  select ${entry}, execution_id, user_id, 'workflow_end', format('Workflow %s: %s', status, workflow_name), total_tokens,
         total_cost, model_id, status = 'success', error_message, ${metadata}
  from done
  on conflict (log_id) do nothing
)`
