import type { Command } from 'commander'
import { type ToolUse, toolUse } from '../../queries/audit/tools.ts'
import { findIds } from '../../queries/ids.ts'
import type { Context } from '../context.ts'
import { explain } from '../help/page.ts'
import { addList } from '../options/default-command.ts'
import { addEntryFilters } from '../options/entry-filter.ts'
import { type FilterOptions, readFilter, withWholeIds } from '../options/filter.ts'
import { checkOutput } from '../options/output.ts'
import { reader } from '../options/report-filter.ts'
import { addSort, type SortOptions, sortOf } from '../options/sort.ts'
import { sortRows } from '../options/sort-rows.ts'
import type { Column } from '../output/column.ts'
import { prints } from '../output/printed.ts'
import { withProgress } from '../terminal/progress.ts'

const columns: Column<ToolUse>[] = [
  { name: 'toolName', header: 'TOOL', kind: 'text', isName: true, flex: { min: 16 }, priority: 10 },
  { name: 'calls', kind: 'count', priority: 10 },
  { name: 'failures', kind: 'count', priority: 9 },
  { name: 'successRate', header: 'SUCCESS', kind: 'share', priority: 8 },
  { name: 'p95DurationMs', header: 'P95', kind: 'duration', priority: 8 },
  { name: 'steps', kind: 'count', priority: 3 },
  { name: 'cost', kind: 'amount', priority: 7 },
  { name: 'tokens', kind: 'count', priority: 4 },
  { name: 'users', kind: 'count', priority: 5 },
]

const ABOUT =
  'Calls, failures, cost (US dollars) and tokens are from the tool_call audit entries that are not removed; P95 is from the steps of the tool.'

export function define(tools: Command, context: Context): void {
  addSort(addEntryFilters(tools, { tool: 'filter by tool' }), columns).description(
    'Show calls, failures, durations and cost of each tool.',
  )
  prints(tools, 'rows', columns)
  explain(tools, {
    about: ABOUT,
    examples: [
      'wfstore tools --since 7d',
      `wfstore tools --json | jq '.[] | select(.successRate < 0.9)'`,
    ],
  })
  const run = async () => {
    const options = tools.optsWithGlobals<FilterOptions & SortOptions>()
    checkOutput(columns, options)
    const sort = sortOf(columns, options)
    const { status: _, ...filter } = await readFilter(options, context)
    const writer = context.writer(options)
    const rows = await withProgress(context.io, async () => {
      const run = await reader(context, options)
      const find = (ids: readonly string[]) => findIds(run, 'execution', ids, { removed: true })
      return toolUse(run, await withWholeIds(filter, find))
    })
    await writer.list(columns, sortRows(columns, sort, rows), { empty: 'no tool calls' })
  }
  tools.usage('[options]').action(run)
  addList(tools, run)
}
