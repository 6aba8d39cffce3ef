import * as d from '../../db/query/decode.ts'
import { raw, type Sql, sql } from '../../db/query/sql.ts'
import { UNPRICED_STEPS } from '../../tables/models.ts'
import type { UsageWhere } from './filter.ts'

/** Steps of runs, also of removed runs, that have no price yet: their cost is not in any total. */
export interface Unpriced {
  steps: number
  /** Number of different models of these steps. */
  models: number
}

const shape = { steps: d.count(), models: d.count() }

/** Decodes what `unpricedSql` selects. */
export const unpricedRows = d.rows(shape)

export const unpricedOf = ([found]: readonly Unpriced[]): Unpriced =>
  found ?? { steps: 0, models: 0 }

/** SQL of the number of steps without a price and of their models. Without such steps it reads two empty indexes. */
export const unpricedSql = (where: UsageWhere): Sql => sql`(
  select json_build_array(${raw(d.jsonArrayOf(shape, 'u'))})
  from (
    select coalesce(sum(steps), 0) as steps, count(*) as models
    from (
      select model_id, sum(steps) as steps
      from (
        select e.model_id, sum(e.steps) as steps from ${raw(UNPRICED_STEPS)} e ${where.on('start_time')} group by e.model_id
        union all
        select e.model_id, sum(e.steps_unpriced)
        from (select * from usage_history where steps_unpriced <> 0) e ${where.on('quarter_start')} group by e.model_id
      ) as kept_and_removed group by model_id having sum(steps) <> 0
    ) as by_model
  ) as u)`
