import type { Command } from 'commander'
import { BILLS, type BillFilter } from '../../../queries/billing/bills.ts'
import type { Context } from '../../context.ts'
import { explain } from '../../help/page.ts'
import { withWholeIds } from '../../options/filter.ts'
import { addPaging, type PagingOptions, readPaging } from '../../options/paging.ts'
import { type TagOption, tagOption, tagsOf } from '../../options/tag.ts'
import { listOfIds, listOfValues, oneOrMore } from '../../options/values.ts'
import { prints } from '../../output/printed.ts'
import { printPages } from '../../terminal/pages.ts'
import { listProgress } from '../../terminal/progress.ts'
import { recordColumns } from './columns.ts'
import { monthOf, type PeriodOptions, parsePeriod } from './period-option.ts'

interface RecordsFlags extends PeriodOptions, PagingOptions {
  paid?: boolean
  unpaid?: boolean
  model?: string[]
  execution?: string[]
  tag?: TagOption[]
}

export function define(billing: Command, context: Context): void {
  const records = billing.command('records').aliases(['list', 'ls'])
  addPaging(
    records
      .summary('List the bills of a period')
      .description('List the bills of a period, newest first. Amounts are in US dollars.')
      .option(
        '--period <month>',
        'billing period: 2026-10, this or last (default: this)',
        parsePeriod,
      )
      .option('--user <ids>', 'filter by user', listOfValues())
      .option('--model <ids>', 'filter by model', listOfValues())
      .option('--execution <ids>', 'only bills of these runs', listOfIds('execution'))
      .option(...tagOption)
      .option('--paid', 'only paid bills')
      .option('--unpaid', 'only unpaid bills'),
    recordColumns,
    BILLS,
  )
  prints(records, 'rows', recordColumns, { shape: BILLS.shape })
  explain(records, {
    examples: [
      'wfstore billing records --period 2026-10 --unpaid',
      'wfstore billing records --user user_7 -o csv > user_7.csv',
    ],
  }).action(async () => {
    const options = records.optsWithGlobals<RecordsFlags>()
    const paging = readPaging(recordColumns, BILLS, options, context.io)
    const { billing: bills, executions, query: run } = await context.store(options)
    const period = await monthOf(bills, options.period)
    // The period and the times of its bills are in one zone.
    const writer = context.writer({ ...options, tz: options.tz ?? (await bills.zone()) })
    const filter: BillFilter = await withWholeIds(
      {
        billingPeriod: period,
        userId: oneOrMore(options.user),
        modelId: oneOrMore(options.model),
        paid: options.paid === options.unpaid ? undefined : options.paid === true,
        executionId: oneOrMore(options.execution),
        tags: tagsOf(options.tag),
      },
      (ids) => executions.findIds(ids, { removed: true }),
    )
    const empty = `no matching bills in ${period}`
    const progress = listProgress(context.io, options)
    const listed = { run, list: BILLS, filter, columns: recordColumns, empty, progress }
    await printPages(writer, listed, paging)
  })
}
