import { CRITERIA as OF_EXECUTIONS } from '../executions/executions.ts'
import { bind, type ExecutionFilter, type TimeBound, timeBounds, whereOf } from '../table/filter.ts'

/** The filters of a report on runs: those that also work for removed runs. */
export type UsageFilter = Omit<ExecutionFilter, 'toolName' | 'executionId'>

/** The conditions of a report, for tables with the alias e, with their bound values. */
export interface UsageWhere {
  /** WHERE with all conditions, or an empty text. The bounds are on this column: start_time, quarter_start. */
  on: (time: string) => string
  /** SQL of the sum of this column over the rows of a history whose quarter contains since or until. */
  cut: (history: string, counted: string) => string
  /** The bounds in SQL. */
  since: string | undefined
  until: string | undefined
  /** More values can be added. */
  values: unknown[]
}

const { userId, status, mode, modelId, workflowName } = OF_EXECUTIONS
const CRITERIA = { userId, status, mode, modelId, workflowName }

/** @throws WfstoreError usage for a filter that does not work for removed runs, or if since is not before until */
export function usageWhere({ since, until, ...filter }: UsageFilter): UsageWhere {
  const bounds = timeBounds({ since, until })
  // These columns have the same names in both tables, so that both use the same conditions.
  const where = whereOf<Omit<UsageFilter, 'since' | 'until'>>(CRITERIA, filter)
  const named = [...where.conditions]
  const span = (['since', 'until'] as const).flatMap((name) => {
    const bound = bounds[name]
    if (!bound) return []
    const at = `${bind(where, bound.at)}::timestamptz`
    return [{ name, comparison: `${name === 'since' ? '>=' : '<'} ${at}`, bound, at }]
  })
  const cuts = span.flatMap(({ bound, at }) =>
    onQuarter(bound)
      ? []
      : [`e.quarter_start < ${at} and e.quarter_start > ${at} - interval '15 minutes'`],
  )
  return {
    on: (time) => clause([...named, ...span.map(({ comparison }) => `e.${time} ${comparison}`)]),
    cut: (history, counted) =>
      cuts.length === 0
        ? '0'
        : `(select coalesce(sum(e.${counted}), 0) from ${history} e ${clause([...named, `(${cuts.join(' or ')})`])})`,
    since: span.find(({ name }) => name === 'since')?.at,
    until: span.find(({ name }) => name === 'until')?.at,
    values: where.values,
  }
}

const clause = (conditions: readonly string[]): string =>
  conditions.length === 0 ? '' : `where ${conditions.join(' and ')}`

/** A history counts rows by the begin of their quarter of an hour. */
const onQuarter = ({ at }: TimeBound): boolean => /:(00|15|30|45):00(\.0+)?Z$/.test(at)
