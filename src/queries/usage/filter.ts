import { CRITERIA as OF_EXECUTIONS } from '../executions/executions.ts'
import { bind, type ExecutionFilter, type TimeBound, timeBounds, whereOf } from '../table/filter.ts'

/** What narrows a report over runs: what is known of the removed ones too. */
export type UsageFilter = Omit<ExecutionFilter, 'toolName' | 'executionId'>

/** The conditions of a report, for tables with the alias e, and what they bind. */
export interface UsageWhere {
  /** WHERE with all of them, or empty; the bounds are on this column: start_time, quarter_start. */
  on: (time: string) => string
  /** SQL of the sum of this column over the rows of a history whose quarter since or until cuts. */
  cut: (history: string, counted: string) => string
  /** The bounds in SQL. */
  since: string | undefined
  until: string | undefined
  /** More may be added. */
  values: unknown[]
}

const { userId, status, mode, modelId, workflowName } = OF_EXECUTIONS
const CRITERIA = { userId, status, mode, modelId, workflowName }

/** @throws WfstoreError usage for a filter that removed runs do not have, or bounds with nothing between them */
export function usageWhere({ since, until, ...filter }: UsageFilter): UsageWhere {
  const bounds = timeBounds({ since, until })
  // Both tables name these columns alike, so that one list of conditions serves both.
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

/** Histories keep quarters of an hour, each counting at its beginning. */
const onQuarter = ({ at }: TimeBound): boolean => /:(00|15|30|45):00(\.0+)?Z$/.test(at)
