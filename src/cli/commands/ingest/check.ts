import type { Command } from 'commander'
import { WfstoreError } from '../../../error.ts'
import { findIds } from '../../../queries/ids.ts'
import {
  TRACE_FINDING_LIST,
  TRACE_FINDINGS,
  type TraceFinding,
  type TraceFindingName,
  traceFindingList,
} from '../../../queries/traces/check.ts'
import { detailOf } from '../../../queries/traces/words.ts'
import type { Context } from '../../context.ts'
import { explain } from '../../help/page.ts'
import {
  addRunFilters,
  type FilterOptions,
  readFilter,
  withWholeIds,
} from '../../options/filter.ts'
import { addPaging, type PagingOptions, readPaging } from '../../options/paging.ts'
import { reader } from '../../options/report-filter.ts'
import { listOf, listOfIds } from '../../options/values.ts'
import type { Column } from '../../output/column.ts'
import { prints } from '../../output/printed.ts'
import { printPages } from '../../terminal/pages.ts'
import { listProgress, withProgress } from '../../terminal/progress.ts'

interface CheckFlags extends FilterOptions, PagingOptions {
  finding?: TraceFindingName[]
  exitCode?: boolean
}

const columns: Column<TraceFinding>[] = [
  { name: 'executionId', header: 'ID', kind: 'id', isName: true, priority: 10 },
  { name: 'finding', kind: 'text', priority: 10 },
  { name: 'firstArrival', header: 'ARRIVED', kind: 'time', priority: 8 },
  { name: 'workflowName', header: 'WORKFLOW', kind: 'text', flex: { min: 12 }, priority: 7 },
  { name: 'userId', header: 'USER', kind: 'text', flex: { min: 8 }, priority: 5 },
  { name: 'status', kind: 'status', priority: 4 },
  { name: 'spans', kind: 'count', cell: ({ spans }) => spans || null, priority: 6 },
  { name: 'detail', kind: 'text', value: detailOf, below: {} },
  { name: 'traceId', header: 'TRACE ID', kind: 'text', value: traceIdOf, table: false },
  { name: 'spanId', header: 'SPAN ID', kind: 'text', table: false },
]

/** As other tools show it. */
function traceIdOf({ executionId }: TraceFinding): string {
  return executionId.replaceAll('-', '')
}

export function define(ingest: Command, context: Context): void {
  const check = ingest.command('check').summary('List lost calls and other problems of traces')
  check.description('List what is wrong with traces, or was left out, newest first.')
  addRunFilters(check)
    .option('--execution <ids>', 'only these runs', listOfIds('execution'))
    .option('--finding <names>', 'any of the names below', listOf(TRACE_FINDINGS))
    .option('--since <time>', 'first span arrived since: 24h, 7d, today, RFC 3339')
    .option('--until <time>', 'first span arrived before this time')
    .option('--exit-code', 'exit with 1 for a finding')
  addPaging(check, columns, TRACE_FINDING_LIST)
  prints(check, 'rows', columns, { shape: TRACE_FINDING_LIST.shape })
  explain(check, {
    about:
      'error: cannot be stored. calls_lost: an agent reports more tokens than its calls. no_root: no root span. no_usage, no_price: calls without tokens or price. sampled: traces are missing. counted_elsewhere: a call counts in another trace.',
    examples: ['wfstore ingest check --since 7d --finding calls_lost,error --exit-code'],
  })
  check.action(async () => {
    const [foreign] = Object.keys(ingest.opts())
    if (foreign !== undefined)
      throw new WfstoreError('usage', 'ingest check does not support the options of ingest', {
        hint: 'see `wfstore ingest check --help`',
      })
    await run(context, check.optsWithGlobals<CheckFlags>())
  })
}

async function run(context: Context, options: CheckFlags): Promise<void> {
  const paging = readPaging(columns, TRACE_FINDING_LIST, options, context.io)
  const { status: _, toolName: __, ...given } = await readFilter(options, context)
  const writer = context.writer(options)
  const { query, filter } = await withProgress(context.io, async () => {
    const query = await reader(context, options)
    const whole = await withWholeIds(given, (ids) => findIds(query, 'execution', ids))
    return { query, filter: { ...whole, finding: options.finding } }
  })
  const progress = listProgress(context.io, options)
  const list = traceFindingList(options.finding)
  const listed = { run: query, list, filter, columns, progress }
  const count = await printPages(writer, { ...listed, empty: 'no findings' }, paging)
  if (options.exitCode && count > 0) throw new WfstoreError('failed', 'traces have findings')
}
