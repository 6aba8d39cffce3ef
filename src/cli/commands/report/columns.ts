import type { Agreement } from '../../../queries/billing/reconcile.ts'
import type { StatementLine, StatementSum } from '../../../queries/billing/statements.ts'
import type { FailureGroup } from '../../../queries/errors/groups.ts'
import type { ListedExecution } from '../../../queries/executions/listed.ts'
import type { SlowWorkflow } from '../../../queries/executions/slow-workflows.ts'
import type { CostReport, CostRow, CostTotal } from '../../../queries/usage/cost.ts'
import type { ReportStats } from '../../../queries/usage/report-stats.ts'
import type { Point, Series } from '../../../queries/usage/series.ts'
import type { PageData, PageMonth } from '../../../server/report/data.ts'
import type { Column, Kind } from '../../output/column.ts'
import { toJson } from '../../output/formats/json.ts'

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
  unpriced: 'json',
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

const sums: { [K in keyof StatementSum]: Kind } = {
  runs: 'count',
  cost: 'amount',
  tokens: 'count',
  bills: 'count',
  billed: 'amount',
  paid: 'amount',
  unpaid: 'amount',
  unpaidBills: 'count',
  billedTokens: 'count',
}

const { runs: _, cost: __, tokens: ___, ...billSums } = sums
const lines: Column<UserRow> = {
  name: 'lines',
  kind: 'rows',
  columns: columns<StatementLine>({
    month: 'text',
    modelId: 'text',
    ...billSums,
  }) as readonly Column<never>[],
}

type UserRow = StatementSum & { userId: string | null; other: boolean; lines: StatementLine[] }

const months: Column<PageMonth>[] = [
  ...columns<PageMonth>({ month: 'text' }),
  { name: 'state', kind: 'text', value: ({ period }) => period.state },
  { name: 'startTime', kind: 'time', value: ({ period }) => period.startTime },
  { name: 'endTime', kind: 'time', value: ({ period }) => period.endTime },
  ...columns<PageMonth>(sums),
  { name: 'differs', kind: 'boolean', value: ({ period }) => period.differs },
  {
    name: 'checks',
    kind: 'rows',
    columns: columns<Agreement>({
      kind: 'text',
      count: 'count',
      billedCost: 'amount',
      runCost: 'amount',
      costDifference: 'amount',
    }) as readonly Column<never>[],
  },
]

const listed = columns<ListedExecution>({
  executionId: 'id',
  userId: 'text',
  workflowName: 'text',
  modelId: 'text',
  status: 'status',
  startTime: 'time',
  executionTime: 'duration',
  totalCost: 'amount',
  totalTokens: 'count',
  error: 'text',
})

export const pageColumns: Column<Written>[] = [
  ...columns<Written>({ database: 'text', version: 'text', timeZone: 'text', since: 'time' }),
  { name: 'until', kind: 'time' },
  { name: 'madeAt', kind: 'time', value: ({ now }) => now.toISOString() },
  { name: 'filter', kind: 'json', value: ({ filter }) => JSON.stringify(filter) },
  {
    name: 'historyUnknown',
    kind: 'json',
    value: ({ totals }) => JSON.stringify(totals.historyUnknown),
  },
  object('totals', totals, (data) => data.totals),
  { name: 'beforeSince', kind: 'time' },
  object('before', totals, (data) => data.before),
  { name: 'part', kind: 'text' },
  series('costByModel', 'modelId', ({ perModel }) => perModel),
  series('runsByStatus', 'status', ({ perStatus }) => perStatus),
  byField('models', 'modelId', ({ models }) => models),
  { name: 'modelCount', kind: 'count', value: ({ models }) => models.groups },
  byField('statuses', 'status', ({ statuses }) => statuses),
  rows<UserRow>(
    'users',
    [...columns<UserRow>({ userId: 'text', ...sums, other: 'boolean' }), lines],
    ({ statements: { users, others } }) => [
      ...users.map((user) => ({ ...user, other: false })),
      ...(others === null ? [] : [{ ...others, userId: null, other: true, lines: [] }]),
    ],
  ),
  { name: 'userCount', kind: 'count', value: ({ statements }) => statements.userCount },
  byField('workflows', 'workflowName', ({ workflows }) => workflows),
  { name: 'workflowCount', kind: 'count', value: ({ workflows }) => workflows.groups },
  byField('modes', 'mode', ({ modes }) => modes),
  { name: 'modeCount', kind: 'count', value: ({ modes }) => modes.groups },
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
    ({ slow }) => slow.workflows,
  ),
  { name: 'slowestCount', kind: 'count', value: ({ slow }) => slow.total },
  rows('expensive', listed, ({ expensive }) => expensive),
  rows('failed', listed, ({ failed }) => failed),
  { name: 'billingZone', kind: 'text' },
  rows('months', months, (data) => data.months),
  { name: 'otherPeriods', kind: 'json', value: ({ otherPeriods }) => JSON.stringify(otherPeriods) },
]
