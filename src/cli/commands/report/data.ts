import type pg from 'pg'
import * as d from '../../../db/query/decode.ts'
import { query, type Run } from '../../../db/query/query.ts'
import { run as execute, rollback } from '../../../db/query/transaction.ts'
import { checkSchema } from '../../../db/schema.ts'
import { type BillingPeriod, getPeriod, getZone } from '../../../queries/billing/periods.ts'
import { countDifferences, type DifferenceCount } from '../../../queries/billing/reconcile.ts'
import { type BillingSum, summarize } from '../../../queries/billing/summary.ts'
import { type FailureGroups, groupFailures } from '../../../queries/errors/groups.ts'
import { type SlowWorkflow, slowWorkflows } from '../../../queries/executions/slow-workflows.ts'
import type { CalendarPart } from '../../../queries/usage/calendar.ts'
import { type CostReport, costBy, type Dimension } from '../../../queries/usage/cost.ts'
import type { UsageFilter } from '../../../queries/usage/filter.ts'
import { type ReportStats, reportStats } from '../../../queries/usage/report-stats.ts'
import { costSeries, type Series } from '../../../queries/usage/series.ts'
import { datesBetween, dayOf, partFor } from './dates.ts'

/** The number of models with their own colour. The others share one. */
const MODELS = 6
/** The number of rows of the other tables. */
const ROWS = 10

export interface PageQuestion {
  filter: Omit<UsageFilter, 'since' | 'until'>
  /** RFC 3339 in UTC. */
  since: string
  /** No end by default, so that a run whose clock is ahead is included, as in `cost`. */
  until: string | undefined
  timeZone: string
  now: Date
  /** (default: STUCK_AFTER_MS) */
  stuckAfterMs?: number | undefined
}

/** The data of the page, from one snapshot. Amounts are exact US dollars, durations milliseconds. */
export interface PageData extends PageQuestion {
  /** The name of the database. */
  database: string
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
  users: CostReport
  workflows: CostReport
  modes: CostReport
  slow: SlowWorkflow[]
  failures: FailureGroups
  /** The billing period in which the time of the report ends, for the given user or all users. */
  period: BillingPeriod
  bill: BillingSum
  differences: DifferenceCount[]
}

/**
 * Runs all queries of the page in one transaction, on one snapshot.
 * @throws WfstoreError usage for an invalid filter or time zone, and errors of the server
 */
export async function pageData(client: pg.Client, question: PageQuestion): Promise<PageData> {
  await checkSchema(client)
  await execute(client, 'begin isolation level repeatable read read only')
  try {
    const data = await ask((statement, shape) => query(client, statement, shape), question)
    await execute(client, 'commit')
    return data
  } catch (error) {
    await rollback(client)
    throw error
  }
}

async function ask(run: Run, question: PageQuestion): Promise<PageData> {
  const { filter, since, until, timeZone, now, stuckAfterMs } = question
  const at = now.toISOString()
  const end = until !== undefined && until < at ? until : at
  const wanted = { ...filter, since, until }
  const beforeSince = timeBefore(since, until ?? at)
  const before = { ...filter, since: beforeSince ?? since, until: since }
  const part = partFor(since, end)
  const by = (dimension: Dimension, top?: number) => costBy(run, { ...wanted, by: dimension, top })
  const series = { ...wanted, part, timeZone }
  const perModel = await costSeries(run, { ...series, by: 'model', top: MODELS })
  const perStatus = await costSeries(run, { ...series, by: 'status' })
  const found = [...new Set(perModel.points.flatMap(({ date }) => date ?? []))]
  const { status: _, ...ofFailures } = filter
  const period = await getPeriod(run, dayOf(justBefore(end), await getZone(run)).slice(0, 7))
  const scope = { period: period.period, userId: filter.userId }
  return {
    ...question,
    database: await databaseName(run),
    end,
    totals: await reportStats(run, { ...wanted, timeZone, now, stuckAfterMs }),
    beforeSince,
    before: beforeSince === null ? null : await reportStats(run, { ...before, timeZone, now }),
    part,
    dates: datesBetween(part, dayOf(since, timeZone), dayOf(justBefore(end), timeZone), found),
    perModel,
    perStatus,
    models: await by('model', MODELS),
    statuses: await by('status'),
    users: await by('user', ROWS),
    workflows: await by('workflow', ROWS),
    modes: await by('mode', ROWS),
    slow: await slowWorkflows(run, { ...wanted, limit: ROWS }),
    failures: await groupFailures(run, {
      ...ofFailures,
      since,
      until: until ?? now,
      limit: ROWS,
    }),
    period,
    bill: (await summarize(run, { ...scope, by: 'total' })).total,
    differences: await countDifferences(run, scope),
  }
}

/** Without the host, which readers of the page do not need to know. */
async function databaseName(run: Run): Promise<string> {
  const [row] = await run('select current_database() as name', { name: d.text() })
  return row?.name ?? ''
}

const justBefore = (instant: string) => new Date(Date.parse(instant) - 1).toISOString()

/** PostgreSQL has no year before 1. */
function timeBefore(since: string, until: string): string | null {
  const from = Date.parse(since)
  const begin = new Date(2 * from - Date.parse(until))
  const exists = !Number.isNaN(begin.getTime()) && begin.getUTCFullYear() >= 1
  return exists && begin.getTime() < from ? begin.toISOString() : null
}
