import { byLayout } from '../../db/distributed/by-layout.ts'
import * as d from '../../db/query/decode.ts'
import type { Run } from '../../db/query/query.ts'
import { raw, sql } from '../../db/query/sql.ts'
import { WfstoreError } from '../../error.ts'
import type { TimeLimit } from '../table/filter.ts'
import { countOf } from '../table/validate.ts'
import { type Dimension, dimensionsOf, isCalendar, keysOf, sumsBy } from './dimensions.ts'
import { type UsageFilter, usageWhere } from './filter.ts'
import { type HistoryUnknown, historyUnknown, unknownRows } from './unknown.ts'
import { type Unpriced, unpricedOf, unpricedRows, unpricedSql } from './unpriced.ts'

export interface CostChangeOptions extends UsageFilter {
  /** Dimensions that are no part of the calendar. */
  by: Dimension | readonly Dimension[]
  since: TimeLimit
  /** The start of the time before, which ends at `since`. */
  beforeSince: TimeLimit
  /** Number of rows with the highest cost; all others are one more row. */
  top: number
}

const sumShape = {
  runs: d.count(),
  /** US dollars as exact decimals. */
  cost: d.amount(),
  tokens: d.total(),
  runsBefore: d.count(),
  costBefore: d.amount(),
  /** Cost minus cost before. */
  difference: d.amount('trim_scale(r.cost - r.cost_before)'),
  /** Share of the total cost, from 0 to 1 with six places; null if the total is not above 0. */
  share: d.nullable(
    d.number(
      `case when sum(r.cost) filter (where r.is_total) over () > 0
       then round(r.cost / sum(r.cost) filter (where r.is_total) over (), 6) end`,
    ),
  ),
}
/** The cost of runs in a time, and in the time before. */
export type CostChange = d.RowOf<typeof sumShape>

export interface CostChangeRow extends CostChange {
  /** The values of the dimensions, in their order. Null for runs without a tag or session, and in the row of all others. */
  keys: (string | null)[]
  other: boolean
}

export interface CostChanges {
  /** The highest cost first; runs of the time before only are at the end. */
  rows: CostChangeRow[]
  total: CostChange
  /** Number of rows without `top`. */
  groups: number
  /** Removed runs of both times that are counted at the start of a quarter hour that contains a bound. */
  historyCut: number
  historyUnknown: HistoryUnknown[]
  unpriced: Unpriced
}

/**
 * The cost of runs by one or several dimensions, compared with the time before, including removed runs, in one statement.
 * @throws WfstoreError usage for an invalid dimension, filter or number
 */
export async function costChanges(run: Run, options: CostChangeOptions): Promise<CostChanges> {
  const { by, top, beforeSince, ...filter } = options
  const dimensions = dimensionsOf(by)
  const part = dimensions.find(isCalendar)
  if (part !== undefined)
    throw new WfstoreError('usage', `${part} cannot be compared with the time before`, {
      hint: 'compare another dimension',
    })
  const limit = countOf('top', top, 1)
  const now = usageWhere(filter)
  const then = usageWhere({ ...filter, since: beforeSince, until: filter.since })
  const keys = keysOf(dimensions, 'UTC')
  const columns = raw(keys.map(({ name }) => name).join(', '))
  const shape = {
    keys: d.texts(`json_build_array(${keys.map(({ name }) => `r.${name}`).join(', ')})`) as d.Field<
      (string | null)[]
    >,
    other: d.boolean('coalesce(r.other, false)'),
    isTotal: d.boolean(),
    groups: d.count(),
    ...sumShape,
  }
  const about = { historyCut: d.count(), historyUnknown: unknownRows, unpriced: unpricedRows }
  const found = await run(
    byLayout(
      (layout) => sql`
with counted as (
  select ${columns}, sum(runs) as runs, sum(cost) as cost, sum(tokens) as tokens, sum(runs_before) as runs_before,
         sum(cost_before) as cost_before
  from (
    select ${columns}, runs, cost, tokens, 0 as runs_before, 0 as cost_before from (${sumsBy(keys, now, layout)}) as present
    union all
    select ${columns}, 0, 0, 0, runs, cost from (${sumsBy(keys, then, layout)}) as past
  ) as both_times group by ${columns}
), placed as (
  select *, count(*) over () as groups,
         row_number() over (order by cost desc, cost_before desc, runs desc, ${raw(keys.map(({ name }) => `${name} collate "C"`).join(', '))}) as place
  from counted
), rested as (
  select ${raw(keys.map(({ name }) => `case when not rest then ${name} end as ${name}`).join(', '))},
         case when not rest then place end as place, rest as other, groups, ${raw(SUMS.join(', '))}
  from (select *, place > ${limit}::bigint as rest from placed) as p
), r as (
  -- The empty grouping set is the total of the rows of the other set.
  select ${columns}, place, other, grouping(place) = 1 as is_total, coalesce(max(groups), 0) as groups,
         ${raw(SUMS.map((column) => `coalesce(sum(${column}), 0) as ${column}`).join(', '))}
  from rested group by grouping sets ((place, other, ${columns}), ())
)
select ${raw(d.selectList(shape, 'r'))}, ${now.cut('usage_history', 'runs')} as history_cut,
       ${now.unknown(dimensions)} as history_unknown, ${unpricedSql(now, layout)} as unpriced
from r order by r.is_total, r.other, r.place`,
    ),
    { ...shape, ...about },
  )
  const total = found.at(-1) as (typeof found)[number]
  const rows = found
    .slice(0, -1)
    .map(({ isTotal, groups, historyCut, historyUnknown, unpriced, ...row }) => row)
  return {
    rows,
    total,
    groups: total.groups,
    historyCut: total.historyCut,
    historyUnknown: historyUnknown(total.historyUnknown),
    unpriced: unpricedOf(total.unpriced),
  }
}

const SUMS = ['runs', 'cost', 'tokens', 'runs_before', 'cost_before']
