import type { Command } from 'commander'
import type * as d from '../../../db/query/decode.ts'
import { WfstoreError } from '../../../error.ts'
import { EXECUTIONS } from '../../../queries/executions/executions.ts'
import { runningList, STUCK_AFTER_MS, stuckLimit } from '../../../queries/executions/running.ts'
import { EXECUTIONS_WITH_CHILDREN } from '../../../queries/executions/with-children.ts'
import { rangeOf } from '../../../queries/ids.ts'
import type { ExecutionFilter } from '../../../queries/table/filter.ts'
import type { List } from '../../../queries/table/page.ts'
import type { Store } from '../../../store/types.ts'
import type { ClientStore } from '../../../store.ts'
import type { Context } from '../../context.ts'
import { explain } from '../../help/page.ts'
import { makeDefault } from '../../options/default-command.ts'
import {
  addFamilyFilters,
  addFilters,
  type FilterOptions,
  readFilter,
  withWholeIds,
} from '../../options/filter.ts'
import { type GlobalOptions, isData } from '../../options/global.ts'
import { checkOutput } from '../../options/output.ts'
import { addPaging, type PagingOptions, readPaging } from '../../options/paging.ts'
import { addStuckAfter, type StuckOptions } from '../../options/stuck-after.ts'
import { addWatch, type WatchOptions } from '../../options/watch.ts'
import type { Column } from '../../output/column.ts'
import { prints } from '../../output/printed.ts'
import type { Writer } from '../../output/writer.ts'
import { printPages } from '../../terminal/pages.ts'
import { printOrWatch } from '../../terminal/print-or-watch.ts'
import { listProgress, noProgress, withProgress } from '../../terminal/progress.ts'
import { executionColumns, runningColumns } from './columns.ts'
import { familyColumns, noteCut, noteUnpriced, TREE_ROWS, WITH_CHILDREN } from './tree-columns.ts'

type ListFlags = FilterOptions & PagingOptions & WatchOptions

interface Listing<S extends d.Shape, F extends ExecutionFilter> {
  columns: Column<d.RowOf<S>>[]
  list: List<S, F>
  /** Filters that only this list has. */
  filter: F
  /** Printed if there are no rows. */
  empty: string
  /** Printed below the rows. */
  note?: string
}

interface FamilyOptions {
  withChildren?: boolean
}

const listWithChildren = executionColumns.flatMap(
  (column): Column<d.RowOf<typeof EXECUTIONS_WITH_CHILDREN.shape>>[] =>
    column.name === 'totalCost'
      ? [column, { name: 'costWithChildren', header: 'WITH CHILDREN', kind: 'amount', priority: 8 }]
      : [column],
)

