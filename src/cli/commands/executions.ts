import type { Command } from 'commander'
import { idRange, type ListOptions, type Page } from '../../queries/executions.ts'
import type { PageOptions } from '../../queries/page.ts'
import type { Store } from '../../store.ts'
import { executionColumns, runningColumns, showColumns } from '../columns.ts'
import type { Context, GlobalOptions } from '../context.ts'
import {
  addFilters,
  addPaging,
  checkPage,
  type FilterOptions,
  type PagingOptions,
  readFilter,
} from '../filter.ts'
import { type Column, selectColumns } from '../output/column.ts'
import type { Writer } from '../output/writer.ts'
import { printPages } from '../pages.ts'
import { parseSpan, type Span } from '../span.ts'
import { addWatch, watch } from '../watch.ts'
import { examples } from '../words.ts'

type ListFlags = FilterOptions & PagingOptions & { watch?: number }
interface List<Row> {
  columns: Column<Row>[]
  query: (store: Store) => (options: ListOptions) => Promise<Page<Row>>
  /** Said where there are none. */
  empty: string
}

export function define(executions: Command, context: Context): void {
  const list = executions.command('list').description('The runs, newest first.')
  addWatch(addPaging(addFilters(list, { status: true })))
    .addHelpText(
      'after',
      examples(
        'wfstore executions list --status failed --since 24h',
        'wfstore executions list --user user_7 -o csv > runs.csv',
      ),
    )
    .action(() =>
      printList(list.optsWithGlobals(), context, {
        columns: executionColumns,
        query: (store) => store.executions.list,
        empty: 'no executions',
      }),
    )

  const running = executions
    .command('running')
    .description('The runs that have not finished, the longest-running first.')
  addWatch(addPaging(addFilters(running, { status: false })))
    .option('--stale <span>', 'that nothing was written to for so long: 10m, 6h', parseSpan)
    .addHelpText(
      'after',
      `
IDLE is how long ago anything was last written of a run: a step, an audit entry, a heartbeat. One that has been
silent for more than 10 minutes, after which the clients of most models give up a request, is marked running?.
${examples(
  'wfstore executions running --watch',
  'wfstore executions running --stale 1h',
  'wfstore executions running --workflow "Lead enrichment" --json',
)}`,
    )
    .action(() => {
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
    .description('One run: its times, costs and error, and its steps in order.')
    .addHelpText(
      'after',
      examples(
        'wfstore executions show 0193f1c2-7a5e',
        'wfstore executions show 0193f1c2-7a5e --json',
      ),
    )
    .action(async (id: string) => {
      const options = show.optsWithGlobals<GlobalOptions>()
      idRange(id)
      selectColumns(showColumns, options.columns)
      const writer = context.writer(options)
      const store = await context.store(options)
      await writer.record(showColumns, await store.executions.get(id))
    })
}

async function printList<Row>(
  options: ListFlags,
  context: Context,
  list: List<Row>,
): Promise<void> {
  checkPage(options)
  selectColumns(list.columns, options.columns)
  const once = async (writer: Writer) => {
    const filter = await readFilter(options, context)
    const store = await context.store(options)
    const query = (paging: PageOptions) =>
      list.query(store)({ ...filter, ...paging, limit: paging.limit ?? options.limit })
    await printPages(writer, { ...list, query, watching: options.watch !== undefined }, options)
  }
  if (options.watch === undefined) await once(context.writer(options))
  else await watch(context, options, once)
}
