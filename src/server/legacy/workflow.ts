import * as d from '../../db/query/decode.ts'
import type { Run } from '../../db/query/query.ts'
import { raw, sql } from '../../db/query/sql.ts'
import { WfstoreError } from '../../error.ts'
import { parseInstant } from '../../instant.ts'
import { AUDIT } from '../../queries/audit/audit.ts'
import { BILLS } from '../../queries/billing/bills.ts'
import { EXECUTIONS, executionShape } from '../../queries/executions/executions.ts'
import { METRICS } from '../../queries/metrics/metrics.ts'
import { microsOf, timeOfMicros } from '../../queries/table/micros.ts'
import { page } from '../../queries/table/page.ts'
import { costBy } from '../../queries/usage/cost.ts'
import { getStats } from '../../queries/usage/stats.ts'
import { audit } from '../../tables/audit.ts'
import { bills } from '../../tables/bills.ts'
import { executions } from '../../tables/executions.ts'
import { metrics } from '../../tables/metrics.ts'
import { steps } from '../../tables/steps.ts'
import { isUuid } from '../../uuid.ts'
import type { SiteConnection } from '../site.ts'
import { snapshot } from '../snapshot.ts'
import { array, object, oldRow, type RowJson } from './json.ts'

/** What the old application answered to `GET /api/workflow?type=…`: the members of its answer, as JSON. */
export type Members = readonly (readonly [string, string])[]

export interface OldRequest {
  connection: SiteConnection
  userId: string
  /** A parameter of the URL; an empty one is not given. */
  given: (name: string) => string | undefined
}

/** The execution of another user. */
export const FORBIDDEN = 'forbidden'
export const NO_EXECUTION_ID = 'no execution id'
export type OldAnswer = Members | typeof FORBIDDEN | typeof NO_EXECUTION_ID

/** The types in the order in which an error lists them. */
export const ANSWERS: Record<string, (question: OldRequest) => Promise<OldAnswer>> = {
  executions: async ({ connection: { run }, userId, given }) =>
    listed(
      'executions',
      LISTED_RUN,
      await page(run, EXECUTIONS, { userId, limit: limitOf(given) }),
    ),
  execution: oneExecution,
  audit: auditEntries,
  errors: async ({ connection: { run }, userId, given }) =>
    listed(
      'logs',
      ENTRY,
      await page(run, AUDIT, { userId, success: false, limit: limitOf(given) }),
    ),
  metrics: metricsOf,
  stats: statsOf,
  'cost-by-mode': costByMode,
  billing,
  running: async ({ connection: { run }, userId }) =>
    listed(
      'executions',
      RUN,
      await page(run, EXECUTIONS, { userId, status: 'running', limit: ALL }),
    ),
}

const RUN = oldRow(executions)
const LISTED_RUN = oldRow(executions, ['created_at', 'updated_at'])
const STEP = oldRow(steps)
const ENTRY = oldRow(audit)
const METRIC = oldRow(metrics)
const BILL = oldRow(bills)

const DEFAULT_LIMIT = 50

/** A list of all rows. */
const ALL = 2 ** 31

const listed = (
  name: string,
  rowOf: RowJson,
  { rows }: { rows: readonly Record<string, unknown>[] },
): Members => [
  [name, array(rows.map(rowOf))],
  ['count', String(rows.length)],
]

async function oneExecution({ connection, userId, given }: OldRequest): Promise<OldAnswer> {
  const executionId = given('executionId')
  if (executionId === undefined) return NO_EXECUTION_ID
  const none: Members = [['steps', '[]']]
  if (!isUuid(executionId)) return none
  return snapshot(connection, async (run) => {
    const [execution] = await run(
      sql`select ${raw(d.selectList(executionShape, 'e'))} from workflow_executions e where e.execution_id = ${executionId}::uuid`,
      executionShape,
    )
    if (!execution) return none
    if (execution.userId !== userId) return FORBIDDEN
    const found = await run(
      sql`select ${raw(d.selectList(stepShape, 's'))} from workflow_steps s
          where s.execution_id = ${executionId}::uuid order by s.step_number, s.start_time, s.step_id`,
      stepShape,
    )
    return [
      ['execution', RUN(execution)],
      ['steps', array(found.map(STEP))],
    ]
  })
}

const stepShape = d.shapeOf(steps.columns)

