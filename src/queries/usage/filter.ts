import { join, raw, type Sql, sql } from '../../db/query/sql.ts'
import { name } from '../../tables/column.ts'
import { CRITERIA as OF_EXECUTIONS } from '../executions/executions.ts'
import {
  conditionsOf,
  type ExecutionFilter,
  equals,
  type TimeBound,
  timeBounds,
  where,
  within,
} from '../table/filter.ts'
import { tagsAsked } from '../table/tag-filter.ts'
import { unknownIn } from './unknown.ts'

/** The filters of a report on runs: those that also work for removed runs. */
export type UsageFilter = Omit<
  ExecutionFilter,
  'toolName' | 'executionId' | 'sessionId' | 'parentExecutionId'
>

/** The conditions of a report, for tables with the alias e. */
export interface UsageWhere {
  /**
   * WHERE with all conditions, or an empty text. The bounds are on this column: start_time, quarter_start.
   * @param model SQL of the model (default: that of e)
   * @param more more conditions
   */
  on: (time: string, model?: string, more?: readonly Sql[]) => Sql
  /** The sum of this column over the rows of a history whose quarter contains since or until. */
  cut: (history: string, counted: string) => Sql
  /** What the history does not know of the tags in the filter and of these dimensions, as `unknownRows` decodes it. */
  unknown: (by?: readonly string[]) => Sql
  /** The bounds in SQL. */
  since: Sql | undefined
  until: Sql | undefined
  /** True if it selects models: a report then counts the cost of these models, see MOVED_COST. */
  byModel: boolean
}

const { userId, status, mode, workflowName, tags } = OF_EXECUTIONS
const criteria = (model: string) => ({
  ...{ userId, status, mode, workflowName, tags },
  modelId: equals(model, name),
})
/** A run counts at its own model only. */
const CRITERIA = criteria('e.model_id')
type Named = Omit<UsageFilter, 'since' | 'until'>

/** @throws WfstoreError usage for a filter that does not work for removed runs, or if since is not before until */
export function usageWhere({ since, until, ...filter }: UsageFilter): UsageWhere {
  const bounds = timeBounds({ since, until })
  // These columns have the same names in both tables, so that both use the same conditions.
  const named = conditionsOf<Named>(CRITERIA, filter)
  const at = (bound: TimeBound | undefined) => bound && sql`${bound.at}::timestamptz`
  const cuts = [bounds.since, bounds.until]
    .filter((bound) => bound !== undefined && !onQuarter(bound))
    .map(
      (bound) =>
        sql`e.quarter_start < ${at(bound)} and e.quarter_start > ${at(bound)} - interval '15 minutes'`,
    )
  const { tags: asked, ...others } = filter
  const inTime = within('e.quarter_start', bounds)
  const conditions = {
    all: [...named, ...inTime],
    others: [...conditionsOf<Named>(CRITERIA, others), ...inTime],
    tagged: asked === undefined ? [] : tagsAsked('tags', asked),
  }
  return {
    unknown: (by) => unknownIn(conditions, by),
    on: (time, model, more = []) =>
      where([
        ...(model === undefined ? named : conditionsOf<Named>(criteria(model), filter)),
        ...within(`e.${time}`, bounds),
        ...more,
      ]),
    cut: (history, counted) =>
      cuts.length === 0
        ? raw('0')
        : sql`(select coalesce(sum(e.${raw(counted)}), 0) from ${raw(history)} e ${where([...named, join(cuts, ' or ', '(', ')')])})`,
    since: at(bounds.since),
    until: at(bounds.until),
    byModel: filter.modelId !== undefined,
  }
}

/** A history counts rows by the begin of their quarter of an hour. */
const onQuarter = ({ at }: TimeBound): boolean => /:(00|15|30|45):00(\.0+)?Z$/.test(at)
