import type { Command } from 'commander'
import { WfstoreError } from '../../../error.ts'
import { plural } from '../../../numbers.ts'
import { type SimulatedSum, simulatePrices } from '../../../queries/prices/simulate.ts'
import { checkBounds } from '../../../queries/table/filter.ts'
import type { Context } from '../../context.ts'
import { explain } from '../../help/page.ts'
import type { GlobalOptions } from '../../options/global.ts'
import { checkOutput } from '../../options/output.ts'
import { reader } from '../../options/report-filter.ts'
import { parseTime, readTime } from '../../options/time.ts'
import { list } from '../../options/values.ts'
import type { Column } from '../../output/column.ts'
import { withProgress } from '../../terminal/progress.ts'

interface SimulateFlags extends GlobalOptions {
  model: Pair[]
  since?: string
  until?: string
  total?: boolean
}

type Pair = [model: string, other: string]

/** The total has no models. */
type Line = Partial<Record<'modelId' | 'otherModel', string>> & SimulatedSum & { total: boolean }

const columnsOf = (total: boolean): Column<Line>[] => [
  {
    ...{ name: 'modelId', header: 'MODEL', kind: 'text', isName: true, flex: { min: 16 } },
    ...{ word: (row) => (row.total ? 'total' : undefined), priority: 10 },
  },
  { name: 'otherModel', header: 'WITH', kind: 'text', flex: { min: 12 }, priority: 9 },
  { name: 'steps', kind: 'count', priority: 7 },
  { name: 'tokens', kind: 'count', priority: 3 },
  { name: 'cost', kind: 'amount', priority: 10 },
  { name: 'otherCost', header: 'WITH COST', kind: 'amount', priority: 10 },
  { name: 'difference', kind: 'amount', priority: 5 },
  { name: 'change', kind: 'share', priority: 8 },
  { name: 'notCompared', header: 'LEFT OUT', kind: 'count', priority: 9 },
  { name: 'noCost', kind: 'count', table: false },
  { name: 'noClasses', kind: 'count', table: false },
  { name: 'noPrice', kind: 'count', table: false },
  { name: 'notComparedCost', kind: 'amount', table: false },
  { name: 'total', kind: 'boolean', table: false, json: total },
]

export function define(prices: Command, context: Context): void {
  const simulate = prices.command('simulate')
  simulate
    .summary('Show what steps would have cost with another model')
    .description('Show what the steps of a model would have cost with another model.')
    .requiredOption('--model <a=b>', 'steps of model a, at the prices of b; repeatable', parsePair)
    .option('--since <time>', 'steps of runs that started since then', '30d')
    .option('--until <time>', 'steps of runs that started before')
    .option('--total', 'print the total as the last row in every format')
  explain(simulate, {
    about:
      'Takes the tokens of each step and the prices in force when it ended. Another model may use other numbers of tokens. Write provider/model for the prices of one provider. Steps that cannot be compared are counted. Nothing is changed.',
    examples: [
      'wfstore prices simulate --model gpt-4o=gpt-4o-mini --since 7d',
      'wfstore prices simulate --model gpt-4o=anthropic/claude-haiku-4-5 --json',
    ],
  }).action(() => run(context, simulate.optsWithGlobals<SimulateFlags>()))
}

async function run(context: Context, options: SimulateFlags): Promise<void> {
  const { tz = 'UTC', since = '30d', until, total = false } = options
  const columns = columnsOf(total)
  checkOutput(columns, options)
  const models = Object.fromEntries(options.model)
  // Reject invalid times before connecting.
  await readTime('--since', since, tz)
  if (until !== undefined) await readTime('--until', until, tz)
  const writer = context.writer(options)
  const found = await withProgress(context.io, async () => {
    const now = await context.now(options)
    const bounds = {
      since: await parseTime('--since', since, now, tz),
      until: until === undefined ? undefined : await parseTime('--until', until, now, tz),
    }
    checkBounds(bounds)
    return simulatePrices(await reader(context, options), { models, ...bounds })
  })
  const rows = found.models.map((row): Line => ({ ...row, total: false }))
  await writer.list(columns, rows, {
    total: { row: { ...found.total, total: true }, everywhere: total },
  })
  for (const { modelId, otherModel, ...sum } of found.models) {
    if (sum.steps + sum.notCompared === 0) writer.note(`no steps of ${modelId}`)
    if (sum.notCompared > 0) writer.note(leftOut(modelId, otherModel, sum))
  }
}

const parsePair = list<Pair>((text, previous = []) => {
  const [, model = '', other = ''] = /^([^=]*)=(.*)$/s.exec(text) ?? []
  const pair: Pair = [model.trim(), other.trim()]
  if (pair.includes(''))
    throw new WfstoreError('usage', `--model ${JSON.stringify(text)} has no two models`, {
      hint: 'use --model MODEL=OTHER, such as --model gpt-4o=gpt-4o-mini',
    })
  if (previous.some(([given]) => given === pair[0]))
    throw new WfstoreError('usage', `--model has ${pair[0]} twice`, {
      hint: 'simulate one model at a time',
    })
  return [...previous, pair]
})

/** Why steps are not in the costs. */
function leftOut(model: string, other: string, sum: SimulatedSum): string {
  const reasons: [count: number, reason: string][] = [
    [sum.noCost, 'without a cost'],
    [sum.noClasses, 'without classes of tokens'],
    [sum.noPrice, `without a price of ${other}`],
  ]
  const words = reasons.filter(([count]) => count > 0).map(([count, why]) => `${count} ${why}`)
  const is = sum.notCompared === 1 ? 'is' : 'are'
  return `${plural(sum.notCompared, 'step')} of ${model} ${is} not compared: ${words.join(', ')}; cost $${sum.notComparedCost}`
}
