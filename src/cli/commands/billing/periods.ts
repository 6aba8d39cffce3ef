import type { Command } from 'commander'
import { plural } from '../../../numbers.ts'
import type { BillingPeriod } from '../../../queries/billing/billing.ts'
import type { Context } from '../../context.ts'
import { explain } from '../../help/page.ts'
import type { GlobalOptions } from '../../options/global.ts'
import { isData } from '../../options/global.ts'
import { checkOutput } from '../../options/output.ts'
import { addSort, type SortOptions, sortOf } from '../../options/sort.ts'
import { sortRows } from '../../options/sort-rows.ts'
import { prints } from '../../output/printed.ts'
import { receipt } from '../../output/text/amount.ts'
import { formatTime } from '../../output/text/format.ts'
import { closeColumns, periodColumns } from './columns.ts'
import { monthOf, type PeriodOptions, parsePeriod } from './period-option.ts'

interface CloseFlags extends PeriodOptions {
  period: string
  allowEmpty?: boolean
  allowEarlierOpen?: boolean
  dryRun?: boolean
  yes?: boolean
}

export function define(billing: Command, context: Context): void {
  const periods = billing.command('periods')
  periods
    .summary('List billing periods')
    .description('List billing periods with their state, cost and unpaid amount.')
  prints(periods, 'rows', periodColumns)
  explain(addSort(periods, periodColumns), {
    examples: ['wfstore billing periods', 'wfstore billing periods -o csv'],
  }).action(async () => {
    const options = periods.optsWithGlobals<GlobalOptions & SortOptions>()
    checkOutput(periodColumns, options)
    const sort = sortOf(periodColumns, options)
    const rows = await (await context.store(options)).billing.periods()
    // A month and a time on one screen are in one zone.
    const writer = context.writer({ ...options, tz: options.tz ?? rows[0]?.timeZone ?? 'UTC' })
    await writer.list(periodColumns, sortRows(periodColumns, sort, rows), { empty: 'no bills' })
    for (const { period } of rows.filter(({ differs }) => differs)) {
      writer.note(`the bills of ${period} have changed since it was closed`)
    }
  })

  const close = billing.command('close')
  close
    .summary('Close a billing period; its bills can no longer change')
    .description('Close a billing period: record its totals; its bills can no longer change.')
    .requiredOption('--period <month>', 'billing period: 2026-10, this or last', parsePeriod)
    .option('--allow-empty', 'close a period without bills')
    .option('--allow-earlier-open', 'close although an earlier period is open')
    .option('--dry-run', 'print what would be closed; change nothing')
    .option('-y, --yes', 'skip the confirmation prompt')
  prints(close, 'record', closeColumns)
  explain(close, {
    about:
      'Closing cannot be undone; without a terminal it needs --yes. A later bill is added to the open period and refers to this one. To correct a bill, use "wfstore billing correct". Bills of a closed period can still be paid.',
    exit: '1 if the period has no bills, or an earlier one is open.',
    examples: [
      'wfstore billing close --period 2026-10 --dry-run',
      'wfstore billing close --period 2026-10 --yes',
    ],
  }).action(() => runClose(context, close.optsWithGlobals<CloseFlags>()))

  const zone = billing.command('zone').argument('[zone]', 'IANA name, such as Europe/Berlin')
  zone
    .summary('Show or set the time zone of billing periods')
    .description('Show or set the time zone in which billing periods begin.')
  explain(zone, {
    about: 'The time zone can be changed until the first period is closed.',
    exit: '1 if a period is closed and the time zone would change.',
    examples: ['wfstore billing zone', 'wfstore billing zone Europe/Berlin'],
  }).action(async (name: string | undefined) => {
    const options = zone.optsWithGlobals<GlobalOptions>()
    const columns = [
      { name: 'timeZone', header: 'Time zone', kind: 'text' as const, isName: true as const },
    ]
    checkOutput(columns, options)
    const writer = context.writer(options)
    const billing = (await context.store(options)).billing
    if (name !== undefined && (await billing.setZone(name)))
      writer.note(`billing periods now begin at midnight in ${name}`)
    const timeZone = await billing.zone()
    if (isData(options)) await writer.record(columns, { timeZone })
    else await writer.text(timeZone)
  })
}

async function runClose(context: Context, options: CloseFlags): Promise<void> {
  checkOutput(closeColumns, options)
  const { env } = context
  const { allowEmpty, allowEarlierOpen, dryRun, yes } = options
  const writer = context.writer(options)
  const billing = (await context.store(options)).billing
  const month = await monthOf(billing, options.period)
  const differences = await billing.differences({ period: month })
  for (const { kind, count } of differences) {
    if (kind === 'unbilled') writer.note(`${plural(count, 'run')} without a bill`)
    if (kind === 'differs')
      writer.note(`${plural(count, 'run')} with a different cost than the bill`)
  }
  const result = await billing.closePeriod({
    period: month,
    closedBy: env.USER || env.LOGNAME,
    allowEmpty,
    allowEarlierOpen,
    dryRun,
    confirm: (period) =>
      context.confirm(`Close ${described(period)}? It cannot be undone.`, {
        yes,
        unattended: 'refuse',
      }),
  })
  const { outcome, period, openBefore } = result
  if (openBefore.length > 0) writer.note(`earlier periods are still open: ${openBefore.join(', ')}`)
  if (isData(options)) return writer.record(closeColumns, { ...period, outcome })
  const words = {
    closed: `closed ${described(period)}`,
    already: `already closed on ${formatTime(period.closedAt ?? '', period.timeZone, 'minutes')}: ${described(period)}`,
    planned: `would close ${described(period)}`,
  }
  await writer.sentence(words[outcome])
}

const described = ({ period, timeZone, records, cost, tokensTotal }: BillingPeriod) =>
  `${period} (${timeZone}): ${plural(records, 'bill')}, ${receipt(cost)}, ${plural(tokensTotal, 'token')}`
