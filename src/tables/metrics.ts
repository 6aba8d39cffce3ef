import { json, key, name, number, optional, stamp, table, time, withDefault } from './column.ts'
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
    metricType: name,
    metricValue: number,
    aggregationPeriod: withDefault(name, "'hour'"),
    /** Any JSON value. */
    dimensions: optional(withDefault(json, "'{}'")),
    createdAt: stamp,
  },
})

export type MetricPatch = PatchOf<typeof metrics>
export type NewMetric = NewOf<typeof metrics>
