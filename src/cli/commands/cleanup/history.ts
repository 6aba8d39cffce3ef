import type { Command } from 'commander'
import { WfstoreError } from '../../../error.ts'
import { listCleanups } from '../../../queries/cleanups.ts'
import type { Context } from '../../context.ts'
import { explain } from '../../help/page.ts'
import { addPaging, checkPage, type PagingOptions, readFilter } from '../../options/filter.ts'
import type { GlobalOptions } from '../../options/global.ts'
import { reader } from '../../options/report-filter.ts'
import { selectColumns } from '../../output/column.ts'
import { printPages } from '../../terminal/pages.ts'
import { historyColumns } from './columns.ts'

interface HistoryFlags extends GlobalOptions, PagingOptions {
  since?: string
  until?: string
}

export function define(cleanup: Command, context: Context): void {
  const history = cleanup.command('history').summary('the cleanups there were')
  explain(history, {
    about:
      'OUTCOME is done; stopped, by --max-duration or a signal; failed; interrupted, where it was killed; or running. The counts are right in each.',
    examples: ['wfstore cleanup history', 'wfstore cleanup history --since 30d -o csv'],
  })
  addPaging(
    history
      .description('The cleanups there were, the newest first: what each removed and how it ended.')
      .option('--since <time>', 'begun from, and before: 24h, 7d, 2026-11-01, RFC 3339')
      .option('--until <time>', 'begun before this time'),
  ).action(async () => {
    // Those of `cleanup` are read wherever they stand.
    const [foreign] = Object.keys(cleanup.opts())
    if (foreign !== undefined)
      throw new WfstoreError('usage', 'cleanup history takes no options of cleanup', {
        hint: 'see `wfstore cleanup history --help`',
      })
    const options = history.optsWithGlobals<HistoryFlags>()
    checkPage(options)
    selectColumns(historyColumns, options.columns)
    const { since, until } = await readFilter(options, context)
    const writer = context.writer(options)
    const run = await reader(context, options)
    await printPages(
      writer,
      {
        columns: historyColumns,
        query: (paging) => listCleanups(run, { ...paging, since, until }),
        empty: 'no cleanups',
      },
      options,
    )
  })
}
