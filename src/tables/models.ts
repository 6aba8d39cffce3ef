/**
 * Cost by model. The total of a run belongs to the model of the run, but a step can have another model: its cost and its tokens
 * move from the model of the run to the model of the step. So all models together have the totals of the runs, also of those
 * that another client wrote without steps.
 */

/** The steps that move cost or that have no price, as in the index workflow_steps_model_idx. */
const isPart = `(s.model_id is not null or s.cost_source = 'unpriced')`

/** SQL that joins runs with the parts `m` of their steps: model_id, cost, tokens, unpriced. @param run alias of the run */
export const stepParts = (run: string, steps: string): string => `
  join ${steps} s on s.execution_id = ${run}.execution_id and ${isPart}
  cross join lateral (
    select s.model_id, s.cost, s.tokens_used, 0 where s.model_id <> ${run}.model_id
    union all select ${run}.model_id, -s.cost, -s.tokens_used, 0 where s.model_id <> ${run}.model_id
    union all select coalesce(s.model_id, ${run}.model_id), 0, 0, 1 where s.cost_source = 'unpriced'
  ) as m (model_id, cost, tokens, unpriced)`

/**
 * SQL of what moves between models, as a relation like usage_history with the times of runs. A report needs it only if it has
 * models in its groups or its filter: over all models its sums are 0. No row counts as a run.
 */
export const MOVED_COST = `(
  select r.execution_id, r.start_time, r.user_id, r.workflow_name, r.mode, m.model_id, r.status, r.tags, r.session_id, 0 as runs,
         m.cost as total_cost, m.tokens as total_tokens
  from workflow_executions r
  join workflow_steps s on s.execution_id = r.execution_id and s.model_id is not null and s.model_id <> r.model_id
  cross join lateral (values (s.model_id, s.cost, s.tokens_used), (r.model_id, -s.cost, -s.tokens_used)) as m (model_id, cost, tokens))`

/** FROM: the same as runs `e` with `m`: model_id, total_cost, total_tokens. Citus reads it together with the runs. */
export const MOVED_PARTS = `workflow_executions e
  join workflow_steps s on s.execution_id = e.execution_id and s.model_id is not null and s.model_id <> e.model_id
  cross join lateral (values (s.model_id, s.cost, s.tokens_used), (e.model_id, -s.cost, -s.tokens_used))
    as m (model_id, total_cost, total_tokens)`

/** FROM: the steps `s` without a price, with their runs `e`. */
export const UNPRICED_STEPS = `workflow_steps s
  join workflow_executions e on e.execution_id = s.execution_id and s.cost_source = 'unpriced'`
/** SQL of the model of such a step. */
export const UNPRICED_MODEL = 'coalesce(s.model_id, e.model_id)'
