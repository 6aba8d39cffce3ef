import type { Command } from 'commander'
import { BILL_LINES, type BillLineFilter } from '../../../queries/billing/bill-lines.ts'
import { findIds, rangeOf } from '../../../queries/ids.ts'
import type { Context } from '../../context.ts'
import { explain } from '../../help/page.ts'
import { addPaging, type PagingOptions, readPaging } from '../../options/paging.ts'
import { listOfValues, oneOrMore } from '../../options/values.ts'
import { prints } from '../../output/printed.ts'
import { printPages } from '../../terminal/pages.ts'
import { listProgress } from '../../terminal/progress.ts'
import { lineColumns } from './columns.ts'
import { monthOf, type PeriodOptions, parsePeriod } from './period-option.ts'

interface LinesFlags extends PeriodOptions, PagingOptions {
  model?: string[]
  unpriced?: boolean
}

export function define(billing: Command, context: Context): void {
  const lines = billing.command('lines')
  addPaging(
    lines
      .summary('List the lines of bills: model, meter and price')
      .description('List the lines of a bill, or of the bills of a period, newest first.')
      .argument('[id]', 'id of a bill, or at least its first 8 characters', (id) => {
        rangeOf('bill', id)
        return id
      })
      .option(
        '--period <month>',
        'billing period: 2026-10, this or last (default: this)',
        parsePeriod,
      )
      .option('--user <ids>', 'filter by user', listOfValues())
      .option('--model <ids>', 'filter by model', listOfValues())
      .option('--unpriced', 'only calls without a price'),
    lineColumns,
    BILL_LINES,
  )
  prints(lines, 'rows', lineColumns, { shape: BILL_LINES.shape })
  explain(lines, {
    about: 'A price is for a million tokens, or for a request. Amounts are in US dollars.',
    examples: [
      'wfstore billing lines 0193f1c2-7a5e-7c11-9d3e-2b6f0a4c8e57',
      'wfstore billing lines --period 2026-10 --unpriced',
    ],
  }).action(async (id: string | undefined) => {
    const options = lines.optsWithGlobals<LinesFlags>()
    const paging = readPaging(lineColumns, BILL_LINES, options, context.io)
    const { billing: bills, query: run } = await context.store(options)
    const isAll = id !== undefined && options.period === undefined
    const period = isAll ? undefined : await monthOf(bills, options.period)
    const [billingId] = id === undefined ? [] : await findIds(run, 'bill', [id])
    const writer = context.writer({ ...options, tz: options.tz ?? (await bills.zone()) })
    const filter: BillLineFilter = {
      billingId,
      billingPeriod: period,
      userId: oneOrMore(options.user),
      modelId: oneOrMore(options.model),
      costSource: options.unpriced ? 'unpriced' : undefined,
    }
    const empty = period === undefined ? 'no matching lines' : `no matching lines in ${period}`
    const progress = listProgress(context.io, options)
    const listed = { run, list: BILL_LINES, filter, columns: lineColumns, empty, progress }
    // The lines of one bill are together by model; a cursor continues the order of the list.
    const isOwnOrder = billingId === undefined || paging.sort !== undefined || options.page
    const sort = isOwnOrder || options.cursor ? paging.sort : ['modelId', 'provider', 'meter']
    await printPages(writer, listed, { ...paging, sort })
  })
}
