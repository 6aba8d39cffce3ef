import type { Command } from 'commander'
import type { Run } from '../../db/query/query.ts'
import { WfstoreError } from '../../error.ts'
import { formatDuration } from '../../numbers.ts'
import { FAILURE_LIST, type Failure } from '../../queries/errors/errors.ts'
import { type FailureGroup, groupFailures } from '../../queries/errors/groups.ts'
import { findIds } from '../../queries/ids.ts'
import { removedNote } from '../../queries/usage/notes.ts'
import type { Context } from '../context.ts'
import { explain } from '../help/page.ts'
import { addList } from '../options/default-command.ts'
import { addFilters, type FilterOptions, readFilter, withWholeIds } from '../options/filter.ts'
import { checkOutput } from '../options/output.ts'
import { addPaging, limitOf, type PagingOptions, readPaging } from '../options/paging.ts'
import { reader } from '../options/report-filter.ts'
import { sortOf } from '../options/sort.ts'
import { sortRows } from '../options/sort-rows.ts'
import { addWatch, type WatchOptions } from '../options/watch.ts'
import type { Column } from '../output/column.ts'
import { prints } from '../output/printed.ts'
import { formatTime } from '../output/text/format.ts'
import type { Writer } from '../output/writer.ts'
import { printPages, shown } from '../terminal/pages.ts'
import { printOrWatch, unlessWatching } from '../terminal/print-or-watch.ts'
import { listProgress, noProgress } from '../terminal/progress.ts'

interface ErrorFlags extends FilterOptions, PagingOptions, WatchOptions {
  group?: boolean
}

const columns: Column<Failure>[] = [
  { name: 'executionId', header: 'ID', kind: 'id', isName: true, priority: 10 },
  { name: 'startTime', header: 'STARTED', kind: 'time', priority: 9 },
  { name: 'workflowName', header: 'WORKFLOW', kind: 'text', flex: { min: 12 }, priority: 8 },
  { name: 'userId', header: 'USER', kind: 'text', flex: { min: 8 }, priority: 7 },
  { name: 'status', kind: 'status', priority: 10 },
  { name: 'stepsFailed', header: 'FAILED STEPS', kind: 'count', priority: 5 },
  { name: 'toolName', header: 'TOOL', kind: 'text', flex: { min: 10 }, priority: 6 },
  { name: 'stepName', header: 'STEP', kind: 'text', flex: { min: 10 }, priority: 3 },
  { name: 'modelId', header: 'MODEL', kind: 'text', flex: { min: 10 }, priority: 2 },
  { name: 'message', kind: 'text', below: {} },
  { name: 'endTime', header: 'ENDED', kind: 'time', table: false },
  { name: 'mode', kind: 'text', table: false },
  { name: 'stepId', header: 'STEP ID', kind: 'id', table: false },
]

const groupColumns: Column<FailureGroup>[] = [
  { name: 'trend', kind: 'status', priority: 10 },
  { name: 'runs', kind: 'count', priority: 10 },
  { name: 'before', kind: 'count', priority: 9 },
  { name: 'stepsFailed', header: 'STEPS', kind: 'count', priority: 9 },
  { name: 'share', kind: 'share', priority: 4 },
  { name: 'firstTime', header: 'FIRST', kind: 'time', priority: 3 },
  { name: 'lastTime', header: 'LAST', kind: 'time', priority: 8 },
  { name: 'users', kind: 'count', priority: 7 },
  { name: 'workflows', kind: 'count', priority: 5 },
  { name: 'fingerprint', header: 'MESSAGE', kind: 'text', flex: { min: 30 }, priority: 10 },
  { name: 'example', kind: 'text', table: false },
  { name: 'workflowNames', kind: 'json', table: false },
  { name: 'exampleExecutionId', header: 'EXAMPLE ID', kind: 'id', table: false },
]

const ABOUT = '--group compares the time since --since (default: 24h) with the time before.'

