import type pg from 'pg'
import * as d from '../../db/query/decode.ts'
import { query, type Run } from '../../db/query/query.ts'
import { run as execute, rollback } from '../../db/query/transaction.ts'
import { checkSchema } from '../../db/schema.ts'
import {
  type BillingPeriod,
  currentMonth,
  getPeriods,
  periodNames,
} from '../../queries/billing/periods.ts'
import { type Agreement, agreements } from '../../queries/billing/reconcile.ts'
import {
  type StatementMonth,
  type Statements,
  statements,
} from '../../queries/billing/statements.ts'
import { type FailureGroups, groupFailures } from '../../queries/errors/groups.ts'
import {
  executionsWithIds,
  expensiveExecutions,
  type ListedExecution,
} from '../../queries/executions/listed.ts'
import { type SlowWorkflows, slowWorkflows } from '../../queries/executions/slow-workflows.ts'
import type { CalendarPart } from '../../queries/usage/calendar.ts'
import { type CostReport, costBy, type Dimension } from '../../queries/usage/cost.ts'
import type { UsageFilter } from '../../queries/usage/filter.ts'
import { type ReportStats, reportStats } from '../../queries/usage/report-stats.ts'
import { costSeries, type Series } from '../../queries/usage/series.ts'
import {
  type CurrentBilling,
  datesBetween,
  dayOf,
  justBefore,
  monthsOf,
  partFor,
  type ReportSpan,
  timeBefore,
} from '../markup/dates.ts'

/** The number of models with their own colour. The others share one. */
const MODELS = 6
/** The number of rows of the other tables. */
export const ROWS = 10
export const USERS = 100
/** The number of months of a time before all runs and bills. */
const MONTHS = 12

export interface PageQuestion extends ReportSpan {
  filter: Omit<UsageFilter, 'since' | 'until'>
  now: Date
  /** (default: STUCK_AFTER_MS) */
  stuckAfterMs?: number | undefined
  /** The number of rows of each table (default: ROWS; users: USERS). */
  top: number | undefined
}

/** A month that the time of the report touches. Its bills and their check are of the whole month. */
export interface PageMonth extends StatementMonth {
  period: BillingPeriod
  checks: Agreement[]
}

/** The data of the page, from one snapshot. Amounts are exact US dollars, durations milliseconds. */
export interface PageData extends PageQuestion {
  /** The name of the database. */
  database: string
  /** For a standby: the time of the last transaction that it has received, if any. */
  standby: { replayedAt: string | null } | null
  billingZone: string
  /** The end of the last bar: `until`, or now if that is earlier. */
  end: string
  totals: ReportStats
  /** Start of the time before, which has the same length and ends at `since`; null if there is none. */
  beforeSince: string | null
  before: ReportStats | null
  /** The part of the calendar that a bar of the charts covers. */
  part: CalendarPart
  dates: string[]
  perModel: Series
  perStatus: Series
  models: CostReport
  statuses: CostReport
  workflows: CostReport
  modes: CostReport
  slow: SlowWorkflows
  failures: FailureGroups
  /** The runs with the highest cost, and the newest run of each group of failures. */
  expensive: ListedExecution[]
  failed: ListedExecution[]
  /** The months that the time touches, oldest first. */
  months: PageMonth[]
  statements: Statements
  /** Periods with bills that are no months, from the old application. No report on months has them. */
  otherPeriods: string[]
}

/**
 * Runs all queries of the page in one transaction, on one snapshot.
 * @throws WfstoreError usage for an invalid filter or time zone, and errors of the server
 */
export async function pageData(
  client: pg.Client,
  question: (billing: CurrentBilling) => Promise<PageQuestion>,
): Promise<PageData> {
  await checkSchema(client)
  await execute(client, 'begin isolation level repeatable read read only')
  try {
    const run: Run = (statement, shape) => query(client, statement, shape)
    const billing = await currentMonth(run)
    const data = await ask(run, await question(billing), billing.zone)
    await execute(client, 'commit')
    return data
  } catch (error) {
    await rollback(client)
    throw error
  }
}

