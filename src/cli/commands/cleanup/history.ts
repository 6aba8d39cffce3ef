import type { Command } from 'commander'
import { WfstoreError } from '../../../error.ts'
import { listCleanups } from '../../../queries/cleanups.ts'
import type { Context } from '../../context.ts'
import { explain } from '../../help/page.ts'
import { addPaging, checkPage, type PagingOptions, readFilter } from '../../options/filter.ts'
import type { GlobalOptions } from '../../options/global.ts'
import { checkOutput } from '../../options/output.ts'
import { reader } from '../../options/report-filter.ts'
import { printPages } from '../../terminal/pages.ts'
import { listProgress } from '../../terminal/progress.ts'
import { historyColumns } from './columns.ts'

interface HistoryFlags extends GlobalOptions, PagingOptions {
  since?: string
  until?: string
}

export function define(cleanup: Command, context: Context): void {
  const history = cleanup.command('history').summary('List past cleanups')
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
    context.io,
  ).action(async () => {
    // commander parses the options of `cleanup` here too.
    const [foreign] = Object.keys(cleanup.opts())
    if (foreign !== undefined)
      throw new WfstoreError('usage', 'cleanup history does not support the options of cleanup', {
        hint: 'see `wfstore cleanup history --help`',
      })
    const options = history.optsWithGlobals<HistoryFlags>()
    checkPage(options)
    checkOutput(historyColumns, options)
    const { since, until } = await readFilter(options, context)
    const writer = context.writer(options)
    const run = await reader(context, options)
    await printPages(
      writer,
      {
        columns: historyColumns,
        query: (paging) => listCleanups(run, { ...paging, since, until }),
        empty: 'no cleanups',
        progress: listProgress(context.io, options),
      },
      options,
    )
  })
}
