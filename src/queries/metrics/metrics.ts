import * as d from '../../db/query/decode.ts'
import type { Run } from '../../db/query/query.ts'
import { name } from '../../tables/column.ts'
import { type MetricPatch, metrics, type NewMetric } from '../../tables/metrics.ts'
import { conditionsOf, equals, type OneOrMore, type TimeLimit } from '../table/filter.ts'
import type { List } from '../table/page.ts'
import { type Rows, rowsOf } from '../table/rows.ts'

export const metricShape: d.ShapeOf<typeof metrics.columns> = d.shapeOf(metrics.columns)
/** A measured value of a user, a type and a period. Its unit depends on its type. */
export type Metric = d.RowOf<typeof metricShape>

export interface MetricFilter {
  userId?: OneOrMore | undefined
  metricType?: OneOrMore | undefined
  aggregationPeriod?: OneOrMore | undefined
  /** At this instant or later. */
  since?: TimeLimit | undefined
  /** Before this instant. */
  until?: TimeLimit | undefined
}

export const METRICS: List<typeof metricShape, MetricFilter> = {
  name: 'metrics',
  table: metrics.name,
  alias: metrics.alias,
  shape: metricShape,
  key: 'timestamp',
  keyType: 'timestamptz',
  id: 'metricId',
  order: 'desc',
  where: (filter) => conditionsOf(CRITERIA, filter),
}

const CRITERIA = {
  userId: equals('m.user_id', name),
  metricType: equals('m.metric_type', name),
  aggregationPeriod: equals('m.aggregation_period', name),
}

export type Metrics = Rows<Metric, NewMetric, MetricPatch, MetricFilter>

export const metricRows: (read: Run, write: Run) => Metrics = rowsOf(
  { table: metrics, shape: metricShape },
  METRICS,
)