export function define(executions: Command, context: Context): void {
  const list = executions
    .command('list', { isDefault: true })
    .alias('ls')
    .summary('List runs, newest first')
    .description('List runs, newest first.')
  explain(
    addWatch(
      addPaging(
        addFamilyFilters(addFilters(list, { status: true })),
        executionColumns,
        EXECUTIONS,
      ).option('--with-children', 'add the cost with all sub-runs'),
    ),
    {
      examples: ['wfstore executions list --status failed --since 24h -o csv > failed.csv'],
    },
  )
  prints(list, 'rows', listWithChildren, {
    shape: EXECUTIONS_WITH_CHILDREN.shape,
    sometimes: ['costWithChildren'],
  })
  const runList = () => {
    const options = list.optsWithGlobals<ListFlags & FamilyOptions>()
    const shared = { filter: {}, empty: 'no runs' }
    if (!options.withChildren)
      return printList(options, context, { columns: executionColumns, list: EXECUTIONS, ...shared })
    return printList(options, context, {
      columns: listWithChildren,
      list: EXECUTIONS_WITH_CHILDREN,
      note: WITH_CHILDREN,
      ...shared,
    })
  }
  makeDefault(executions, list, runList, { listed: false })
  explain(executions, {
    about: 'Without a command it runs "wfstore executions list", with its options.',
    examples: ['wfstore executions --status failed --since today'],
  })

  const running = executions
    .command('running')
    .summary('List unfinished runs')
    .description('List unfinished runs, longest running first.')
  addWatch(
    addPaging(
      addStuckAfter(
        addFilters(running, { status: false }).option('--stuck', 'only runs that are stuck'),
      ),
      runningColumns,
      runningList(STUCK_AFTER_MS),
    ),
  )
  prints(running, 'rows', runningColumns, {
    shape: runningList(STUCK_AFTER_MS).shape,
    kinds: { lastWriteTime: 'time' },
  })
  explain(running, {
    examples: [
      'wfstore executions running --watch',
      'wfstore executions running --stuck --workflow "Lead enrichment"',
    ],
  }).action(() => {
    const options = running.optsWithGlobals<ListFlags & StuckOptions & { stuck?: true }>()
    const { stuck, stuckAfter } = options
    return printList(options, context, {
      columns: runningColumns,
      list: runningList(stuckLimit(stuckAfter?.ms)),
      filter: { stuck, stuckAfterMs: stuckAfter?.ms },
      empty: stuck
        ? `no run without a write for ${stuckAfter?.text ?? '10m'}`
        : 'no unfinished runs',
    })
  })

  const show = executions
    .command('show')
    .aliases(['get', 'describe'])
    .argument('<id...>', 'latest, or ids of runs: at least their first 8 characters')
  show
    .summary('Show runs with their steps and their time and cost')
    .description(
      'Show runs: times, cost, error and steps; on a terminal also a timeline of the steps.',
    )
  show.option('--with-children', 'also the cost with all sub-runs')
  prints(show, 'either', familyColumns({}, true), { sometimes: ['costWithChildren'] })
  explain(show, {
    about: 'JSON is an object for one run, and an array for several.',
    exit: '6 if a run is not found.',
    examples: ['wfstore executions show latest', 'wfstore executions show 0193f1c2 latest --json'],
  }).action(async (ids: string[]) => {
    const options = show.optsWithGlobals<GlobalOptions & FamilyOptions>()
    const { withChildren = false } = options
    for (const id of ids) if (id !== LATEST) rangeOf('execution', id)
    const { io, env } = context
    const { timelineColumn } = await import('./timeline-columns.ts')
    let now = io.now()
    const columns = [...familyColumns(env, withChildren), timelineColumn(() => now, env)]
    checkOutput(columns, options)
    const writer = context.writer(options)
    const store = await context.store(options)
    const [first, ...others] = await withProgress(io, () => wholeIds(store, ids))
    const limit = isData(options) || !io.stdout.isTTY ? undefined : TREE_ROWS
    const noteChildren = () => {
      if (withChildren) writer.note(WITH_CHILDREN)
    }
    const runOf = async (id: string) => {
      const run = await withProgress(io, async () => ({
        ...(await store.executions.get(id)),
        ...(await store.executions.tree(id, { limit })),
      }))
      if (run.status === 'running') now = await context.now(options)
      return run
    }
    if (others.length === 0) {
      const run = await runOf(first)
      await writer.record(columns, run)
      noteCut(writer, run)
      noteUnpriced(writer, run)
      return noteChildren()
    }
    const runs = async function* () {
      for (const id of [first, ...others]) {
        const run = await runOf(id)
        yield run
        noteCut(writer, run)
        noteUnpriced(writer, run)
      }
    }
    if (isData(options) || !io.stdout.isTTY) {
      await writer.list(columns, runs())
      return noteChildren()
    }
    let printed = 0
    for await (const run of runs()) {
      if (printed++ > 0) await writer.text('')
      await writer.record(columns, run)
    }
    noteChildren()
  })
}

const LATEST = 'latest'

/** Each run once. @throws WfstoreError usage, not_found */
async function wholeIds(store: Store, ids: readonly string[]): Promise<[string, ...string[]]> {
  const { rows } = ids.includes(LATEST) ? await store.executions.list({ limit: 1 }) : { rows: [] }
  const [newest] = rows
  if (ids.includes(LATEST) && !newest) throw new WfstoreError('not_found', 'there are no runs')
  const given = ids.map((id) => (id === LATEST && newest ? newest.executionId : id))
  return (await store.executions.findIds(given)) as [string, ...string[]]
}

async function printList<S extends d.Shape, F extends ExecutionFilter>(
  options: ListFlags,
  context: Context,
  { columns, list, filter: own, empty, note }: Listing<S, F>,
): Promise<void> {
  const paging = readPaging(columns, list, options, context.io)
  const draw = async (writer: Writer, { query: run, executions }: ClientStore) => {
    const given = await readFilter(options, context)
    const filter = { ...(await withWholeIds(given, executions.findIds)), ...own }
    if (context.io.stdout.isTTY) await context.now(options)
    const progress = options.watch === undefined ? listProgress(context.io, options) : noProgress
    await printPages(writer, { run, list, filter, columns, empty, progress }, paging)
    if (note !== undefined) writer.note(note)
  }
  const open = async () => {
    // Reject invalid filters before connecting.
    await readFilter(options, context)
    if (options.watch === undefined) return context.store(options)
    // After a lost connection the store of the command is of no use.
    const { storeOnClient } = await import('../../../store.ts')
    return storeOnClient(await context.connect(options))
  }
  await printOrWatch(context, options, { open, draw })
}
