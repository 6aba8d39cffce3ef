import type { Command } from 'commander'
import { plural } from '../../../numbers.ts'
import { rangeOf } from '../../../queries/ids.ts'
import type { Context } from '../../context.ts'
import { explain } from '../../help/page.ts'
import type { GlobalOptions } from '../../options/global.ts'
import { isData } from '../../options/global.ts'
import { checkOutput } from '../../options/output.ts'
import { listOfValues, oneOrMore, parseText } from '../../options/values.ts'
import { prints } from '../../output/printed.ts'
import { receipt } from '../../output/text/amount.ts'
import { correctionColumns, paymentColumns } from './columns.ts'
import { monthOf, type PeriodOptions, parsePeriod } from './period-option.ts'

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
    .summary('Mark unpaid bills as paid')
    .description('Mark the unpaid bills of a period, or of some users in it, as paid.')
    .requiredOption('--period <month>', 'billing period: 2026-10, this or last', parsePeriod)
    .requiredOption('--payment-id <id>', 'id of the payment in your payment system', parseText)
    .option('--user <ids>', 'only bills of these users', listOfValues())
    .option('--rest', 'pay the rest, if another payment has paid some bills')
    .option('--dry-run', 'print what would be paid; change nothing')
    .option('-y, --yes', 'skip the confirmation prompt')
  prints(pay, 'record', paymentColumns)
  explain(pay, {
    about:
      'Pays all of the bills or none; without a terminal it needs --yes. Repeating a payment changes nothing.',
    exit: '1 if another payment has paid some of the bills (see --rest).',
    examples: [
      'wfstore billing pay --period 2026-10 --user user_7 --payment-id inv_4711 --yes',
      'wfstore billing pay --period 2026-10 --payment-id sepa-2026-11 --dry-run',
    ],
  }).action(() => runPay(context, pay.optsWithGlobals<PayFlags>()))

  const correct = billing
    .command('correct')
    .argument('<id>', 'id of the bill, or at least its first 8 characters')
  correct
    .summary('Correct the cost of a bill')
    .description('Correct the cost of a bill. Adds a bill for the difference.')
    .requiredOption('--cost <amount>', 'correct cost of the bill in US dollars', parseText)
    .requiredOption('--reason <text>', 'reason, stored with the correction', parseText)
    .option('--dry-run', 'print the correction; change nothing')
    .option('-y, --yes', 'skip the confirmation prompt')
  prints(correct, 'record', correctionColumns)
  explain(correct, {
    about:
      'If the period of the bill is closed, the correction is added to the open period and refers to the closed one. Repeating a correction changes nothing.',
    exit: '6 if the bill is not found.',
    examples: [
      'wfstore billing correct 0193f1c2-7a5e-7c11-9d3e-2b6f0a4c8e57 --cost 0 \\\n    --reason "ran twice"',
      'wfstore billing correct 0193f1c2-7a5e-7c11-9d3e-2b6f0a4c8e57 --cost 1.25 \\\n    --reason "list price" --dry-run',
    ],
  }).action((id: string) => runCorrect(context, correct.optsWithGlobals<CorrectFlags>(), id))
}

async function runPay(context: Context, options: PayFlags): Promise<void> {
  checkOutput(paymentColumns, options)
  const { user, paymentId, rest, dryRun, yes } = options
  const writer = context.writer(options)
  const billing = (await context.store(options)).billing
  const period = await monthOf(billing, options.period)
  const result = await billing.pay({
    period,
    userId: oneOrMore(user),
    paymentId,
    rest,
    dryRun,
    confirm: ({ records, cost, users }) =>
      context.confirm(
        `Mark ${plural(records, 'bill')} of ${plural(users, 'user')} in ${period}, ${receipt(cost)}, as paid by ${paymentId}?`,
        { yes, unattended: 'refuse' },
      ),
  })
  const { outcome, plan } = result
  if (outcome === 'already') {
    writer.note(`payment ${paymentId} is already recorded; nothing was changed`)
    if (plan.records > 0)
      writer.note(
        `${plural(plan.records, 'bill')} added since then are unpaid, ${receipt(plan.cost)}; pay them with another payment id and --rest`,
      )
  }
  if (isData(options)) {
    return writer.record(paymentColumns, {
      ...result,
      period,
      userId: user?.join(',') ?? null,
      paymentId,
    })
  }
  const sum = `${plural(plan.records, 'bill')}, ${receipt(plan.cost)}`
  const words = {
    paid: `paid ${sum}`,
    already: `already paid ${plural(plan.alreadyRecords, 'bill')}, ${receipt(plan.alreadyCost)}`,
    nothing: 'no unpaid bills',
    planned: `would pay ${sum}`,
  }
  await writer.sentence(words[outcome])
}

async function runCorrect(context: Context, options: CorrectFlags, id: string): Promise<void> {
  rangeOf('bill', id)
  checkOutput(correctionColumns, options)
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
    confirm: ({ billingId, userId, costBefore, costAfter }) =>
      context.confirm(
        `Correct bill ${billingId} of ${userId} from ${receipt(costBefore)} to ${receipt(costAfter)}?`,
        {
          yes,
          unattended: 'proceed',
        },
      ),
  })
  if (isData(options)) return writer.record(correctionColumns, result)
  const { outcome, plan, record } = result
  const change = `${receipt(plan.costBefore)} to ${receipt(plan.costAfter)} (${receipt(plan.difference)})`
  const words = {
    corrected: `corrected ${change} by bill ${record?.billingId} in ${record?.billingPeriod}`,
    already: `the cost of bill ${plan.billingId} is already ${receipt(plan.costBefore)}; nothing was changed`,
    planned: `would correct ${change}`,
  }
  await writer.sentence(words[outcome])
}
