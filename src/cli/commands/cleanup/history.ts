import type { Command } from 'commander'
import { WfstoreError } from '../../../error.ts'
import { CLEANUPS } from '../../../queries/cleanups.ts'
import type { Context } from '../../context.ts'
import { explain } from '../../help/page.ts'
import { readFilter } from '../../options/filter.ts'
import type { GlobalOptions } from '../../options/global.ts'
import { addPaging, type PagingOptions, readPaging } from '../../options/paging.ts'
import { reader } from '../../options/report-filter.ts'
import { prints } from '../../output/printed.ts'
import { printPages } from '../../terminal/pages.ts'
import { listProgress } from '../../terminal/progress.ts'
import { historyColumns } from './columns.ts'

interface HistoryFlags extends GlobalOptions, PagingOptions {
  since?: string
  until?: string
}

export function define(cleanup: Command, context: Context): void {
  const history = cleanup.command('history').summary('List past cleanups')
  prints(history, 'rows', historyColumns, { shape: CLEANUPS.shape })
  explain(history, {
    about:
      'OUTCOME is done, stopped (by --max-duration or a signal), failed, interrupted (killed) or running. The counts are correct in all cases.',
    examples: ['wfstore cleanup history', 'wfstore cleanup history --since 30d -o csv'],
  })
  addPaging(
    history
      .description('List past cleanups, newest first, with what they removed and how they ended.')
      .option('--since <time>', 'start time: 24h, 7d, today, 2026-11-01, RFC 3339')
      .option('--until <time>', 'started before this time'),
    historyColumns,
    CLEANUPS,
  ).action(async () => {
    // commander parses the options of `cleanup` here too.
    const [foreign] = Object.keys(cleanup.opts())
    if (foreign !== undefined)
      throw new WfstoreError('usage', 'cleanup history does not support the options of cleanup', {
        hint: 'see `wfstore cleanup history --help`',
      })
    const options = history.optsWithGlobals<HistoryFlags>()
    const paging = readPaging(historyColumns, CLEANUPS, options, context.io)
    const { since, until } = await readFilter(options, context)
    const writer = context.writer(options)
    const run = await reader(context, options)
    const filter = { since, until }
    const progress = listProgress(context.io, options)
    const listed = { run, list: CLEANUPS, filter, columns: historyColumns, progress }
    await printPages(writer, { ...listed, empty: 'no cleanups' }, paging)
  })
}