async function ask(run: Run, question: PageQuestion, billingZone: string): Promise<PageData> {
  const { filter, since, until, timeZone, now, top, stuckAfterMs } = question
  const end = Date.parse(until) < now.getTime() ? until : now.toISOString()
  const wanted = { ...filter, since, until }
  const beforeSince = await timeBefore(since, until, timeZone)
  const before = { ...filter, since: beforeSince ?? since, until: since }
  const part = partFor(since, end)
  const rows = top ?? ROWS
  const by = (dimension: Dimension, most?: number) =>
    costBy(run, { ...wanted, by: dimension, top: finite(most) })
  const series = { ...wanted, part, timeZone }
  const perModel = await costSeries(run, { ...series, by: 'model', top: MODELS })
  const perStatus = await costSeries(run, { ...series, by: 'status' })
  const found = [...new Set(perModel.points.flatMap(({ date }) => date ?? []))]
  const { status: _, ...ofFailures } = filter
  const failures = await groupFailures(run, { ...ofFailures, since, until, limit: rows })
  return {
    ...question,
    ...(await serverOf(run)),
    billingZone,
    end,
    totals: await reportStats(run, { ...wanted, timeZone, now, stuckAfterMs }),
    beforeSince,
    before: beforeSince === null ? null : await reportStats(run, { ...before, timeZone, now }),
    part,
    dates: datesBetween(part, dayOf(since, timeZone), dayOf(justBefore(end), timeZone), found),
    perModel,
    perStatus,
    // As many as there are colours, so that the chart and the table have the same models.
    models: await by('model', MODELS),
    statuses: await by('status'),
    workflows: await by('workflow', rows),
    modes: await by('mode', rows),
    slow: await slowWorkflows(run, { ...wanted, limit: most(rows) }),
    failures,
    expensive: await expensiveExecutions(run, { ...wanted, limit: most(rows) }),
    failed: await executionsWithIds(
      run,
      failures.groups.flatMap(({ exampleExecutionId, runs }) =>
        runs > 0 ? exampleExecutionId : [],
      ),
    ),
    ...(await billsOf(run, question, billingZone)),
  }
}

const finite = (limit: number | undefined) =>
  limit === Number.POSITIVE_INFINITY ? undefined : limit
const most = (limit: number) => Math.min(limit, Number.MAX_SAFE_INTEGER)

async function billsOf(
  run: Run,
  { filter, since, until, top = USERS }: PageQuestion,
  billingZone: string,
): Promise<Pick<PageData, 'months' | 'statements' | 'otherPeriods'>> {
  const names = await periodNames(run)
  const named = names.filter((name) => /^\d{4}-(0[1-9]|1[0-2])$/.test(name))
  const all = monthsOf(since, until, billingZone)
  // Of a very long time, the months before the first run and the first bill are left out.
  const first = [...named, ...(await firstMonth(run, billingZone))].sort()[0]
  const kept = all.filter((month) => first !== undefined && month >= first)
  const months = kept.length > 0 ? kept : all.slice(-MONTHS)
  const own = await statements(run, {
    ...filter,
    ...{ since, until, months, timeZone: billingZone, top: finite(top) },
  })
  const checks = await agreements(run, { periods: months, userId: filter.userId })
  const periods = await getPeriods(run, months)
  return {
    statements: own,
    otherPeriods: names.filter((name) => !named.includes(name)),
    months: periods.map((period) => ({
      ...(own.months.find(({ month }) => month === period.period) ?? NONE),
      month: period.period,
      period,
      checks: checks.filter((check) => check.period === period.period),
    })),
  }
}

const NONE: StatementMonth = {
  month: '',
  ...{ runs: 0, cost: '0', tokens: 0, bills: 0, billed: '0', paid: '0', unpaid: '0' },
  ...{ unpaidBills: 0, billedTokens: 0 },
}

/** The month of the first run in the billing zone, from the index on its start. */
async function firstMonth(run: Run, zone: string): Promise<string[]> {
  const [row] = await run(
    `select min(start_time) as first from workflow_executions where start_time > '-infinity'`,
    { first: d.nullable(d.time()) },
  )
  return row?.first ? [dayOf(row.first, zone).slice(0, 7)] : []
}

/** The database without its host, which readers of the page do not need to know, and whether it lags behind. */
async function serverOf(run: Run): Promise<Pick<PageData, 'database' | 'standby'>> {
  const [row] = await run(
    `select current_database() as database, pg_is_in_recovery() as standby, pg_last_xact_replay_timestamp() as replayed_at`,
    { database: d.text(), standby: d.boolean(), replayedAt: d.nullable(d.time()) },
  )
  return {
    database: row?.database ?? '',
    standby: row?.standby ? { replayedAt: row.replayedAt } : null,
  }
}
