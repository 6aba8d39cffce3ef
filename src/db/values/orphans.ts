import type { Run } from '../query/query.ts'
import { raw } from '../query/sql.ts'
import { type FaultyRows, findFaults, type Rule } from './find.ts'

const without = (alias: string, prefix = '') =>
  `not exists (select from ${prefix}workflow_executions e where e.execution_id = ${alias}.execution_id)`

/** A step without a run is in no total. */
const ORPHANS: Rule = {
  table: 'workflow_steps',
  key: 'step_id',
  what: 'whose run does not exist',
  condition: without('workflow_steps'),
}

/** @param from the steps, or some of them under the same name */
export async function findOrphans(
  run: Run,
  from = 'workflow_steps',
): Promise<FaultyRows<Rule> | undefined> {
  return (await findFaults(run, [ORPHANS], raw(from)))[0]
}

/** Gives each step without a run one again, so that no step and no cost is lost. The audit entries know the user. */
export function adoptOrphans(prefix: string, audited = true): string {
  const user = audited
    ? `coalesce((select min(a.user_id) from ${prefix}audit_logs a where a.execution_id = s.execution_id), 'unknown')`
    : `'unknown'`
  return [
    `insert into ${prefix}workflow_executions (execution_id, workflow_name, user_id, mode, model_id, start_time, end_time, status,`,
    'total_cost, total_tokens, steps_total, steps_completed, steps_failed)',
    `select s.execution_id, 'unknown', ${user}, 'unknown', 'unknown', coalesce(min(s.start_time), min(s.created_at), now()),`,
    `max(s.end_time), 'failed', sum(s.cost), sum(s.tokens_used), count(*), count(*) filter (where s.status = 'success'),`,
    `count(*) filter (where s.status = 'failed') from ${prefix}workflow_steps s where ${without('s', prefix)} group by s.execution_id`,
  ].join(' ')
}
