import { formatDuration } from '../../../numbers.ts'
import type { Metric } from '../../../queries/metrics/metrics.ts'
import type { RollupResult } from '../../../queries/metrics/rollup.ts'
import type { JsonValue } from '../../../tables/types.ts'
import type { Column } from '../../output/column.ts'
import { groupDigits, roundedDollars } from '../../output/text/amount.ts'

/** The dimensions by name; undefined if they are not an object. A command reads JSON columns as text. */
export function dimensionsOf({ dimensions }: Metric): Record<string, JsonValue> | undefined {
  const value: JsonValue = typeof dimensions === 'string' ? JSON.parse(dimensions) : dimensions
  return typeof value !== 'object' || value === null || Array.isArray(value) ? undefined : value
}

/** `mode=Sales model=gpt-4o`. Values that are not objects are shown unchanged. */
function dimensionsCell(metric: Metric): string | null {
  const value = dimensionsOf(metric)
  if (!value) return metric.dimensions as string | null
  const parts = Object.entries(value).map(
    ([name, inner]) => `${name}=${typeof inner === 'string' ? inner : JSON.stringify(inner)}`,
  )
  return parts.length === 0 ? null : parts.join(' ')
}

const valueCell = ({ metricType, metricValue }: Metric): string => {
  if (metricType === 'execution_time') return formatDuration(metricValue)
  if (metricType === 'cost') return roundedDollars(metricValue)
  return metricType.endsWith('_rate') ? `${metricValue}%` : groupDigits(metricValue)
}

/** A metric in a list. */
export const metricColumns: Column<Metric>[] = [
  { name: 'timestamp', header: 'TIME', kind: 'time', priority: 10 },
  { name: 'aggregationPeriod', header: 'PERIOD', kind: 'text', priority: 6 },
  { name: 'userId', header: 'USER', kind: 'text', flex: { min: 8 }, priority: 8 },
  { name: 'metricType', header: 'TYPE', kind: 'text', priority: 9 },
  // Not an amount: the values of the column have different units.
  { name: 'metricValue', header: 'VALUE', kind: 'count', cell: valueCell, priority: 10 },
  { name: 'dimensions', kind: 'json', cell: dimensionsCell, flex: { min: 10 }, priority: 7 },
  { name: 'metricId', header: 'ID', kind: 'id', isName: true, table: false },
  { name: 'createdAt', kind: 'time', table: false },
]

export const rollupColumns: Column<RollupResult>[] = [
  { name: 'period', kind: 'text' },
  { name: 'timeZone', kind: 'text' },
  { name: 'since', kind: 'time' },
  { name: 'buckets', kind: 'count' },
  { name: 'inserted', kind: 'count' },
  { name: 'updated', kind: 'count' },
  { name: 'unchanged', kind: 'count' },
  { name: 'deleted', kind: 'count' },
  { name: 'keptBecauseCleaned', kind: 'count' },
  { name: 'skipped', kind: 'count' },
  { name: 'seconds', kind: 'count' },
]
