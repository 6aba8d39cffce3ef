import type { Command } from 'commander'
import type { Run } from '../../db/query/query.ts'
import { plural } from '../../numbers.ts'
import { type DayOfRuns, type ReportStats, reportStats } from '../../queries/usage/report-stats.ts'
import type { Context } from '../context.ts'
import { explain } from '../help/page.ts'
import type { FilterOptions } from '../options/filter.ts'
import { checkOutput } from '../options/output.ts'
import {
  addReportFilters,
  noteCut,
  noteUnknown,
  noteUnpriced,
  reader,
  readReportFilter,
} from '../options/report-filter.ts'
import { addStuckAfter, type StuckOptions } from '../options/stuck-after.ts'
import { addWatch, type WatchOptions } from '../options/watch.ts'
import type { Column } from '../output/column.ts'
import { prints } from '../output/printed.ts'
import { formatTime } from '../output/text/format.ts'
import { plainLocale, sparkline } from '../output/text/marks.ts'
import type { Writer } from '../output/writer.ts'
import { printOrWatch, unlessWatching } from '../terminal/print-or-watch.ts'

const ABOUT =
  'Totals and the average include removed runs; percentiles are from finished runs that are not removed. Amounts are in US dollars. Days are in --tz (default: UTC): the last 30, or since --since.'

export function define(stats: Command, context: Context): void {
  addWatch(addStuckAfter(addReportFilters(stats))).description(
    'Show totals: runs by status, success rate, cost, tokens, audit entries and durations.',
  )
  prints(stats, 'record', () => columnsFor(context, undefined))
  explain(stats, {
    about: ABOUT,
    examples: [
      'wfstore stats --user user_7 --since 30d',
      `wfstore stats --json | jq '.totalCost / .totalExecutions'`,
    ],
  }).action(async () => {
    const options = stats.optsWithGlobals<FilterOptions & StuckOptions & WatchOptions>()
    const columns = columnsFor(context, options.tz)
    checkOutput(columns, options)
    const open = async () => {
      // Reject invalid filters before connecting.
      await readReportFilter(options, context)
      return unlessWatching(context, options, () => reader(context, options))
    }
    const draw = async (writer: Writer, run: Run) => {
      const filter = await readReportFilter(options, context)
      const report = await unlessWatching(context, options, async () =>
        reportStats(run, {
          ...filter,
          timeZone: options.tz,
          now: await context.now(options),
          stuckAfterMs: options.stuckAfter?.ms,
        }),
      )
      await writer.record(columns, report)
      writer.remark(`days and times are in ${options.tz ?? 'UTC'}`)
      noteCut(writer, report.historyCut, 'run')
      noteCut(writer, report.auditHistoryCut, 'audit entry')
      noteUnknown(writer, report.historyUnknown, filter)
      noteUnpriced(writer, report.unpriced)
    }
    await printOrWatch(context, options, { open, draw })
  })
}

const unknownColumns: readonly Column<never>[] = [
  { name: 'dimension', kind: 'text' },
  { name: 'runs', kind: 'count' },
]

const dayColumns: Column<DayOfRuns>[] = [
  { name: 'day', kind: 'text' },
  { name: 'runs', kind: 'count' },
  { name: 'cost', kind: 'amount' },
]

function columnsFor({ io, env }: Context, tz: string | undefined): Column<ReportStats>[] {
  const over = ({ percentilesOver: { runs, since } }: ReportStats) => {
    const of = plural(runs, 'finished run')
    return since === null ? of : `${of} since ${formatTime(since, tz ?? 'UTC', 'minutes')}`
  }
  const average = (row: ReportStats) =>
    row.totalExecutions === row.runningExecutions ? null : row.averageExecutionTime
  const chart = (row: ReportStats) =>
    chartOf(row, io.stdout.columns ?? DEFAULT_WIDTH, plainLocale(env))
  return [
    { name: 'totalExecutions', header: 'Runs', kind: 'count' },
    { name: 'runningExecutions', header: 'Running now', kind: 'count' },
    { name: 'stuckExecutions', header: 'Stuck', kind: 'count' },
    { name: 'successfulExecutions', header: 'Successful', kind: 'count' },
    { name: 'failedExecutions', header: 'Failed', kind: 'count' },
    { name: 'partialExecutions', header: 'Partial', kind: 'count' },
    { name: 'cancelledExecutions', header: 'Cancelled', kind: 'count' },
    { name: 'successRate', kind: 'share' },
    { name: 'totalCost', kind: 'amount', value: ({ totalCostExact }) => totalCostExact },
    { name: 'totalTokens', kind: 'count' },
    { name: 'totalAuditLogs', header: 'Audit entries', kind: 'count' },
    { name: 'averageExecutionTime', header: 'Average duration', kind: 'duration', value: average },
    { name: 'p50ExecutionTime', header: 'p50 duration', kind: 'duration' },
    { name: 'p95ExecutionTime', header: 'p95 duration', kind: 'duration' },
    { name: 'p99ExecutionTime', header: 'p99 duration', kind: 'duration' },
    { name: 'percentilesOver', header: 'Percentiles of', kind: 'json', cell: over },
    {
      name: 'runsPerDay',
      kind: 'text',
      value: ({ days }) => days.map(({ runs }) => runs).join(' '),
      cell: chart,
      terminalOnly: true,
      json: false,
    },
    { name: 'firstDay', kind: 'text', table: false },
    { name: 'lastDay', kind: 'text', table: false },
    { name: 'days', kind: 'rows', columns: dayColumns as readonly Column<never>[], table: false },
    { name: 'historyCut', kind: 'count', table: false },
    { name: 'auditHistoryCut', kind: 'count', table: false },
    { name: 'historyUnknown', kind: 'rows', columns: unknownColumns, table: false },
    { name: 'unpriced', kind: 'json', table: false },
  ]
}

const DEFAULT_WIDTH = 80
/** Width of the label before the marks and of the two days after them; and of the note about days per mark. */
const LABEL_AND_DAYS = 44
const DAYS_PER_MARK = 22
const NARROWEST = 6
const DAY_MS = 86_400_000

/** A mark per day, or for several days if the terminal is too narrow. */
function chartOf({ days, firstDay, lastDay }: ReportStats, width: number, ascii: boolean): string {
  const first = Date.parse(firstDay)
  const number = (day: string) => Math.round((Date.parse(day) - first) / DAY_MS)
  const count = Math.max(number(lastDay), number(days.at(-1)?.day ?? lastDay)) + 1
  const room = width - LABEL_AND_DAYS
  const each = count <= room ? 1 : Math.ceil(count / Math.max(room - DAYS_PER_MARK, NARROWEST))
  const marks = new Array<number>(Math.ceil(count / each)).fill(0)
  for (const { day, runs } of days) {
    const place = Math.floor(number(day) / each)
    marks[place] = (marks[place] ?? 0) + runs
  }
  const span = `${firstDay} to ${lastDay}`
  return `${sparkline(marks, ascii)}  ${span}${each > 1 ? `, ${each} days per mark` : ''}`
}
