import type { Command } from 'commander'
import { type ToolUse, toolUse } from '../../queries/tools.ts'
import type { Context } from '../context.ts'
import { addEntryFilters } from '../entries.ts'
import { type FilterOptions, readFilter } from '../filter.ts'
import { type Column, selectColumns } from '../output/column.ts'
import { reader } from '../report.ts'

const columns: Column<ToolUse>[] = [
  { name: 'toolName', header: 'TOOL', kind: 'text', flex: { min: 16 }, priority: 10 },
  { name: 'calls', kind: 'count', priority: 10 },
  { name: 'failures', kind: 'count', priority: 9 },
  { name: 'successRate', header: 'SUCCESS', kind: 'share', priority: 8 },
  { name: 'p95DurationMs', header: 'P95', kind: 'duration', priority: 8 },
  { name: 'steps', kind: 'count', priority: 3 },
  { name: 'cost', kind: 'amount', priority: 7 },
  { name: 'tokens', kind: 'count', priority: 4 },
  { name: 'users', kind: 'count', priority: 5 },
]

const ABOUT = `
Calls, failures, cost and tokens are those of the audit entries of type tool_call, as far as they are kept. P95 is what
95 of 100 of the tool's steps took at most, over STEPS of them that have finished; a tool that only steps name has no
calls. --since and --until are of the time of a call and of the start of a step.

Examples:
  wfstore tools --since 7d
  wfstore tools --workflow "Lead enrichment" --json | jq '.[] | select(.successRate < 0.9)'`

export function define(tools: Command, context: Context): void {
  addEntryFilters(tools, { model: 'on this model', tool: 'this tool alone' })
    .description('Each tool: how often it is called and fails, how long it takes, what it costs.')
    .addHelpText('after', ABOUT)
    .action(async () => {
      const options = tools.optsWithGlobals<FilterOptions>()
      selectColumns(columns, options.columns)
      const { status: _, ...filter } = await readFilter(options, context)
      const writer = context.writer(options)
      const rows = await toolUse(await reader(context, options), filter)
      await writer.list(columns, rows, { empty: 'no tool was called' })
    })
}
