/**
 * Cost by model. The total of a run belongs to the model of the run, but a step can have another model: its cost and its tokens
 * move from the model of the run to the model of the step. So all models together have the totals of the runs, also of those
 * that another client wrote without steps.
 */

/** The steps that can move cost or that have no price, as in the index workflow_steps_model_idx. */
const isPart = `(s.model_id is not null or s.cost_source = 'unpriced')`

/** SQL that joins runs with the parts `m` of their steps: model_id, cost, tokens, unpriced. @param run alias of the run */
export const stepParts = (run: string, steps = 'workflow_steps'): string => `
  join ${steps} s on s.execution_id = ${run}.execution_id and ${isPart}
  cross join lateral (
    select s.model_id, s.cost, s.tokens_used, 0 where s.model_id <> ${run}.model_id
    union all select ${run}.model_id, -s.cost, -s.tokens_used, 0 where s.model_id <> ${run}.model_id
    union all select coalesce(s.model_id, ${run}.model_id), 0, 0, 1 where s.cost_source = 'unpriced'
  ) as m (model_id, cost, tokens, unpriced)`
