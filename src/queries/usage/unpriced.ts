import { perRun } from '../../db/distributed/by-layout.ts'
import type { Layout } from '../../db/distributed/layout.ts'
import * as d from '../../db/query/decode.ts'
import { raw, type Sql, sql } from '../../db/query/sql.ts'
import { UNPRICED_MODEL, UNPRICED_STEPS } from '../../tables/models.ts'
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
export const unpricedSql = (where: UsageWhere, layout: Layout): Sql => sql`(
  select json_build_array(${raw(d.jsonArrayOf(shape, 'u'))})
  from (
    select coalesce(sum(steps), 0) as steps, count(*) as models
    from (
      select model_id, sum(steps) as steps
      from (
        select ${raw(UNPRICED_MODEL)} as model_id, count(*) as steps${perRun(layout)}
        from ${raw(UNPRICED_STEPS)} ${where.on('start_time', UNPRICED_MODEL)} group by 1${perRun(layout)}
        union all
        select e.model_id, sum(e.steps_unpriced)${perRun(layout)}
        from usage_history e ${where.on('quarter_start', undefined, [raw('e.steps_unpriced <> 0')])} group by 1${perRun(layout)}
      ) as kept_and_removed group by model_id having sum(steps) <> 0
    ) as by_model
  ) as u)`
