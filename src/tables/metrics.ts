import { key, name, number, object, optional, stamp, table, time, withDefault } from './column.ts'
import type { NewOf, PatchOf } from './types.ts'

/** Values measured over a period, by user and dimensions. */
export const metrics = table({
  kind: 'metric',
  name: 'observability_metrics',
  alias: 'm',
  noun: 'metric',
  key: ['metricId'],
  columns: {
    /** A UUID; a new UUIDv7 if not given. */
    metricId: key,
    timestamp: withDefault(time, 'now()'),
    userId: name,
    /** Such as 'cost' or 'token_usage'. */
    metricType: name,
    /** Any finite number; every digit is kept. */
    metricValue: number,
    /** Such as 'hour' or 'day'. */
    aggregationPeriod: withDefault(name, "'hour'"),
    /** An object of your own data. Older rows may hold any JSON value. */
    dimensions: optional(withDefault(object, "'{}'")),
    createdAt: stamp,
  },
})

/** The fields of a metric that can be changed. */
export type MetricPatch = PatchOf<typeof metrics>
/** A new metric. What is left out has the default of the table: timestamp now, aggregationPeriod 'hour'. */
export type NewMetric = NewOf<typeof metrics>
