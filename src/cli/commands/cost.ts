import type { Command } from 'commander'
import type { Run } from '../../db/query/query.ts'
import {
  type CostRow,
  type CostTotal,
  costBy,
  DIMENSIONS,
  type Dimension,
  fieldOf,
} from '../../queries/usage/cost.ts'
import type { Unpriced } from '../../queries/usage/unpriced.ts'
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
import { addSort, type SortOptions, sortOf } from '../options/sort.ts'
import { sortRows } from '../options/sort-rows.ts'
import { distinctOrTags, wholeNumber } from '../options/values.ts'
import { addWatch, type WatchOptions } from '../options/watch.ts'
import type { Column } from '../output/column.ts'
import { prints } from '../output/printed.ts'
import { plainLocale } from '../output/text/marks.ts'
import type { Writer } from '../output/writer.ts'
import { printOrWatch, unlessWatching } from '../terminal/print-or-watch.ts'

interface CostFlags extends FilterOptions, SortOptions, WatchOptions {
  by?: Dimension[]
  top?: number
  total?: boolean
}

/** A row of the report. The total has no dimensions. */
type Line = Partial<CostRow> &
  CostTotal & { total: boolean; historyCut: number | null; unpriced: Unpriced | null }

const ABOUT = `Amounts are US dollars. Includes removed runs. Dates are in --tz (default: UTC).
Cost counts at the model of its step; a run counts once, at its own model.`

/** `cost`, and `cost-by-mode`, an alias of `cost --by mode`. */
export function define(command: Command, context: Context): void {
  const byMode = command.name() === 'cost-by-mode'
  if (!byMode) {
    const keys = [...DIMENSIONS, 'tag:<name>'].join(', ')
    command.requiredOption('--by <keys>', keys, distinctOrTags(DIMENSIONS))
  }
  addWatch(addSort(addReportFilters(command), columnsOf(DIMENSIONS, false, false)))
    .option('--top <n>', 'the <n> rows with the highest cost, then the rest', wholeNumber(1))
    .option('--total', 'print the total as the last row in every format')
    .action(() => printCost(command.optsWithGlobals<CostFlags>(), context))
  const dimensions = DIMENSIONS.map(fieldOf)
  prints(command, 'rows', columnsOf(DIMENSIONS, false, true), {
    sometimes: [...dimensions, 'total', 'historyCut', 'unpriced'],
  })
  explain(command, { about: ABOUT, examples: byMode ? BY_MODE : BY })
}

const BY = ['wfstore cost --by month,tag:team --tz Europe/Berlin -o csv > cost.csv']
const BY_MODE = [
  'wfstore cost-by-mode --since 30d',
  `wfstore cost-by-mode --user user_7 --json | jq 'map({(.mode): .cost}) | add'`,
]

async function printCost(options: CostFlags, context: Context): Promise<void> {
  const { by = ['mode'], top, tz: timeZone, total = false } = options
  const columns = columnsOf(by, plainLocale(context.env), total)
  checkOutput(columns, options)
  const sort = sortOf(columns, options)
  const open = async () => {
    // Reject invalid filters before connecting.
    await readReportFilter(options, context)
    return unlessWatching(context, options, () => reader(context, options))
  }
  const draw = async (writer: Writer, run: Run) => {
    const filter = await readReportFilter(options, context)
    const report = await unlessWatching(context, options, () =>
      costBy(run, { ...filter, by, timeZone, top }),
    )
    const lines = report.rows.map(
      (row): Line => ({ ...row, total: false, historyCut: null, unpriced: null }),
    )
    const rest = lines.filter(({ other }) => other)
    const rows = [
      ...sortRows(
        columns,
        sort,
        lines.filter(({ other }) => !other),
      ),
      ...rest,
    ]
    const { historyCut, unpriced } = report
    const last: Line = { ...report.total, total: true, historyCut, unpriced }
    await writer.list(columns, rows, { total: { row: last, everywhere: total }, empty: 'no runs' })
    if (report.rows.length > 0 && by.some((each) => DATES.includes(each)))
      writer.remark(`dates are in ${timeZone ?? 'UTC'}`)
    noteCut(writer, historyCut, 'run')
    noteUnknown(writer, report.historyUnknown, filter)
    noteUnpriced(writer, unpriced)
  }
  await printOrWatch(context, options, { open, draw })
}

/** On a narrow terminal, columns of low priority are left out first. */
function columnsOf(by: readonly Dimension[], ascii: boolean, total: boolean): Column<Line>[] {
  const dimensions = by.map((dimension, index): Column<Line> => {
    const word = (row: Line) => (row.total ? 'total' : row.other ? 'other' : undefined)
    return {
      name: fieldOf(dimension),
      header: dimension.toUpperCase(),
      kind: dimension === 'status' ? 'status' : 'text',
      priority: 10,
      flex: { min: 8 },
      ...(index === 0 ? { word } : {}),
      ...(by.length === 1 ? { isName: true } : {}),
    }
  })
  return [
    ...dimensions,
    { name: 'runs', kind: 'count', priority: 9 },
    { name: 'cost', kind: 'amount', priority: 10 },
    { name: 'tokens', kind: 'count', priority: 5 },
    { name: 'costPerRun', header: 'COST/RUN', kind: 'amount', priority: 6 },
    { name: 'share', kind: 'share', priority: 8 },
    { name: 'bar', kind: 'bar', value: ({ share }) => share, json: false, ascii, priority: 4 },
    { name: 'other', kind: 'boolean', value: ({ other }) => other ?? false, table: false },
    { name: 'total', kind: 'boolean', table: false, json: total },
    { name: 'historyCut', kind: 'count', table: false, json: total },
    { name: 'unpriced', kind: 'json', table: false, json: total },
  ]
}

const DATES: readonly Dimension[] = ['day', 'week', 'month']
