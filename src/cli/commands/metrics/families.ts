import type { Metric } from '../../../queries/metrics/metrics.ts'
import type { StoreStats } from '../../../queries/usage/stats.ts'
import type { Family, Sample } from '../../output/formats/prometheus.ts'
import { dimensionsOf } from './columns.ts'

/** The Prometheus name and help of each metric type; docs/REPORTS.md lists them too. */
const TYPES: Record<string, { name: string; help: string }> = {
  token_usage: {
    name: 'wfstore_token_usage',
    help: 'Tokens of the runs that started in the newest bucket with these labels.',
  },
  cost: {
    name: 'wfstore_cost_usd',
    help: 'Cost in US dollars of the runs that started in the newest bucket with these labels.',
  },
  execution_time: {
    name: 'wfstore_execution_time_ms',
    help: 'Average duration in milliseconds of the runs that started in the newest bucket with these labels.',
  },
  workflow_success_rate: {
    name: 'wfstore_workflow_success_rate_percent',
    help: 'Successful runs as a percentage of finished runs that started in the newest bucket with these labels.',
  },
  error_rate: {
    name: 'wfstore_error_rate_percent',
    help: 'Failed and partial runs as a percentage of the finished runs in the newest bucket with these labels.',
  },
  tool_success_rate: {
    name: 'wfstore_tool_success_rate_percent',
    help: 'Successful tool calls as a percentage of all tool calls in the newest bucket with these labels.',
  },
}
const OTHER = { name: 'wfstore_metric', help: 'Metrics of other types, in the unit of their type.' }

/** A family per metric type, with bucket size, user and dimensions as labels; and the start of the newest bucket. */
export function metricFamilies(metrics: readonly Metric[]): Family[] {
  const samples = new Map<string, Sample[]>()
  let newest: Metric | undefined
  for (const metric of metrics) {
    const known = TYPES[metric.metricType]
    const labels = {
      period: metric.aggregationPeriod,
      user: metric.userId,
      ...(known ? {} : { type: metric.metricType }),
    }
    const name = (known ?? OTHER).name
    const all = samples.get(name) ?? []
    all.push({ labels: { ...labelsOf(metric), ...labels }, value: metric.metricValue })
    samples.set(name, all)
    if (newest === undefined || metric.timestamp > newest.timestamp) newest = metric
  }
  const families = [...Object.values(TYPES), OTHER].map(
    ({ name, help }): Family => ({ name, help, type: 'gauge', samples: samples.get(name) ?? [] }),
  )
  const bucket = newest && {
    labels: { period: newest.aggregationPeriod },
    value: Date.parse(newest.timestamp) / 1000,
  }
  return [
    ...families,
    {
      name: 'wfstore_bucket_start_timestamp_seconds',
      type: 'gauge',
      help: 'Start of the newest bucket of this size, in seconds since 1970.',
      samples: bucket ? [bucket] : [],
    },
  ]
}

/** Nested values become JSON text. A value that is not an object has no labels. */
function labelsOf(metric: Metric): Record<string, string> {
  const texts = Object.entries(dimensionsOf(metric) ?? {}).map(([name, inner]) => {
    const text = inner === null ? '' : typeof inner === 'string' ? inner : JSON.stringify(inner)
    return [name, text]
  })
  return Object.fromEntries(texts)
}

/** The totals of a user, or of all users. */
export interface Total {
  user: string | undefined
  stats: StoreStats
  /** Number of running runs that are stuck. */
  stuck: number
}

/** Totals of all time, including removed runs. They need no rollup. */
export function totalFamilies(totals: readonly Total[]): Family[] {
  const samples = (value: (stats: StoreStats) => Sample['value'], labels = {}): Sample[] =>
    totals.map(({ user, stats }) => ({
      labels: { ...(user === undefined ? {} : { user }), ...labels },
      value: value(stats),
    }))
  const total = (name: string, help: string, value: Parameters<typeof samples>[0]): Family => ({
    name,
    help,
    type: 'counter',
    samples: samples(value),
  })
  const stuck = totals.map(({ user, stuck }) => ({
    labels: user === undefined ? {} : { user },
    value: stuck,
  }))
  const ended = [
    ['success', 'successfulExecutions'],
    ['failed', 'failedExecutions'],
    ['partial', 'partialExecutions'],
    ['cancelled', 'cancelledExecutions'],
  ] as const
  return [
    {
      name: 'wfstore_executions_running',
      help: 'Unfinished runs.',
      type: 'gauge',
      samples: samples(({ runningExecutions }) => runningExecutions),
    },
    {
      name: 'wfstore_executions_stuck',
      help: 'Unfinished runs without a write for --stuck-after (default: 10 minutes).',
      type: 'gauge',
      samples: stuck,
    },
    {
      name: 'wfstore_executions_total',
      help: 'Finished runs by status.',
      type: 'counter',
      samples: ended.flatMap(([status, field]) => samples((stats) => stats[field], { status })),
    },
    total(
      'wfstore_cost_usd_total',
      'Cost of all runs in US dollars.',
      (stats) => stats.totalCostExact,
    ),
    total('wfstore_tokens_total', 'Tokens of all runs.', (stats) => stats.totalTokens),
    total('wfstore_audit_entries_total', 'Audit entries.', (stats) => stats.totalAuditLogs),
  ]
}