export function define(errors: Command, context: Context): void {
  errors.description('List failed and partial runs, newest first. Cancelled runs are not errors.')
  addFilters(errors, {
    status: false,
    tool: 'only runs in which a step of this tool failed',
  }).option('--group', 'count errors that differ only in ids and numbers')
  addWatch(addPaging(errors, [...columns, ...groupColumns], FAILURE_LIST))
  prints(errors, 'rows', groupColumns, { flag: 'group' })
  prints(errors, 'rows', columns, { shape: FAILURE_LIST.shape })
  explain(errors, {
    about: ABOUT,
    examples: [
      'wfstore errors --since 24h --workflow "Lead enrichment"',
      'wfstore errors --group --since 7d',
    ],
  })
  const run = () => {
    const options = errors.optsWithGlobals<ErrorFlags>()
    return options.group ? printGroups(options, context) : printErrors(options, context)
  }
  errors.usage('[options]').action(run)
  addList(errors, run)
}

async function printErrors(options: ErrorFlags, context: Context): Promise<void> {
  const paging = readPaging(columns, FAILURE_LIST, options, context.io)
  const draw = async (writer: Writer, run: Run) => {
    const { status: _, ...filter } = await readFilter(options, context)
    const whole = await withWholeIds(filter, (ids) => findIds(run, 'execution', ids))
    const progress = options.watch === undefined ? listProgress(context.io, options) : noProgress
    const listed = { run, list: FAILURE_LIST, filter: whole, columns, empty: 'no errors', progress }
    await printPages(writer, listed, paging)
  }
  await printOrWatch(context, options, { open: () => openFiltered(options, context), draw })
}

/** Rejects invalid filters before it connects. */
async function openFiltered(options: ErrorFlags, context: Context): Promise<Run> {
  await readFilter(options, context)
  return unlessWatching(context, options, () => reader(context, options))
}

async function printGroups(options: ErrorFlags, context: Context): Promise<void> {
  const paging = (['cursor', 'page'] as const).find((name) => options[name] !== undefined)
  if (paging !== undefined) {
    throw new WfstoreError('usage', `--group and --${paging} cannot be used together`, {
      hint: 'use --limit all for all groups',
    })
  }
  checkOutput(groupColumns, options)
  const sort = sortOf(groupColumns, options)
  const limit = limitOf(options, context.io)
  const draw = async (writer: Writer, run: Run) => {
    const { status: _, ...filter } = await readFilter(options, context)
    const { groups, total, removedRuns, ...window } = await unlessWatching(
      context,
      options,
      async () => {
        const whole = await withWholeIds(filter, (ids) => findIds(run, 'execution', ids))
        const until = filter.until ?? (await context.now(options))
        // Sorted before it is cut.
        const most = sort.length > 0 ? Number.POSITIVE_INFINITY : limit
        return groupFailures(run, { ...whole, until, limit: most })
      },
    )
    const empty = removedRuns ? 'no errors in runs that are kept' : 'no errors'
    const rows = sortRows(groupColumns, sort, groups).slice(0, limit)
    await writer.list(groupColumns, rows, { empty })
    if (total > rows.length)
      writer.note(`${shown(rows.length, { count: total, kind: 'exact' })}; use --limit all`)
    if (rows.length > 0) writer.remark(windowsNote(window, options.tz ?? context.io.timeZone))
    if (removedRuns) writer.note(removedNote(removedRuns))
  }
  await printOrWatch(context, options, { open: () => openFiltered(options, context), draw })
}

/** The times that the columns RUNS and BEFORE count. */
function windowsNote({ since, until }: { since: string; until: string }, zone: string): string {
  const [from, to] = [new Date(since), new Date(until)]
  const [first, last] = [from, to].map((time) => formatTime(time.toISOString(), zone, 'minutes'))
  const length = formatDuration(to.getTime() - from.getTime())
  return `RUNS: ${first} to ${last}; BEFORE: the ${length} before that`
}
