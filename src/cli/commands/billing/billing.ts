import { type Command, InvalidArgumentError, Option } from 'commander'
import { WfstoreError } from '../../../error.ts'
import { plural } from '../../../numbers.ts'
import type {
  BillDifference,
  Billing,
  BillingPeriod,
  BillingScope,
  DifferenceCount,
  DifferenceKind,
  SummaryKey,
  UnpricedBills,
} from '../../../queries/billing/billing.ts'
import { SUMMARY_KEYS } from '../../../queries/billing/summary.ts'
import type { Context } from '../../context.ts'
import { explain } from '../../help/page.ts'
import { makeDefault } from '../../options/default-command.ts'
import { isData } from '../../options/global.ts'
import { checkOutput } from '../../options/output.ts'
import { addSort, type SortOptions, sortOf } from '../../options/sort.ts'
import { sortRows } from '../../options/sort-rows.ts'
import { distinctOrTags, list, listOfValues, oneOrMore, parseText } from '../../options/values.ts'
import { prints } from '../../output/printed.ts'
import { roundedDollars } from '../../output/text/amount.ts'
import { formatTime } from '../../output/text/format.ts'
import type { Writer } from '../../output/writer.ts'
import { listProgress, showRows, withProgress } from '../../terminal/progress.ts'
import { differenceColumns, focusColumns, summaryColumns } from './columns.ts'
import { monthOf, type PeriodOptions, parsePeriod } from './period-option.ts'

interface ReportFlags extends Omit<PeriodOptions, 'output'>, SortOptions {
  output?: PeriodOptions['output'] | 'focus'
  by?: SummaryKey[]
  reconcile?: boolean
  exitCode?: boolean
  provider?: string
}

export function define(billing: Command, context: Context): void {
  const report = billing.command('report', { isDefault: true, hidden: true })
  report
    .option(
      '--period <month>',
      'billing period: 2026-10, this or last (default: this)',
      parsePeriod,
    )
    .option('--user <ids>', 'filter by user', listOfValues())
    .option('--by <keys>', 'user, model, provider, meter, day, tag:<name> or total', parseKeys)
    .option('--reconcile', 'list bills that differ from runs; with --exit-code exit 1')
    // Named in the line above: the page has 24 lines.
    .addOption(new Option('--exit-code', 'exit with 1 for an unbilled or different run').hideHelp())
    // An example shows it.
    .addOption(
      new Option('--provider <name>', 'provider in -o focus').argParser(parseText).hideHelp(),
    )
  addSort(report, summaryColumns(['user']))
  prints(report, 'rows', differenceColumns, { flag: 'reconcile' })
  prints(report, 'rows', summaryColumns(SUMMARY_KEYS), { sometimes: SUMMARY_KEYS })
  // The help page has no line left; an example shows it.
  for (const option of report.options) if (option.long === '--sort') option.hideHelp()
  billing.usage('[options] [command]')
  makeDefault(billing, report, () => printReport(context, report.optsWithGlobals<ReportFlags>()))
  explain(billing, {
    examples: [
      'wfstore billing --period last --by model --sort cost:desc',
      'wfstore billing --period 2026-10 -o focus --provider Acme > focus.csv',
    ],
  })
}

const keysOf = distinctOrTags(SUMMARY_KEYS)

const parseKeys = list<SummaryKey>((text, previous) => {
  const keys = keysOf(text, previous)
  if (keys.includes('total') && keys.length > 1)
    throw new InvalidArgumentError('total cannot be combined with another key')
  return keys
})

