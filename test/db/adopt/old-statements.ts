/** A row of its driver, which gives bigint and numeric as text. JavaScript adds what has the type `never` without a word. */
export type OldRow = { total_cost: never; total_tokens: never }

/**
 * The old application reads a run, adds in JavaScript and writes the sums back. Its driver gives bigint and numeric as
 * text, so the addition joins digits. Its sources are JavaScript, hence the type `never` of what it reads.
 */
export const OLD = {
  start: `insert into workflow_executions (execution_id, workflow_name, workflow_type, user_id, mode, model_id, start_time,
    status, total_cost, total_tokens, steps_total, steps_completed, steps_failed, metadata)
    values ($1, 'live', 'autonomous', 'live', 'Sales', 'm', now(), 'running', 0, 0, 1, 0, 0, '{}') returning *`,
  step: `insert into workflow_steps (step_id, execution_id, start_time, step_number, step_name, status)
    values ($1, $2, now(), 1, 'live', 'running') returning *`,
  finishStep: `update workflow_steps set status = 'success', end_time = now(), tokens_used = $2, cost = $3
    where step_id = $1 returning *`,
  read: 'select * from workflow_executions where execution_id = $1',
  add: `update workflow_executions set total_cost = $2, total_tokens = $3 where execution_id = $1 returning *`,
  finish: `update workflow_executions set status = 'success', end_time = now(), total_cost = $2, total_tokens = $3
    where execution_id = $1 returning *`,
  bill: `insert into billing_records (execution_id, user_id, model_id, tokens_input, tokens_output, tokens_total, cost,
    billing_period) values ($1, 'live', 'm', $2, 0, $2, $3, '2026-11') returning *`,
}
