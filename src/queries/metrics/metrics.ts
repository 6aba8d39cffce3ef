import * as d from '../../db/query/decode.ts'
import type { Run } from '../../db/query/query.ts'
import { anything, decimal, type Kind, name, optional, time, uuid } from '../table/fields.ts'
import { equals, type TimeLimit, whereOf } from '../table/filter.ts'
import type { List } from '../table/page.ts'
import { type Rows, rowsOf, type Table } from '../table/rows.ts'

/** A measured value: of a user, a type and a period. Its unit is its type's; metricValue is an exact decimal. */
export const metricShape = {
  metricId: d.uuid(),
  timestamp: d.time(),
  userId: d.text(),
  metricType: d.text(),
  metricValue: d.amount(),
  aggregationPeriod: d.text(),
  dimensions: d.nullable(d.json()),
  createdAt: d.nullable(d.time()),
}
export type Metric = d.RowOf<typeof metricShape>

export interface MetricPatch {
  timestamp?: Date | string | undefined
  userId?: string | undefined
  /** Such as 'cost', 'token_usage'. */
  metricType?: string | undefined
  /** Any finite number, of which every digit is kept. */
  metricValue?: string | number | undefined
  /** Such as 'hour', 'day'. */
  aggregationPeriod?: string | undefined
  /** Any value that JSON has. */
  dimensions?: unknown
}

/** What is left out has the table's default: timestamp now, aggregationPeriod 'hour'. */
export interface NewMetric extends MetricPatch {
  userId: string
  metricType: string
  metricValue: string | number
  /** A UUID; a new UUIDv7 unless given. */
  metricId?: string | undefined
}

export interface MetricFilter {
  userId?: string | undefined
  metricType?: string | undefined
  aggregationPeriod?: string | undefined
  /** Of this instant or later. */
  since?: TimeLimit | undefined
  /** Before this instant. */
  until?: TimeLimit | undefined
}

const TABLE: Table<typeof metricShape> = {
  name: 'observability_metrics',
  alias: 'm',
  noun: 'metric',
  shape: metricShape,
  key: ['metricId'],
  required: ['userId', 'metricType', 'metricValue'],
  fields: {
    metricId: uuid,
    timestamp: time,
    userId: name,
    metricType: name,
    metricValue: decimal,
    aggregationPeriod: name,
    dimensions: optional(anything),
  } satisfies Record<keyof NewMetric, Kind>,
}

export const METRICS: List<typeof metricShape, MetricFilter> = {
  name: 'metrics',
  table: TABLE.name,
  alias: TABLE.alias,
  shape: metricShape,
  key: 'timestamp',
  keyType: 'timestamptz',
  id: 'metricId',
  order: 'desc',
  where: (filter) => whereOf(CRITERIA, filter),
}

const CRITERIA = {
  userId: equals('m.user_id', name),
  metricType: equals('m.metric_type', name),
  aggregationPeriod: equals('m.aggregation_period', name),
}

export type Metrics = Rows<Metric, NewMetric, MetricPatch, MetricFilter>

export const metricRows: (read: Run, write: Run) => Metrics = rowsOf(TABLE, METRICS)