async function printReport(context: Context, flags: ReportFlags): Promise<void> {
  const { output, ...rest } = flags
  const { by = ['user'], provider, user } = flags
  const userId = oneOrMore(user)
  checkCombination(flags)
  if (output === 'focus') {
    checkOutput(focusColumns, flags)
    const writer = context.writer({ ...rest, output: 'csv' })
    const billing = (await context.store(rest)).billing
    const period = await monthOf(billing, flags.period)
    const progress = listProgress(context.io, { ...rest, output: 'csv' })
    const charges = billing.focus({ period, userId, provider })
    await showRows(progress, charges, (rows) => writer.list(focusColumns, rows))
    noteUnpriced(writer, (await billing.summary({ period, userId, by: 'total' })).unpriced)
    return
  }
  const options = output === undefined ? rest : { ...rest, output }
  const columns = summaryColumns(by)
  if (flags.reconcile) checkOutput(differenceColumns, flags)
  else checkOutput(columns, flags)
  const sortDifferences = flags.reconcile ? sortOf(differenceColumns, flags) : []
  const sort = flags.reconcile ? [] : sortOf(columns, flags)
  const writer = context.writer(options)
  const billing = (await context.store(options)).billing
  const period = await billing.period(flags.period && (await monthOf(billing, flags.period)))
  const scope = { period: period.period, userId }
  if (flags.reconcile) {
    const rows = await withProgress(context.io, () => billing.reconcile(scope))
    await writer.list(differenceColumns, sortRows(differenceColumns, sortDifferences, rows), {
      empty: NO_DIFFERENCE,
    })
    if (flags.exitCode) assertBilled(rows)
    return
  }
  const summary = await withProgress(context.io, () => billing.summary({ ...scope, by }))
  const { rows: sums, total, unpriced } = summary
  const rows = sortRows(columns, sort, sums)
  const onTerminal = context.io.stdout.isTTY === true && !isData(options)
  if (onTerminal) writer.note(titleOf(period, user))
  const shown = onTerminal && rows.length > 0 && !by.includes('total') ? [...rows, total] : rows
  await writer.list(summaryColumns(by, total), shown, { empty: `no bills in ${period.period}` })
  await noteDifferences(writer, billing, scope)
  noteUnpriced(writer, unpriced)
  if (period.differs) {
    writer.note(
      `the bills of ${period.period} have changed since it was closed; see \`wfstore billing periods\``,
    )
  }
}

/** Says what the sums do not contain: a call without a price is not free. */
function noteUnpriced(writer: Writer, { bills, models, tokens }: UnpricedBills): void {
  if (bills === 0) return
  const subject = `${plural(bills, 'bill')} of ${plural(models, 'model')} ${bills === 1 ? 'has' : 'have'}`
  writer.note(
    `${subject} calls without a price (${plural(tokens, 'token')}), which are not in the cost; run \`wfstore prices check\``,
  )
}

/** Options that only one of the outputs has. @throws WfstoreError usage */
function checkCombination({ output, json, by, reconcile, exitCode, sort, provider }: ReportFlags) {
  const isFocus = output === 'focus'
  const rules: [given: boolean, problem: string, hint: string][] = [
    [exitCode === true && !reconcile, '--exit-code requires --reconcile', 'add --reconcile'],
    [
      isFocus && (json || reconcile || by || sort) !== undefined,
      '--output focus cannot be used with --json, --reconcile, --by or --sort',
      'remove --json, --reconcile, --by and --sort',
    ],
    [
      reconcile === true && by !== undefined,
      '--reconcile cannot be used with --by',
      'remove --by: --reconcile lists bills and runs',
    ],
    [!isFocus && provider !== undefined, '--provider requires --output focus', 'add -o focus'],
  ]
  const broken = rules.find(([given]) => given)
  if (broken) throw new WfstoreError('usage', broken[1], { hint: broken[2] })
}

function titleOf(
  { period, timeZone, state, closedAt }: BillingPeriod,
  users: readonly string[] = [],
): string {
  const since =
    closedAt === null ? '' : ` ${formatTime(closedAt, timeZone, 'minutes').slice(0, 10)}`
  return `${[`bills of ${period}`, ...users].join(', ')} (${timeZone}), ${state}${since}`
}

/** The differences that are faults. @throws WfstoreError failed if there is one */
function assertBilled(rows: readonly BillDifference[]): void {
  const found = (['unbilled', 'differs'] as const).flatMap((wanted) => {
    const count = rows.filter(({ kind }) => kind === wanted).length
    return count > 0 ? [DIFFERENCES[wanted](count)] : []
  })
  if (found.length > 0) throw new WfstoreError('failed', found.join(', '))
}

const NO_DIFFERENCE = 'all bills match their runs'

const DIFFERENCES: Record<DifferenceKind, (count: number) => string> = {
  unbilled: (count) => `${plural(count, 'run')} without a bill`,
  differs: (count) => `${plural(count, 'run')} with a different cost than the bill`,
  no_run: (count) => `${plural(count, 'bill')} without a run id`,
  run_gone: (count) => `${plural(count, 'bill')} of removed runs`,
  corrected: (count) => `${plural(count, 'run')} with a corrected bill`,
}

/** Prints one line that counts what --reconcile lists. */
async function noteDifferences(writer: Writer, billing: Billing, scope: BillingScope) {
  writer.note(reconcileLine(await billing.differences(scope)))
}

function reconcileLine(counts: readonly DifferenceCount[]): string {
  if (counts.length === 0) return NO_DIFFERENCE
  const parts = counts.map(({ kind, count, costDifference }) => {
    const amount = kind === 'no_run' || kind === 'run_gone' ? null : costDifference
    return `${DIFFERENCES[kind](count)}${amount === null ? '' : ` (${roundedDollars(amount)})`}`
  })
  return `${parts.join(', ')}; use --reconcile to list them`
}
