import { byLayout } from '../../db/distributed/by-layout.ts'
import type { Layout } from '../../db/distributed/layout.ts'
import * as d from '../../db/query/decode.ts'
import type { Run } from '../../db/query/query.ts'
import { empty, join, raw, type Sql, sql } from '../../db/query/sql.ts'
import type { ExecutionStatus } from '../../tables/executions.ts'
import type { TagKey } from '../table/tag.ts'
import { countOf } from '../table/validate.ts'
import { zoneOf } from './calendar.ts'
import {
  columnNameOf,
  type DIMENSION_FIELDS,
  type Dimension,
  dimensionsOf,
  fieldOf,
  keysOf,
  type SqlKey,
  sumsBy,
} from './dimensions.ts'
import { type UsageFilter, type UsageWhere, usageWhere } from './filter.ts'
import { type HistoryUnknown, historyUnknown, unknownRows } from './unknown.ts'
import { type Unpriced, unpricedOf, unpricedRows, unpricedSql } from './unpriced.ts'

export { DIMENSION_FIELDS, DIMENSIONS, type Dimension, fieldOf } from './dimensions.ts'

export interface CostOptions extends UsageFilter {
  by: Dimension | readonly Dimension[]
  /** IANA name of the zone in which days, weeks and months begin (default: UTC). */
  timeZone?: string | undefined
  /** Number of rows with the highest cost; all other runs are one more row. */
  top?: number | undefined
}

const totalShape = {
  runs: d.count('r.runs'),
  /** US dollars as an exact decimal. */
  cost: d.amount('r.cost'),
  tokens: d.total('r.tokens'),
  /** US dollars, rounded to 12 places; null without runs. */
  // The zeros give the quotient enough digits; without them PostgreSQL stops at 16 significant digits.
  costPerRun: d.nullable(
    d.amount('trim_scale(round((r.cost + 0.0000000000000000) / nullif(r.runs, 0), 12))'),
  ),
  /** Share of the total cost, from 0 to 1 with six places; null if the total is 0. */
  share: d.nullable(
    d.number('round(r.cost / nullif(sum(r.cost) filter (where r.is_total) over (), 0), 6)'),
  ),
}

export type CostTotal = d.RowOf<typeof totalShape>

/**
 * The runs with the same values of the dimensions. A day and a week (its Monday) are '2024-12-02', a month is '2024-12'. The
 * value of a tag or a session is null for runs without it, and for removed runs of which it is not known.
 */
export interface CostRow
  extends CostTotal,
    Partial<
      Record<
        Exclude<(typeof DIMENSION_FIELDS)[keyof typeof DIMENSION_FIELDS], 'status'> | TagKey,
        string | null
      >
    > {
  status?: ExecutionStatus | null
  /** True for the row of all runs that are not in the `top` rows. Its dimensions are null. */
  other: boolean
}

export interface CostReport {
  rows: CostRow[]
  /** The total of all rows. */
  total: CostTotal
  /** Number of rows without `top`. */
  groups: number
  /**
   * Number of removed runs in a quarter of an hour that contains since or until. They count at the begin of the quarter, so
   * the bounds are exact only for the other runs.
   */
  historyCut: number
  /** Removed runs whose tag or session is not known. A dimension without such runs is left out. */
  historyUnknown: HistoryUnknown[]
  /** The steps of these runs that have no price, so that their cost is not in the total. */
  unpriced: Unpriced
}

const rowShape = {
  ...totalShape,
  other: d.boolean('r.other'),
  isTotal: d.boolean('r.is_total'),
  groups: d.count(),
  historyCut: d.count(),
  historyUnknown: unknownRows,
  unpriced: unpricedRows,
}

/**
 * The cost of runs by one or several dimensions, including removed runs, read in one statement. Rows are in order of cost,
 * the highest first; with a day, week or month they are in order of time first.
 * @throws WfstoreError usage for an invalid dimension, filter, zone or number
 */
export async function costBy(run: Run, options: CostOptions): Promise<CostReport> {
  const { by, timeZone = 'UTC', top, ...filter } = options
  const dimensions = dimensionsOf(by)
  const where = usageWhere(filter)
  const [zone, most] = [zoneOf(timeZone), countOf('top', top, 1)]
  const asked = byLayout((layout) => statement(dimensions, where, zone, most, layout))
  const keys = dimensions.map((dimension, place) => [
    fieldOf(dimension),
    { ...d.nullable(d.text()), column: columnNameOf(dimension, place) },
  ])
  const shape: typeof rowShape = { ...Object.fromEntries(keys), ...rowShape }
  const all = await run(asked, shape)
  const rows: CostRow[] = []
  let total: CostTotal | undefined
  let about = {
    groups: 0,
    historyCut: 0,
    historyUnknown: [] as HistoryUnknown[],
    unpriced: unpricedOf([]),
  }
  for (const { isTotal, groups, historyCut, historyUnknown: unknown, unpriced, ...row } of all) {
    if (!isTotal) rows.push(row)
    else {
      const { runs, cost, tokens, costPerRun, share } = row
      total = { runs, cost, tokens, costPerRun, share }
      about = {
        groups,
        historyCut,
        historyUnknown: historyUnknown(unknown),
        unpriced: unpricedOf(unpriced),
      }
    }
  }
  return { rows, total: total as CostTotal, ...about }
}

function statement(
  dimensions: readonly Dimension[],
  where: UsageWhere,
  timeZone: string,
  top: number | null,
  layout: Layout,
): Sql {
  const keys = keysOf(dimensions, timeZone)
  const calendars = keys.flatMap(({ calendar }) => calendar ?? [])
  const needs = calendars.flatMap((calendar) => calendar.needs.map((need) => sql`${need},`))
  const list = (of: (key: SqlKey) => Sql) => join(keys.map(of), ', ')
  const columns = list(({ column }) => column)
  const isRest = top === null ? raw('false') : sql`place > ${top}::bigint`
  const textOf = ({ name, calendar }: SqlKey) =>
    raw(`${calendar ? calendar.text(`r.${name}`) : `r.${name}`} as ${name}`)
  const order = ['r.is_total', 'r.other', ...calendars.map(({ part }) => `r.${part}`), 'r.place']
  return sql`
with ${join([empty, ...needs], '')}
counted as (${sumsBy(keys, where, layout)}
), placed as (
  select *, count(*) over () as groups,
         row_number() over (order by cost desc, runs desc,
                               ${list(({ column, calendar }) => (calendar ? column : sql`${column} collate "C"`))}) as place
  from counted
), rested as (
  select ${list(({ column }) => sql`case when not ${isRest} then ${column} end as ${column}`)},
         case when not ${isRest} then place end as place, ${isRest} as other, groups, runs, cost, tokens
  from placed
), r as (
  -- The empty grouping set is the total of the rows of the other set.
  select ${columns}, place, other, grouping(place) = 1 as is_total, coalesce(max(groups), 0) as groups, coalesce(sum(runs), 0) as runs,
         coalesce(sum(cost), 0) as cost, coalesce(sum(tokens), 0) as tokens
  from rested group by grouping sets ((place, other, ${columns}), ())
)
select ${list(textOf)},
       ${raw(d.selectList(totalShape, 'r'))},
       coalesce(r.other, false) as other, r.is_total, r.groups, ${where.cut('usage_history', 'runs')} as history_cut,
       ${where.unknown(dimensions)} as history_unknown, ${unpricedSql(where, layout)} as unpriced
from r order by ${raw(order.join(', '))}`
}
