import type { DifferenceCount } from '../../../queries/billing/billing.ts'
import type { BillingPeriod } from '../../../queries/billing/periods.ts'
import type { BillingSum } from '../../../queries/billing/summary.ts'
import type { FailureGroup } from '../../../queries/errors/groups.ts'
import type { SlowWorkflow } from '../../../queries/executions/slow-workflows.ts'
import type { CostReport, CostRow, CostTotal } from '../../../queries/usage/cost.ts'
import type { ReportStats } from '../../../queries/usage/report-stats.ts'
import type { Point, Series } from '../../../queries/usage/series.ts'
import type { Column, Kind } from '../../output/column.ts'
import { toJson } from '../../output/formats/json.ts'
import type { PageData } from './data.ts'

/** The output of `report --json`: the data of the page, with exact amounts. */

type Written = PageData & { version: string }

const columns = <Row>(kinds: { [K in keyof Row & string]?: Kind }): Column<Row>[] =>
  Object.entries<Kind | undefined>(kinds).map(([name, kind = 'text']) => ({ name, kind }))

const object = <Row>(
  name: string,
  inner: readonly Column<Row>[],
  of: (data: Written) => Row | null,
): Column<Written> => ({
  name,
  kind: 'json',
  value: (data) => {
    const row = of(data)
    return row === null ? null : toJson(inner, row, undefined)
  },
})

const rows = <Row>(
  name: string,
  inner: readonly Column<Row>[],
  of: (data: Written) => readonly Row[],
): Column<Written> => ({
  name,
  kind: 'rows',
  columns: inner as readonly Column<never>[],
  value: of,
})

const totals = columns<ReportStats>({
  totalCostExact: 'amount',
  totalExecutions: 'count',
  successfulExecutions: 'count',
  failedExecutions: 'count',
  partialExecutions: 'count',
  cancelledExecutions: 'count',
  runningExecutions: 'count',
  stuckExecutions: 'count',
  successRate: 'share',
  totalTokens: 'count',
  averageExecutionTime: 'duration',
  p50ExecutionTime: 'duration',
  p95ExecutionTime: 'duration',
  p99ExecutionTime: 'duration',
  historyCut: 'count',
}).map((column) => (column.name === 'totalCostExact' ? totalCost(column) : column))

function totalCost(column: Column<ReportStats>): Column<ReportStats> {
  return { ...column, name: 'totalCost', value: ({ totalCostExact }) => totalCostExact }
}

const cost: { [K in keyof CostTotal]: Kind } = {
  runs: 'count',
  cost: 'amount',
  tokens: 'count',
  costPerRun: 'amount',
  share: 'share',
}
/** Without the total, which is in `totals`: a sum over the rows must not count it twice. */
const byField = (name: string, field: keyof CostRow & string, of: (data: Written) => CostReport) =>
  rows(
    name,
    columns<CostRow>({ [field]: 'text', ...cost, other: 'boolean' }),
    (data) => of(data).rows,
  )

const series = (name: string, field: string, of: (data: Written) => Series) =>
  rows<Point>(
    name,
    [
      { name: 'date', kind: 'text' },
      { name: field, kind: 'text', value: ({ key }) => key },
      ...columns<Point>({ runs: 'count', cost: 'amount', other: 'boolean' }),
    ],
    (data) => of(data).points.filter(({ isTotal }) => !isTotal),
  )

export const pageColumns: Column<Written>[] = [
  ...columns<Written>({ database: 'text', version: 'text', timeZone: 'text', since: 'time' }),
  { name: 'until', kind: 'time' },
  { name: 'madeAt', kind: 'time', value: ({ now }) => now.toISOString() },
  { name: 'filter', kind: 'json', value: ({ filter }) => JSON.stringify(filter) },
  object('totals', totals, (data) => data.totals),
  { name: 'beforeSince', kind: 'time' },
  object('before', totals, (data) => data.before),
  { name: 'part', kind: 'text' },
  series('costByModel', 'modelId', ({ perModel }) => perModel),
  series('runsByStatus', 'status', ({ perStatus }) => perStatus),
  byField('models', 'modelId', ({ models }) => models),
  byField('statuses', 'status', ({ statuses }) => statuses),
  byField('users', 'userId', ({ users }) => users),
  byField('workflows', 'workflowName', ({ workflows }) => workflows),
  byField('modes', 'mode', ({ modes }) => modes),
  rows(
    'errors',
    columns<FailureGroup>({
      fingerprint: 'text',
      runs: 'count',
      before: 'count',
      stepsFailed: 'count',
      trend: 'text',
      share: 'share',
      users: 'count',
    }),
    ({ failures }) => failures.groups,
  ),
  { name: 'errorKinds', kind: 'count', value: ({ failures }) => failures.total },
  { name: 'errorRuns', kind: 'count', value: ({ failures }) => failures.runs },
  { name: 'errorRunsRemoved', kind: 'count', value: ({ failures }) => failures.removedRuns },
  rows(
    'slowest',
    columns<SlowWorkflow>({
      workflowName: 'text',
      runs: 'count',
      p50ExecutionTime: 'duration',
      p95ExecutionTime: 'duration',
      longestExecutionTime: 'duration',
    }),
    ({ slow }) => slow,
  ),
  object<BillingPeriod & BillingSum>(
    'bill',
    columns<BillingPeriod & BillingSum>({
      period: 'text',
      state: 'text',
      timeZone: 'text',
      records: 'count',
      cost: 'amount',
      paidCost: 'amount',
      unpaidCost: 'amount',
      unpaidRecords: 'count',
      tokensTotal: 'count',
      differs: 'boolean',
    }),
    ({ period, bill }) => ({ ...period, ...bill }),
  ),
  rows(
    'differences',
    columns<DifferenceCount>({ kind: 'text', count: 'count', costDifference: 'amount' }),
    ({ differences }) => differences,
  ),
]
