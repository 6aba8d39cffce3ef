import { perRun } from '../../db/distributed/by-layout.ts'
import type { Layout } from '../../db/distributed/layout.ts'
import { empty, join, raw, type Sql, sql } from '../../db/query/sql.ts'
import { WfstoreError } from '../../error.ts'
import { columnOf } from '../../tables/column.ts'
import { isTagKey, type TagKey, tagOfKey } from '../table/tag.ts'
import { oneOf } from '../table/validate.ts'
import {
  CALENDAR,
  type CalendarKey,
  type CalendarPart,
  calendarKey,
  withoutStatistics,
} from './calendar.ts'
import type { UsageWhere } from './filter.ts'
import { movedOf } from './moved.ts'

/** The dimensions of runs, with their fields in a row. */
export const DIMENSION_FIELDS = {
  user: 'userId',
  mode: 'mode',
  model: 'modelId',
  workflow: 'workflowName',
  status: 'status',
  session: 'sessionId',
  day: 'day',
  week: 'week',
  month: 'month',
} as const
/** A property of runs, or a tag, such as 'tag:team'. */
export type Dimension = keyof typeof DIMENSION_FIELDS | TagKey
/** Without the tags, of which there are any. */
export const DIMENSIONS = Object.keys(DIMENSION_FIELDS) as (keyof typeof DIMENSION_FIELDS)[]

/** The field of a dimension in a row. That of a tag is its key: 'tag:team'. */
export const fieldOf = (dimension: Dimension): string =>
  isTagKey(dimension) ? dimension : DIMENSION_FIELDS[dimension]

/** The dimensions of a report. @throws WfstoreError usage for an invalid or repeated one, or none */
export function dimensionsOf(by: Dimension | readonly Dimension[]): Dimension[] {
  const dimensions = (typeof by === 'string' ? [by] : [...(by ?? [])]).map(
    (dimension): Dimension => {
      if (!isTagKey(dimension)) return oneOf('by', dimension, [...DIMENSIONS, 'tag:<name>'])
      tagOfKey(dimension)
      return dimension
    },
  )
  if (dimensions.length === 0) {
    throw new WfstoreError('usage', 'by is empty', {
      hint: `use ${DIMENSIONS.join(', ')} or tag:<name>`,
    })
  }
  const twice = dimensions.find((dimension, index) => dimensions.indexOf(dimension) !== index)
  if (twice) throw new WfstoreError('usage', `by has ${twice} twice`)
  return dimensions
}

/** A dimension in SQL. */
export interface SqlKey {
  name: string
  column: Sql
  /** Its value in a row of workflow_executions and of usage_history, unless it is a part of the calendar. */
  live: Sql
  removed: Sql
  calendar: CalendarKey | undefined
}

export const keysOf = (dimensions: readonly Dimension[], timeZone: string): SqlKey[] =>
  dimensions.map((dimension, place) => {
    const name = columnNameOf(dimension, place)
    const calendar = isCalendar(dimension)
      ? calendarKey(dimension, timeZone, dimensions.length === 1)
      : undefined
    const live = isTagKey(dimension) ? sql`e.tags ->> ${tagOfKey(dimension)}` : raw(`e.${name}`)
    const removed = dimension === 'session' ? raw('null::text') : live
    return { name, column: raw(name), live, removed, calendar }
  })

/** SELECT of runs, cost and tokens by these keys, of runs that are kept and that are removed. */
export function sumsBy(keys: readonly SqlKey[], where: UsageWhere, layout: Layout): Sql {
  const run = perRun(layout)
  const values = (time: string, of: (key: SqlKey) => Sql) =>
    join(
      keys.map(
        (key) => sql`${key.calendar ? key.calendar.of(raw(time)) : of(key)} as ${key.column}`,
      ),
      ', ',
    )
  const places = raw(keys.map((_, index) => index + 1).join(', '))
  const dated = keys.some(({ calendar }) => calendar !== undefined)
  // Without a lookup a key is computed while its row is read, which costs less.
  const early = layout === 'single' && dated && !keys.some(({ calendar }) => calendar?.needs.length)
  const rows = (table: string, time: string, of: (key: SqlKey) => Sql, runs: string) => {
    const found = values(`e.${time}`, of)
    const list = early
      ? sql`${found}, ${raw(runs === 'count(*)' ? '' : 'e.runs, ')}e.total_cost, e.total_tokens`
      : undefined
    const source = dated
      ? withoutStatistics(table, where.on(time), layout, list)
      : sql`${raw(table)} e ${where.on(time)}`
    const columns = early
      ? join(
          keys.map(({ column }) => column),
          ', ',
        )
      : found
    return sql`
    select ${columns}, ${raw(runs)} as runs, sum(e.total_cost) as cost, sum(e.total_tokens) as tokens${run}
    from ${source} group by ${places}${run}`
  }
  const { from, alias } = movedOf(where, layout, dated)
  const model = raw(`${alias}.model_id`)
  const moved =
    keys.some(({ name }) => name === 'model_id') || where.byModel
      ? sql`union all
    select ${values('e.start_time', ({ name, live }) => (name === 'model_id' ? model : live))}, 0, sum(${raw(alias)}.total_cost), sum(${raw(alias)}.total_tokens)${run}
    from ${from} group by ${places}${run}`
      : empty
  const final = join(
    keys.map(({ column, calendar }) => sql`${calendar?.final?.(column) ?? column} as ${column}`),
    ', ',
  )
  return sql`
  select ${final}, sum(runs) as runs, sum(cost) as cost, sum(tokens) as tokens
  from (
    ${rows('workflow_executions', 'start_time', ({ live }) => live, 'count(*)')}
    union all
    ${rows('usage_history', 'quarter_start', ({ removed }) => removed, 'sum(e.runs)')}
    ${moved}
  ) as all_rows
  group by ${places} having sum(runs) <> 0 or sum(cost) <> 0 or sum(tokens) <> 0`
}

/** A tag may have any name, so its column has one of ours. */
export const columnNameOf = (dimension: Dimension, place: number): string =>
  isTagKey(dimension) ? `tag_${place + 1}` : columnOf(DIMENSION_FIELDS[dimension])

export const isCalendar = (dimension: Dimension): dimension is CalendarPart =>
  (CALENDAR as readonly string[]).includes(dimension)
