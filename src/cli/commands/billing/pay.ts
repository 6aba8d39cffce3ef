import type { Command } from 'commander'
import { plural } from '../../../numbers.ts'
import type { Context } from '../../context.ts'
import { explain } from '../../help/page.ts'
import type { GlobalOptions } from '../../options/global.ts'
import { isData } from '../../options/global.ts'
import { parseText } from '../../options/text.ts'
import { selectColumns } from '../../output/column.ts'
import { correctionColumns, paymentColumns } from './columns.ts'
import { dollars, type PeriodOptions, parsePeriod } from './period-option.ts'

interface PayFlags extends PeriodOptions {
  period: string
  paymentId: string
  rest?: boolean
  dryRun?: boolean
  yes?: boolean
}

interface CorrectFlags extends GlobalOptions {
  cost: string
  reason: string
  dryRun?: boolean
  yes?: boolean
}

export function define(billing: Command, context: Context): void {
  const pay = billing.command('pay')
  pay
    .summary('marks unpaid bills as paid by a payment')
    .description('Marks the unpaid bills of a month, or of a user in it, as paid by a payment.')
    .requiredOption('--period <month>', 'this month, such as 2026-10', parsePeriod)
    .requiredOption('--payment-id <id>', 'id of the payment elsewhere', parseText)
    .option('--user <id>', 'of this user alone', parseText)
    .option('--rest', 'pay what is unpaid, though another has paid some')
    .option('--dry-run', 'say what would be paid, and change nothing')
    .option('-y, --yes', 'do not ask on a terminal')
  explain(pay, {
    about: 'All or none; the same payment again changes nothing.',
    exit: '1 where another payment has paid some of the bills: see --rest.',
    examples: [
      'wfstore billing pay --period 2026-10 --user user_7 --payment-id inv_4711',
      'wfstore billing pay --period 2026-10 --payment-id sepa-2026-11 --dry-run',
    ],
  }).action(() => runPay(context, pay.optsWithGlobals<PayFlags>()))

  const correct = billing.command('correct').argument('<id>', 'id of the bill, whole')
  correct
    .summary('corrects what a bill comes to')
    .description('Corrects what a bill comes to, by a new record over the difference.')
    .requiredOption('--cost <amount>', 'what it should come to, in US dollars', parseText)
    .requiredOption('--reason <text>', 'why; kept with the record', parseText)
    .option('--dry-run', 'say what would be written, and change nothing')
    .option('-y, --yes', 'do not ask on a terminal')
  explain(correct, {
    about:
      "The record is of the bill's own month while that is open, and else of the open one, with a reference. Given again it changes nothing.",
    exit: '6 where there is no such bill.',
    examples: [
      'wfstore billing correct 0193f1c2-7a5e-7c11-9d3e-2b6f0a4c8e57 --cost 0 \\\n    --reason "ran twice"',
      'wfstore billing correct 0193f1c2-7a5e-7c11-9d3e-2b6f0a4c8e57 --cost 1.25 \\\n    --reason "list price" --dry-run',
    ],
  }).action((id: string) => runCorrect(context, correct.optsWithGlobals<CorrectFlags>(), id))
}

async function runPay(context: Context, options: PayFlags): Promise<void> {
  selectColumns(paymentColumns, options.columns)
  const { period, user, paymentId, rest, dryRun, yes } = options
  const writer = context.writer(options)
  const billing = (await context.store(options)).billing
  const result = await billing.pay({
    period,
    userId: user,
    paymentId,
    rest,
    dryRun,
    confirm: ({ records, cost, users }) =>
      context.confirm(
        `Mark ${plural(records, 'bill')} of ${plural(users, 'user')} in ${period}, ${dollars(cost)}, as paid by ${paymentId}?`,
        { yes, unattended: 'proceed' },
      ),
  })
  const { outcome, plan } = result
  if (outcome === 'already') {
    writer.note(`payment ${paymentId} has paid before; nothing was changed`)
    if (plan.records > 0)
      writer.note(
        `${plural(plan.records, 'bill')} unpaid since, ${dollars(plan.cost)}: another payment with --rest pays them`,
      )
  }
  if (isData(options)) {
    return writer.record(paymentColumns, { ...result, period, userId: user ?? null, paymentId })
  }
  const sum = `${plural(plan.records, 'bill')}, ${dollars(plan.cost)}`
  const words = {
    paid: `paid ${sum}`,
    already: `paid already ${plural(plan.alreadyRecords, 'bill')}, ${dollars(plan.alreadyCost)}`,
    nothing: 'nothing to pay',
    planned: `would pay ${sum}`,
  }
  await writer.text(words[outcome])
}

async function runCorrect(context: Context, options: CorrectFlags, id: string): Promise<void> {
  selectColumns(correctionColumns, options.columns)
  const { cost, reason, dryRun, yes } = options
  const { env } = context
  const writer = context.writer(options)
  const billing = (await context.store(options)).billing
  const result = await billing.correct({
    billingId: id,
    cost,
    reason,
    by: env.USER || env.LOGNAME,
    dryRun,
    confirm: ({ userId, costBefore, costAfter }) =>
      context.confirm(
        `Correct bill ${id} of ${userId} from ${dollars(costBefore)} to ${dollars(costAfter)}?`,
        {
          yes,
          unattended: 'proceed',
        },
      ),
  })
  if (isData(options)) return writer.record(correctionColumns, result)
  const { outcome, plan, record } = result
  const change = `${dollars(plan.costBefore)} to ${dollars(plan.costAfter)} (${dollars(plan.difference)})`
  const words = {
    corrected: `corrected ${change} by bill ${record?.billingId} in ${record?.billingPeriod}`,
    already: `bill ${id} comes to ${dollars(plan.costBefore)} already; nothing was changed`,
    planned: `would correct ${change}`,
  }
  await writer.text(words[outcome])
}
