import type { Command } from 'commander'
import { WfstoreError } from '../../error.ts'
import { plural } from '../../numbers.ts'
import { type Failure, listFailures } from '../../queries/errors/errors.ts'
import { type FailureGroup, groupFailures } from '../../queries/errors/groups.ts'
import type { Context } from '../context.ts'
import { explain } from '../help/page.ts'
import { addEntryFilters } from '../options/entry-filter.ts'
import {
  addPaging,
  checkPage,
  type FilterOptions,
  type PagingOptions,
  readFilter,
} from '../options/filter.ts'
import { reader } from '../options/report-filter.ts'
import { type Column, selectColumns } from '../output/column.ts'
import { printPages } from '../terminal/pages.ts'
import { listProgress, withProgress } from '../terminal/progress.ts'

interface ErrorFlags extends FilterOptions, PagingOptions {
  group?: boolean
}

const columns: Column<Failure>[] = [
  { name: 'id', kind: 'id', priority: 10 },
  { name: 'time', kind: 'time', precision: 'seconds', priority: 10 },
  { name: 'kind', kind: 'text', priority: 9 },
  {
    name: 'what',
    kind: 'text',
    value: (row) => row.workflowName ?? row.actionType,
    json: false,
    flex: { min: 12 },
    priority: 9,
  },
  { name: 'userId', header: 'USER', kind: 'text', flex: { min: 8 }, priority: 8 },
  { name: 'toolName', header: 'TOOL', kind: 'text', flex: { min: 10 }, priority: 6 },
  { name: 'executionId', header: 'EXECUTION', kind: 'id', priority: 5 },
  { name: 'modelId', header: 'MODEL', kind: 'text', flex: { min: 10 }, priority: 2 },
  { name: 'message', kind: 'text', below: {} },
  { name: 'status', kind: 'status', table: false },
  { name: 'workflowName', header: 'WORKFLOW', kind: 'text', table: false },
  { name: 'actionType', header: 'ACTION', kind: 'text', table: false },
  { name: 'stepId', header: 'STEP ID', kind: 'id', table: false },
  { name: 'endTime', header: 'ENDED', kind: 'time', table: false },
]

const groupColumns: Column<FailureGroup>[] = [
  { name: 'trend', kind: 'status', priority: 10 },
  { name: 'count', kind: 'count', priority: 10 },
  { name: 'before', kind: 'count', priority: 9 },
  { name: 'share', kind: 'share', priority: 9 },
  { name: 'entries', kind: 'count', priority: 3 },
  { name: 'runs', kind: 'count', priority: 3 },
  { name: 'firstTime', header: 'FIRST', kind: 'time', priority: 5 },
  { name: 'lastTime', header: 'LAST', kind: 'time', priority: 8 },
  { name: 'users', kind: 'count', priority: 7 },
  { name: 'workflows', kind: 'count', priority: 6 },
  { name: 'fingerprint', kind: 'text', below: {} },
  { name: 'example', kind: 'text', below: { mark: 'newest: ', tone: 'dim' } },
  { name: 'workflowNames', kind: 'json', table: false, below: {} },
  { name: 'exampleId', kind: 'id', table: false },
  { name: 'exampleKind', kind: 'text', table: false },
  { name: 'exampleExecutionId', kind: 'id', table: false },
]

const ABOUT =
  '--group counts messages that differ only in ids, numbers and quoted text. It compares the time since --since (default: 24h) with the time before it.'

export function define(errors: Command, context: Context): void {
  errors.description('List failed audit entries and failed or partial runs, newest first.')
  addEntryFilters(errors, {
    tool: 'filter by tool; includes runs that used it',
  }).option('--group', 'count similar messages; compare with the time before')
  addPaging(errors, context.io)
  explain(errors, {
    about: ABOUT,
    examples: [
      'wfstore errors --since 24h --workflow "Lead enrichment"',
      'wfstore errors --group --since 7d',
    ],
  }).action(() => {
    const options = errors.optsWithGlobals<ErrorFlags>()
    return options.group ? printGroups(options, context) : printErrors(options, context)
  })
}

async function printErrors(options: ErrorFlags, context: Context): Promise<void> {
  checkPage(options)
  selectColumns(columns, options.columns)
  const { status: _, ...filter } = await readFilter(options, context)
  const writer = context.writer(options)
  const run = await reader(context, options)
  const query = (paging: object) => listFailures(run, { ...filter, ...paging })
  const progress = listProgress(context.io, options)
  await printPages(writer, { columns, query, empty: 'no failures', progress }, options)
}

async function printGroups(options: ErrorFlags, context: Context): Promise<void> {
  const paging = (['cursor', 'page'] as const).find((name) => options[name] !== undefined)
  if (paging !== undefined) {
    throw new WfstoreError('usage', `--group and --${paging} cannot be used together`, {
      hint: 'use --limit all for all groups',
    })
  }
  selectColumns(groupColumns, options.columns)
  const { status: _, ...filter } = await readFilter(options, context)
  const writer = context.writer(options)
  const { groups, total } = await withProgress(context.io, async () =>
    groupFailures(await reader(context, options), {
      ...filter,
      until: filter.until ?? context.io.now(),
      limit: options.limit,
    }),
  )
  const listed = await writer.list(groupColumns, groups, { empty: 'no failures' })
  if (total > listed) writer.note(`${plural(total - listed, 'more group')}; use --limit all`)
}
