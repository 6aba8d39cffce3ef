import type { Command } from 'commander'
import { plural } from '../../../numbers.ts'
import type { BillingPeriod } from '../../../queries/billing/billing.ts'
import type { Context } from '../../context.ts'
import { explain } from '../../help/page.ts'
import type { GlobalOptions } from '../../options/global.ts'
import { isData } from '../../options/global.ts'
import { selectColumns } from '../../output/column.ts'
import { closeColumns, periodColumns } from './columns.ts'
import { dollars, type PeriodOptions, parsePeriod } from './period-option.ts'

interface CloseFlags extends PeriodOptions {
  period: string
  dryRun?: boolean
  yes?: boolean
}

export function define(billing: Command, context: Context): void {
  const periods = billing.command('periods')
  periods
    .summary('the months that were billed')
    .description('The months that were billed: open or closed, what they come to, what is unpaid.')
  explain(periods, {
    examples: ['wfstore billing periods', 'wfstore billing periods -o csv'],
  }).action(async () => {
    const options = periods.optsWithGlobals<GlobalOptions>()
    selectColumns(periodColumns, options.columns)
    const writer = context.writer(options)
    const rows = await (await context.store(options)).billing.periods()
    await writer.list(periodColumns, rows, { empty: 'no bills' })
    for (const { period } of rows.filter(({ differs }) => differs)) {
      writer.note(`the bills of ${period} are not those it was closed with`)
    }
  })

  const close = billing.command('close')
  close
    .summary('closes a month: nobody changes its bills any more')
    .description(
      'Closes a month: writes its totals down, and lets nobody change its bills any more.',
    )
    .requiredOption('--period <month>', 'this month, such as 2026-10', parsePeriod)
    .option('--dry-run', 'say what would be closed, and change nothing')
    .option('-y, --yes', 'do not ask on a terminal')
  explain(close, {
    about:
      'It cannot be undone. A bill that comes later goes to the open month and refers to this one; wfstore billing correct corrects what was wrong. Its bills can still be paid.',
    examples: [
      'wfstore billing close --period 2026-10 --dry-run',
      'wfstore billing close --period 2026-10 --yes',
    ],
  }).action(() => runClose(context, close.optsWithGlobals<CloseFlags>()))

  const zone = billing.command('zone').argument('[zone]', 'IANA name, such as Europe/Berlin')
  zone
    .summary('the time zone in which months begin')
    .description(
      'Says in which time zone the months of bills begin, or sets it while none is closed.',
    )
  explain(zone, {
    exit: '1 where a month is closed already and the zone would change.',
    examples: ['wfstore billing zone', 'wfstore billing zone Europe/Berlin'],
  }).action(async (name: string | undefined) => {
    const options = zone.optsWithGlobals<GlobalOptions>()
    const columns = [{ name: 'timeZone', header: 'Zone', kind: 'text' as const }]
    selectColumns(columns, options.columns)
    const writer = context.writer(options)
    const billing = (await context.store(options)).billing
    if (name !== undefined && (await billing.setZone(name)))
      writer.note(`months begin at midnight in ${name} now`)
    const timeZone = await billing.zone()
    if (isData(options)) await writer.record(columns, { timeZone })
    else await writer.text(timeZone)
  })
}

async function runClose(context: Context, options: CloseFlags): Promise<void> {
  selectColumns(closeColumns, options.columns)
  const { env } = context
  const { period: month, dryRun, yes } = options
  const writer = context.writer(options)
  const billing = (await context.store(options)).billing
  const differences = await billing.differences({ period: month })
  for (const { kind, count } of differences) {
    if (kind === 'unbilled') writer.note(`${plural(count, 'run')} without a bill`)
    if (kind === 'differs')
      writer.note(`${plural(count, 'run')} whose bills come to something else`)
  }
  const result = await billing.closePeriod({
    period: month,
    closedBy: env.USER || env.LOGNAME,
    dryRun,
    confirm: (period) =>
      context.confirm(`Close ${described(period)}? It cannot be undone.`, {
        yes,
        unattended: 'proceed',
      }),
  })
  const { outcome, period, openBefore } = result
  if (openBefore.length > 0) writer.note(`still open before it: ${openBefore.join(', ')}`)
  if (isData(options)) return writer.record(closeColumns, { ...period, outcome })
  const words = {
    closed: `closed ${described(period)}`,
    already: `closed already on ${period.closedAt}: ${described(period)}`,
    planned: `would close ${described(period)}`,
  }
  await writer.text(words[outcome])
}

const described = ({ period, timeZone, records, cost, tokensTotal }: BillingPeriod) =>
  `${period} (${timeZone}): ${plural(records, 'bill')}, ${dollars(cost)}, ${plural(tokensTotal, 'token')}`
