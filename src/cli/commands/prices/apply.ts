import type { Command } from 'commander'
import { WfstoreError } from '../../../error.ts'
import { plural } from '../../../numbers.ts'
import type {
  ApplicationPlan,
  ModelApplication,
  ModelRecalculation,
  RecalculationPlan,
} from '../../../queries/prices/apply.ts'
import { checkBounds } from '../../../queries/table/filter.ts'
import type { Context } from '../../context.ts'
import { explain } from '../../help/page.ts'
import { type GlobalOptions, isData } from '../../options/global.ts'
import { checkOutput } from '../../options/output.ts'
import { parseTime } from '../../options/time.ts'
import { parseText } from '../../options/values.ts'
import type { Column } from '../../output/column.ts'
import { receipt } from '../../output/text/amount.ts'

interface ApplyFlags extends GlobalOptions {
  since: string
  until?: string
  recalculate?: boolean
  reason?: string
  dryRun?: boolean
  yes?: boolean
}

const applicationColumns: Column<ModelApplication>[] = [
  { name: 'provider', kind: 'text' },
  { name: 'modelId', header: 'MODEL', kind: 'text', isName: true },
  { name: 'steps', kind: 'count' },
  { name: 'stepsLeft', header: 'NO PRICE', kind: 'count' },
  { name: 'cost', kind: 'amount', cell: ({ steps, cost }) => (steps === 0 ? null : cost) },
]

const recalculationColumns: Column<ModelRecalculation>[] = [
  { name: 'provider', kind: 'text' },
  { name: 'modelId', header: 'MODEL', kind: 'text', isName: true },
  { name: 'runs', kind: 'count' },
  { name: 'costBefore', header: 'BEFORE', kind: 'amount' },
  { name: 'costAfter', header: 'AFTER', kind: 'amount' },
  { name: 'difference', kind: 'amount' },
]

export function define(prices: Command, context: Context): void {
  const command = prices.command('apply')
  command
    .summary('Apply prices to steps that have no price yet')
    .description('Apply the prices of their time to the steps that had no price when they ended.')
    .requiredOption(
      '--since <time>',
      'steps that ended since: 30d, 2026-11-01, RFC 3339',
      parseText,
    )
    .option('--until <time>', 'steps that ended before this time (default: now)', parseText)
    .option('--recalculate', 'correct bills whose prices were wrong, with --reason')
    .option('--reason <text>', 'reason, stored with each correction', parseText)
    .option('--dry-run', 'print what would change; change nothing')
    .option('-y, --yes', 'skip the confirmation prompt')
  explain(command, {
    about:
      'Runs and open bills get the cost; a bill that is paid or of a closed month gets a correction. --recalculate never changes what was priced: it adds corrections for the difference. It can be stopped and run again. Without a terminal it needs --yes or --dry-run.',
    examples: [
      'wfstore prices apply --since 30d --dry-run',
      'wfstore prices apply --since 2026-11-01 --recalculate \\\n    --reason "list was wrong"',
    ],
  }).action(() => run(context, command.optsWithGlobals<ApplyFlags>()))
}

async function run(context: Context, options: ApplyFlags): Promise<void> {
  const { recalculate, reason } = options
  if (recalculate && reason === undefined)
    throw new WfstoreError('usage', '--recalculate needs --reason', {
      hint: 'give the reason, which is stored with each correction',
    })
  if (!recalculate && reason !== undefined)
    throw new WfstoreError('usage', '--reason can only be used with --recalculate')
  await (recalculate ? correct(context, options, reason as string) : apply(context, options))
}

async function apply(context: Context, options: ApplyFlags): Promise<void> {
  checkOutput(applicationColumns, options)
  const { yes, dryRun } = options
  const writer = context.writer(options)
  const { prices } = await context.store(options)
  const print = once(async ({ models, total }: ApplicationPlan) => {
    await writer.list(applicationColumns, models, { empty: 'no steps without a price' })
    if (total.stepsLeft > 0)
      writer.note(
        `${plural(total.stepsLeft, 'step')} without a price; run \`wfstore prices check\``,
      )
  })
  const { outcome, plan, steps, bills, corrections } = await prices.apply({
    ...(await boundsOf(context, options)),
    dryRun,
    confirm: async (plan) => {
      if (!isData(options)) await print(plan)
      const { steps, cost } = plan.total
      const question = `Price ${plural(steps, 'step')}, ${receipt(cost)}?`
      await context.confirm(question, { yes, unattended: 'refuse' })
    },
  })
  await print(plan)
  const { total } = plan
  const words = {
    applied: `priced ${plural(steps, 'step')}, ${receipt(total.cost)}: changed ${plural(bills, 'bill')}, added ${plural(corrections, 'correction')}`,
    nothing: 'no step can be priced; nothing was changed',
    planned: `would price ${plural(total.steps, 'step')}, ${receipt(total.cost)}; nothing was changed`,
  }
  writer.note(words[outcome])
}

async function correct(context: Context, options: ApplyFlags, reason: string): Promise<void> {
  checkOutput(recalculationColumns, options)
  const { yes, dryRun } = options
  const { env } = context
  const writer = context.writer(options)
  const { prices } = await context.store(options)
  const print = once(async ({ models, correctedByHand }: RecalculationPlan) => {
    await writer.list(recalculationColumns, models, {
      empty: 'no bills differ from the price book',
    })
    if (correctedByHand > 0)
      writer.note(`left out ${plural(correctedByHand, 'run')} with a correction by hand`)
  })
  const { outcome, plan, corrections } = await prices.recalculate({
    ...(await boundsOf(context, options)),
    reason,
    by: env.USER || env.LOGNAME,
    dryRun,
    confirm: async (plan) => {
      if (!isData(options)) await print(plan)
      await context.confirm(`Correct the bills of ${said(plan)}?`, { yes, unattended: 'refuse' })
    },
  })
  await print(plan)
  const words = {
    corrected: `added ${plural(corrections, 'correction')} for ${said(plan)}`,
    nothing: 'no bill can be corrected; nothing was changed',
    planned: `would correct the bills of ${said(plan)}; nothing was changed`,
  }
  writer.note(words[outcome])
}

const said = ({ total }: RecalculationPlan): string =>
  `${plural(total.runs, 'run')} from ${receipt(total.costBefore)} to ${receipt(total.costAfter)} (${receipt(total.difference)})`

/** The plan is printed before the question, or, where nothing is asked, after the work. */
function once<Plan>(print: (plan: Plan) => Promise<void>): (plan: Plan) => Promise<void> {
  let isPrinted = false
  return async (plan) => {
    if (!isPrinted) await print(plan)
    isPrinted = true
  }
}

async function boundsOf(context: Context, options: ApplyFlags) {
  const now = await context.now(options)
  const { since, until, tz = 'UTC' } = options
  const bounds = {
    since: await parseTime('--since', since, now, tz),
    until: until === undefined ? undefined : await parseTime('--until', until, now, tz),
  }
  checkBounds(bounds)
  return { since: bounds.since.at, until: bounds.until?.at }
}