async function auditEntries({
  connection: { run },
  userId,
  given,
}: OldRequest): Promise<OldAnswer> {
  const executionId = given('executionId')
  if (executionId === undefined)
    return listed('logs', ENTRY, await page(run, AUDIT, { userId, limit: limitOf(given) }))
  if (!isUuid(executionId)) return listed('logs', ENTRY, { rows: [] })
  const [owner] = await run(
    sql`select user_id as owner from workflow_executions where execution_id = ${executionId}::uuid`,
    { owner: d.text() },
  )
  if (owner && owner.owner !== userId) return FORBIDDEN
  const options = {
    userId,
    executionId,
    sort: ['timestamp:asc', 'createdAt:asc'] as const,
    limit: ALL,
  }
  return listed('logs', ENTRY, await page(run, AUDIT, options))
}

async function metricsOf({ connection: { run }, userId, given }: OldRequest): Promise<Members> {
  const since = timeOf('startTime', given('startTime'))
  const end = timeOf('endTime', given('endTime'))
  if (since !== undefined && end !== undefined && since > end)
    return listed('metrics', METRIC, { rows: [] })
  const filter = {
    userId,
    metricType: given('metricType'),
    aggregationPeriod: given('aggregationPeriod'),
    since,
    // `until` is exclusive, and a time of the database has microseconds.
    until: end && timeOfMicros(microsOf(end) + 1n),
  }
  return listed('metrics', METRIC, await page(run, METRICS, { ...filter, limit: limitOf(given) }))
}

async function statsOf({ connection: { run }, userId }: OldRequest): Promise<Members> {
  const stats = await getStats(run, userId)
  return [
    [
      'stats',
      object([
        ['totalExecutions', String(stats.totalExecutions)],
        ['runningExecutions', String(stats.runningExecutions)],
        ['successfulExecutions', String(stats.successfulExecutions)],
        ['failedExecutions', String(stats.failedExecutions)],
        ['totalCost', stats.totalCostExact],
        ['totalTokens', String(stats.totalTokens)],
        ['totalAuditLogs', String(stats.totalAuditLogs)],
        ['averageExecutionTime', String(stats.averageExecutionTime)],
      ]),
    ],
  ]
}

async function costByMode({ connection: { run }, userId }: OldRequest): Promise<Members> {
  const { rows } = await costBy(run, { by: 'mode', userId })
  const modes = rows.map(({ mode, cost, tokens, runs }) =>
    object([
      ['mode', JSON.stringify(mode)],
      ['totalCost', cost],
      ['totalTokens', String(tokens)],
      ['executionCount', String(runs)],
    ]),
  )
  return [['costByMode', array(modes)]]
}

async function billing({ connection, userId, given }: OldRequest): Promise<Members> {
  const billingPeriod = given('period')
  return snapshot(connection, async (run) => {
    const records = await page(run, BILLS, { userId, billingPeriod, limit: ALL })
    const summary = billingPeriod === undefined ? 'null' : await billed(run, userId, billingPeriod)
    const [list, count] = listed('records', BILL, records)
    return [list, ['summary', summary], count] as Members
  })
}

const sumShape = {
  cost: d.amount('sum.cost'),
  tokens: d.total('sum.tokens'),
  records: d.count('sum.records'),
}

async function billed(run: Run, userId: string, period: string): Promise<string> {
  const [sum] = await run(
    sql`select ${raw(d.selectList(sumShape, 'sum'))} from (
          select coalesce(sum(cost), 0) as cost, coalesce(sum(tokens_total), 0) as tokens, count(*) as records
          from billing_records where user_id = ${userId} and billing_period = ${period}) as sum`,
    sumShape,
  )
  const { cost, tokens, records } = sum as d.RowOf<typeof sumShape>
  return object([
    ['totalCost', cost],
    ['totalTokens', String(tokens)],
    ['recordCount', String(records)],
  ])
}

function limitOf(given: OldRequest['given']): number {
  const text = given('limit')
  if (text === undefined) return DEFAULT_LIMIT
  if (/^\d{1,9}$/.test(text)) return Number(text)
  throw new WfstoreError('usage', `limit is ${JSON.stringify(text)}, not a whole number`)
}

/** A time without a zone is in UTC, and a day is its first instant. */
function timeOf(name: string, text: string | undefined): string | undefined {
  if (text === undefined) return undefined
  for (const zone of ['', 'Z', 'T00:00Z']) {
    const instant = parseInstant(text + zone)
    if (typeof instant !== 'string') return instant.at
  }
  throw new WfstoreError('usage', `${name} is ${JSON.stringify(text)}, not a time`)
}
