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

/** SQL of the steps without a price at their model, as a relation with the columns of their run. */
export const UNPRICED_STEPS = `(
  select r.start_time, r.user_id, r.workflow_name, r.mode, coalesce(s.model_id, r.model_id) as model_id, r.status, r.tags, 1 as steps
  from workflow_steps s join workflow_executions r on r.execution_id = s.execution_id
  where s.cost_source = 'unpriced')`
