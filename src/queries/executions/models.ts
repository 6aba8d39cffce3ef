import * as d from '../../db/query/decode.ts'
import type { Run } from '../../db/query/query.ts'
import { raw, sql } from '../../db/query/sql.ts'
import { TOKEN_COLUMNS } from '../../tables/tokens.ts'
import { linesOf } from '../billing/lines.ts'

/** A class of tokens that no step has reported is null. */
const tokens = () => d.nullable(d.total())
const modelShape = {
  modelId: d.text(),
  /** Null if the engine did not name it. */
  provider: d.nullable(d.text()),
  /** Number of the steps that called the model. */
  steps: d.count(),
  /** Of them, the number whose price is not known, at least of a part. */
  unpriced: d.count(),
  /** Where the costs of these steps come from, in order: 'given', 'priced', 'unpriced'. */
  sources: d.texts('m.sources'),
  tokensInput: tokens(),
  tokensOutput: tokens(),
  tokensCacheRead: tokens(),
  tokensCacheWrite: tokens(),
  tokensReasoning: tokens(),
  tokensUsed: d.total(),
  /** The part of the cost that the price book gave. */
  priced: d.amount('trim_scale(m.priced)'),
  /** The part that the engine gave. */
  given: d.amount('trim_scale(m.given)'),
  cost: d.amount('trim_scale(m.cost)'),
}
/** What the steps of a run have used of a model. */
export type ModelUse = d.RowOf<typeof modelShape>

export interface ModelUses {
  models: ModelUse[]
  /** The sum of the steps. */
  cost: string
  /** The cost of the run minus that of its steps. Only a run of another client has one. */
  rest: string
}

/** The models of a run by provider, the highest cost first. A step without a model of its own has that of the run. */
export async function modelsOf(run: Run, executionId: string): Promise<ModelUses> {
  const shape = { ...modelShape, total: d.amount(), rest: d.amount() }
  const rows = await run(
    sql`with m as (
      select coalesce(s.model_id, e.model_id) as model_id, s.provider, count(*) as steps,
             count(*) filter (where s.cost_source = 'unpriced') as unpriced,
             array_agg(distinct coalesce(s.cost_source, 'given')) as sources, ${raw(TOKEN_COLUMNS.map((column) => `sum(s.${column}) as ${column}`).join(', '))},
             sum(s.tokens_used) as tokens_used, sum(l.priced) as priced, sum(l.given) as given, sum(s.cost) as cost, e.total_cost
      from workflow_executions e
      join workflow_steps s using (execution_id)
      cross join lateral (
        select coalesce(sum(l.cost) filter (where l.cost_source = 'priced'), 0) as priced,
               coalesce(sum(l.cost) filter (where l.cost_source = 'given'), 0) as given
        from ${raw(linesOf('s'))}) as l
      where e.execution_id = ${executionId}::uuid and (s.cost_source is not null or s.cost <> 0 or s.tokens_used <> 0)
      group by 1, 2, e.total_cost
    )
    select ${raw(d.selectList(modelShape, 'm'))}, trim_scale(sum(m.cost) over ()) as total,
           trim_scale(m.total_cost - sum(m.cost) over ()) as rest
    from m order by m.cost desc, m.tokens_used desc, m.model_id collate "C", m.provider collate "C" nulls first`,
    shape,
  )
  const [first] = rows
  return {
    models: rows.map(({ total: _, rest: __, ...model }) => model),
    cost: first?.total ?? '0',
    rest: first?.rest ?? '0',
  }
}
