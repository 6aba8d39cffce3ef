import * as d from '../../db/query/decode.ts'
import type { Run } from '../../db/query/query.ts'
import { empty, raw, type Sql, sql } from '../../db/query/sql.ts'
import { WfstoreError } from '../../error.ts'
import { parseInstant } from '../../instant.ts'
import { AUDIT } from '../../queries/audit/audit.ts'
import { billShape } from '../../queries/billing/bills.ts'
import { EXECUTIONS, executionShape } from '../../queries/executions/executions.ts'
import { METRICS } from '../../queries/metrics/metrics.ts'
import { microsOf, timeOfMicros } from '../../queries/table/micros.ts'
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
import { array, object, oldRow } from './json.ts'
import { ALL, type Write, writeList, writeStatement } from './lists.ts'

/** A request to `GET /api/workflow?type=…`. */
export interface OldRequest {
  connection: SiteConnection
  userId: string
  /** A parameter of the URL; an empty one is not given. */
  given: (name: string) => string | undefined
  /** Rows are written as they are read, because a list may have any number of them. */
  write: Write
}

/** Why nothing was written: the execution of another user, or none is named. */
export const FORBIDDEN = 'forbidden'
export const NO_EXECUTION_ID = 'no execution id'
export type OldRefusal = typeof FORBIDDEN | typeof NO_EXECUTION_ID

/** What the old application answered, by type, in the order in which an error lists them: the members after `success`. */
export const ANSWERS: Record<string, (request: OldRequest) => Promise<OldRefusal | undefined>> = {
  executions: async ({ connection: { run }, write, userId, given }) =>
    writeList(run, write, LISTED, { userId, limit: limitOf(given) }),
  execution: oneExecution,
  audit: auditEntries,
  errors: async ({ connection: { run }, write, userId, given }) =>
    writeList(run, write, ENTRIES, { userId, success: false, limit: limitOf(given) }),
  metrics: metricsOf,
  stats: statsOf,
  'cost-by-mode': costByMode,
  billing,
  running: async ({ connection: { run }, write, userId }) =>
    writeList(run, write, RUNNING, { userId, status: 'running', limit: ALL }),
}

const RUN = oldRow(executions)
const STEP = oldRow(steps)
const LISTED = {
  name: 'executions',
  rowOf: oldRow(executions, ['created_at', 'updated_at']),
  list: EXECUTIONS,
}
const RUNNING = { name: 'executions', rowOf: RUN, list: EXECUTIONS }
const ENTRIES = { name: 'logs', rowOf: oldRow(audit), list: AUDIT }
const METRIC_ROWS = { name: 'metrics', rowOf: oldRow(metrics), list: METRICS }
const RECORDS = { name: 'records', rowOf: oldRow(bills), shape: billShape }

const DEFAULT_LIMIT = 50

const stepShape = d.shapeOf(steps.columns)

async function oneExecution({ connection, userId, given, write }: OldRequest) {
  const executionId = given('executionId')
  if (executionId === undefined) return NO_EXECUTION_ID
  const none = () => write(',"steps":[]')
  if (!isUuid(executionId)) return none()
  return snapshot(connection, async (run) => {
    const [execution] = await run(
      sql`select ${raw(d.selectList(executionShape, 'e'))} from workflow_executions e where e.execution_id = ${executionId}::uuid`,
      executionShape,
    )
    if (!execution) return none()
    if (execution.userId !== userId) return FORBIDDEN
    const found = await run(
      sql`select ${raw(d.selectList(stepShape, 's'))} from workflow_steps s
          where s.execution_id = ${executionId}::uuid order by s.step_number, s.start_time, s.step_id`,
      stepShape,
    )
    return write(`,"execution":${RUN(execution)},"steps":${array(found.map(STEP))}`)
  })
}

async function auditEntries({ connection: { run }, userId, given, write }: OldRequest) {
  const executionId = given('executionId')
  if (executionId === undefined)
    return writeList(run, write, ENTRIES, { userId, limit: limitOf(given) })
  if (!isUuid(executionId)) return write(',"logs":[],"count":0')
  const [owned] = await run(
    sql`select user_id as owner from workflow_executions where execution_id = ${executionId}::uuid`,
    { owner: d.text() },
  )
  if (owned && owned.owner !== userId) return FORBIDDEN
  const sort = ['timestamp:asc', 'createdAt:asc']
  return writeList(run, write, ENTRIES, { userId, executionId, sort, limit: ALL })
}

async function metricsOf({ connection: { run }, userId, given, write }: OldRequest) {
  const since = timeOf('startTime', given('startTime'))
  const end = timeOf('endTime', given('endTime'))
  if (since !== undefined && end !== undefined && since > end)
    return write(',"metrics":[],"count":0')
  const filter = {
    userId,
    metricType: given('metricType'),
    aggregationPeriod: given('aggregationPeriod'),
    since,
    // `until` is exclusive, and a time of the database has microseconds.
    until: end && timeOfMicros(microsOf(end) + 1n),
  }
  return writeList(run, write, METRIC_ROWS, { ...filter, limit: limitOf(given) })
}

async function statsOf({ connection: { run }, userId, write }: OldRequest) {
  const stats = await getStats(run, userId)
  const members = object([
    ['totalExecutions', String(stats.totalExecutions)],
    ['runningExecutions', String(stats.runningExecutions)],
    ['successfulExecutions', String(stats.successfulExecutions)],
    ['failedExecutions', String(stats.failedExecutions)],
    ['totalCost', stats.totalCostExact],
    ['totalTokens', String(stats.totalTokens)],
    ['totalAuditLogs', String(stats.totalAuditLogs)],
    ['averageExecutionTime', String(stats.averageExecutionTime)],
  ])
  return write(`,"stats":${members}`)
}

async function costByMode({ connection: { run }, userId, write }: OldRequest) {
  const { rows } = await costBy(run, { by: 'mode', userId })
  const modes = rows.map(({ mode, cost, tokens, runs }) =>
    object([
      ['mode', JSON.stringify(mode)],
      ['totalCost', cost],
      ['totalTokens', String(tokens)],
      ['executionCount', String(runs)],
    ]),
  )
  return write(`,"costByMode":${array(modes)}`)
}

/** The sum is that of the bills that are listed. */
async function billing({ connection, userId, given, write }: OldRequest) {
  const period = given('period')
  return snapshot(connection, async (run) => {
    const where = sql`where b.user_id = ${userId} ${period === undefined ? empty : sql`and b.billing_period = ${period}`}`
    const count = await writeStatement(
      run,
      write,
      RECORDS,
      sql`select ${raw(d.selectList(billShape, 'b'))} from billing_records b ${where} order by b.timestamp desc, b.billing_id desc`,
    )
    const summary = period === undefined ? 'null' : await sumOf(run, where)
    return write(`,"summary":${summary},"count":${count}`)
  })
}

const sumShape = {
  cost: d.amount('sum.cost'),
  tokens: d.total('sum.tokens'),
  records: d.count('sum.records'),
}

async function sumOf(run: Run, where: Sql): Promise<string> {
  const [sum] = await run(
    sql`select ${raw(d.selectList(sumShape, 'sum'))} from (
          select coalesce(sum(cost), 0) as cost, coalesce(sum(tokens_total), 0) as tokens, count(*) as records
          from billing_records b ${where}) as sum`,
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
