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
import { tellingPages } from '../../terminal/page-progress.ts'
import { printPages } from '../../terminal/pages.ts'
import { whileCounting } from '../../terminal/waiting.ts'
import { executionColumns, runningColumns, showColumns } from './columns.ts'

type ListFlags = FilterOptions & PagingOptions & { watch?: number }
interface List<Row> {
  columns: Column<Row>[]
  query: (store: Store) => (options: ExecutionListOptions) => Promise<Page<Row>>
  /** Said where there are none. */
  empty: string
}

export function define(executions: Command, context: Context): void {
  const list = executions
    .command('list')
    .summary('the runs, newest first')
    .description('The runs, newest first.')
  explain(addWatch(addPaging(addFilters(list, { status: true }))), {
    examples: [
      'wfstore executions list --status failed --since 24h',
      'wfstore executions list --user user_7 -o csv > runs.csv',
    ],
  }).action(() =>
    printList(list.optsWithGlobals(), context, {
      columns: executionColumns,
      query: (store) => store.executions.list,
      empty: 'no executions',
    }),
  )

  const running = executions
    .command('running')
    .summary('the runs that have not finished')
    .description('The runs that have not finished, the longest-running first.')
  addWatch(addPaging(addFilters(running, { status: false }))).option(
    '--stale <span>',
    'that nothing was written to for so long: 10m, 6h',
    parseSpan,
  )
  explain(running, {
    about: 'Silent for over 10 minutes, a run is marked running?; IDLE says how long.',
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
        ? `nothing has been silent for ${options.stale.text}`
        : 'nothing is running',
    })
  })

  const show = executions
    .command('show')
    .argument('<id>', 'id of the run, or its first 8 or more characters')
  show
    .summary('one run, its steps, and where its time and money went')
    .description(
      'One run: its times, costs and error, its steps in order, and on a terminal where its time and money went.',
    )
  explain(show, {
    exit: '6 where there is no such run.',
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
    const run = await whileCounting(io, () => store.executions.get(id))
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
    const told = options.watch === undefined ? tellingPages(context.io, options, query) : query
    await printPages(
      writer,
      { ...list, query: told, watching: options.watch !== undefined },
      options,
    )
  }
  if (options.watch === undefined) {
    // What is wrong with the filters is said before anything is connected to.
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
