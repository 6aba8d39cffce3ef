import type { Command } from 'commander'
import { WfstoreError } from '../../../error.ts'
import { plural } from '../../../numbers.ts'
import {
  checkPrices,
  type PriceFinding,
  type PriceFindingKind,
} from '../../../queries/prices/check.ts'
import type { Context } from '../../context.ts'
import { explain } from '../../help/page.ts'
import type { GlobalOptions } from '../../options/global.ts'
import { checkOutput } from '../../options/output.ts'
import { reader } from '../../options/report-filter.ts'
import { addSort, type SortOptions, sortOf } from '../../options/sort.ts'
import { sortRows } from '../../options/sort-rows.ts'
import { readTime } from '../../options/time.ts'
import type { Column } from '../../output/column.ts'
import { prints } from '../../output/printed.ts'
import { withProgress } from '../../terminal/progress.ts'

interface CheckFlags extends GlobalOptions, SortOptions {
  since?: string
  exitCode?: boolean
}

const columns: Column<PriceFinding>[] = [
  { name: 'finding', kind: 'text', priority: 10 },
  { name: 'modelId', header: 'MODEL', kind: 'text', isName: true, flex: { min: 16 }, priority: 10 },
  { name: 'provider', kind: 'text', flex: { min: 8 }, priority: 8 },
  { name: 'steps', kind: 'count', priority: 7 },
  { name: 'tokens', kind: 'count', priority: 6 },
  { name: 'lastUsed', kind: 'time', precision: 'minutes', priority: 5 },
  { name: 'detail', kind: 'text', value: detailOf, json: false, below: {} },
  {
    name: 'lacks',
    kind: 'json',
    value: ({ lacks }) => lacks && JSON.stringify(lacks),
    table: false,
  },
  { name: 'source', kind: 'text', table: false },
  { name: 'priceTime', kind: 'time', table: false },
  { name: 'givenCost', kind: 'amount', table: false },
  { name: 'bookCost', kind: 'amount', table: false },
  { name: 'difference', kind: 'amount', table: false },
]

export function define(prices: Command, context: Context): void {
  const check = prices.command('check')
  check
    .summary('List models without a price, old prices, and costs that differ')
    .description('List used models without a price, old prices, and costs that differ from prices.')
    .option('--since <time>', 'steps of runs that started since then', '30d')
    .option('--exit-code', 'exit with 1 for a finding')
  addSort(check, columns)
  prints(check, 'rows', columns)
  explain(check, {
    about:
      'no_price: steps have no cost yet. old_price: the price was added, or last imported, more than 90 days ago. differs: the costs that steps gave differ by more than 5 % from the price book. Removed runs are not checked.',
    examples: ['wfstore prices check --since 7d', 'wfstore prices check --exit-code -o csv'],
  }).action(() => run(context, check.optsWithGlobals<CheckFlags>()))
}

async function run(context: Context, options: CheckFlags): Promise<void> {
  checkOutput(columns, options)
  const sort = sortOf(columns, options)
  const since = await readTime('--since', options.since ?? '30d', options.tz ?? 'UTC')
  const writer = context.writer(options)
  const rows = await withProgress(context.io, async () => {
    const time = typeof since === 'function' ? since(await context.now(options)) : since
    return checkPrices(await reader(context, options), { since: time })
  })
  await writer.list(columns, sortRows(columns, sort, rows), {
    empty: 'all used models have a price; none is old, and no cost differs',
  })
  if (rows.some(({ finding }) => finding === 'no_price'))
    writer.note(
      'for steps without a price, add one with `wfstore prices set` or `import`, then run `wfstore prices apply`',
    )
  if (options.exitCode && rows.length > 0) throw new WfstoreError('failed', countsOf(rows))
}

const KINDS: Record<PriceFindingKind, (models: string) => string> = {
  no_price: (models) => `${models} without a price`,
  old_price: (models) => `${models} with an old price`,
  differs: (models) => `${models} with a cost that differs`,
}

const countsOf = (rows: readonly PriceFinding[]): string =>
  Object.entries(KINDS)
    .map(([kind, words]) => ({
      words,
      count: rows.filter(({ finding }) => finding === kind).length,
    }))
    .filter(({ count }) => count > 0)
    .map(({ words, count }) => words(plural(count, 'model')))
    .join(', ')

function detailOf({ finding, lacks, ...row }: PriceFinding): string {
  if (finding === 'no_price') return lacksOf(lacks ?? [])
  if (finding === 'old_price') {
    const day = row.priceTime?.slice(0, 10)
    return row.source === 'own'
      ? `your own price, added on ${day}`
      : `price of ${row.source}, last imported on ${day}`
  }
  const share = (Number(row.difference) / Number(row.bookCost)) * 100
  const more = Number.isFinite(share) ? ` (${share > 0 ? '+' : ''}${share.toFixed(1)}%)` : ''
  return `given $${row.givenCost}, by the price book $${row.bookCost}${more}`
}

/** What steps without a price lack, in words. */
function lacksOf(lacks: readonly string[]): string {
  const meters = lacks.filter((meter) => meter !== 'tokens' && meter !== 'request')
  const reasons = [
    ...(meters.length > 0 ? [`no price for ${meters.join(', ').replaceAll('_', ' ')}`] : []),
    ...(lacks.includes('tokens') ? ['tokens have no class, such as input or output'] : []),
    ...(lacks.includes('request') ? ['no tokens were reported'] : []),
  ]
  return reasons.length > 0 ? reasons.join('; ') : 'a price was added later'
}
