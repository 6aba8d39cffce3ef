import type { Command } from 'commander'
import {
  type ExecutionListOptions,
  idRange,
  type Page,
} from '../../../queries/executions/executions.ts'
import type { PageOptions } from '../../../queries/table/page.ts'
import type { Store } from '../../../store.ts'
import type { Context } from '../../context.ts'
import { explain } from '../../help/page.ts'
import {
  addFilters,
  addPaging,
  checkPage,
  type FilterOptions,
  type PagingOptions,
  readFilter,
} from '../../options/filter.ts'
import type { GlobalOptions } from '../../options/global.ts'
import { parseSpan, type Span } from '../../options/span.ts'
import { addWatch } from '../../options/watch.ts'
import { type Column, selectColumns } from '../../output/column.ts'
import type { Writer } from '../../output/writer.ts'
import { printPages } from '../../terminal/pages.ts'
import { listProgress, noProgress, withProgress } from '../../terminal/progress.ts'
import { executionColumns, runningColumns, showColumns } from './columns.ts'

type ListFlags = FilterOptions & PagingOptions & { watch?: number }
interface List<Row> {
  columns: Column<Row>[]
  query: (store: Store) => (options: ExecutionListOptions) => Promise<Page<Row>>
  /** Printed if there are no rows. */
  empty: string
}

export function define(executions: Command, context: Context): void {
  const list = executions
    .command('list')
    .summary('List runs, newest first')
    .description('List runs, newest first.')
  explain(addWatch(addPaging(addFilters(list, { status: true }), context.io)), {
    examples: [
      'wfstore executions list --status failed --since 24h',
      'wfstore executions list --user user_7 -o csv > runs.csv',
    ],
  }).action(() =>
    printList(list.optsWithGlobals(), context, {
      columns: executionColumns,
      query: (store) => store.executions.list,
      empty: 'no runs',
    }),
  )

  const running = executions
    .command('running')
    .summary('List unfinished runs')
    .description('List unfinished runs, longest running first.')
  addWatch(addPaging(addFilters(running, { status: false }), context.io)).option(
    '--stale <duration>',
    'only runs without a write for this long: 10m, 6h',
    parseSpan,
  )
  explain(running, {
    about: 'After 10 minutes without a write, a status is shown as "running?". See IDLE.',
    examples: [
      'wfstore executions running --watch',
      'wfstore executions running --stale 1h --workflow "Lead enrichment"',
    ],
  }).action(() => {
    const options = running.optsWithGlobals<ListFlags & { stale?: Span }>()
    return printList(options, context, {
      columns: runningColumns,
      query: (store) => (paging) =>
        store.executions.running({ ...paging, idleMs: options.stale?.ms }),
      empty: options.stale
        ? `no run without a write for ${options.stale.text}`
        : 'no unfinished runs',
    })
  })

  const show = executions
    .command('show')
    .argument('<id>', 'id of the run, or at least its first 8 characters')
  show
    .summary('Show a run with its steps and their time and cost')
    .description(
      'Show a run: times, cost, error and steps; on a terminal also a timeline of the steps.',
    )
  explain(show, {
    exit: '6 if the run is not found.',
    examples: ['wfstore executions show 0193f1c2-7a5e', 'wfstore executions show 0193f1c2 --json'],
  }).action(async (id: string) => {
    const options = show.optsWithGlobals<GlobalOptions>()
    idRange(id)
    const { io, env } = context
    const { timelineColumn } = await import('./timeline-columns.ts')
    const columns = [...showColumns, timelineColumn(io.now(), env)]
    selectColumns(columns, options.columns)
    const writer = context.writer(options)
    const store = await context.store(options)
    const run = await withProgress(io, () => store.executions.get(id))
    await writer.record(columns, run)
  })
}

async function printList<Row>(
  options: ListFlags,
  context: Context,
  list: List<Row>,
): Promise<void> {
  checkPage(options)
  selectColumns(list.columns, options.columns)
  const draw = async (writer: Writer, store: Store) => {
    const filter = await readFilter(options, context)
    const query = (paging: PageOptions) =>
      list.query(store)({ ...filter, ...paging, limit: paging.limit ?? options.limit })
    const watching = options.watch !== undefined
    const progress = watching ? noProgress : listProgress(context.io, options)
    await printPages(writer, { ...list, query, watching, progress }, options)
  }
  if (options.watch === undefined) {
    // Reject invalid filters before connecting.
    await readFilter(options, context)
    return draw(context.writer(options), await context.store(options))
  }
  const open = async () => {
    await readFilter(options, context)
    const { storeOnClient } = await import('../../../store.ts')
    return storeOnClient(await context.connect(options))
  }
  const { watch } = await import('../../terminal/watch.ts')
  await watch(context, options, { open, draw })
}
