import type { Layout } from '../../db/distributed/layout.ts'
import { raw, type Sql, sql } from '../../db/query/sql.ts'
import { MOVED_COST, MOVED_PARTS } from '../../tables/models.ts'
import { withoutStatistics } from './calendar.ts'
import type { UsageWhere } from './filter.ts'

/** FROM of the cost that moves between models, for a report with these conditions. */
export interface Moved {
  from: Sql
  /** The alias of model_id, total_cost and total_tokens; the other columns of the runs have the alias e. */
  alias: string
}

/** @param planned true if the report groups by a part of the calendar: see `withoutStatistics` */
export const movedOf = (where: UsageWhere, layout: Layout, planned = true): Moved => {
  if (layout === 'distributed')
    return { from: sql`${raw(MOVED_PARTS)} ${where.on('start_time', 'm.model_id')}`, alias: 'm' }
  const on = where.on('start_time')
  return {
    from: planned ? withoutStatistics(MOVED_COST, on, layout) : sql`${raw(MOVED_COST)} e ${on}`,
    alias: 'e',
  }
}
