import type { Command } from 'commander'
import { WfstoreError } from '../../../error.ts'
import { SOURCES } from '../../../queries/prices/given.ts'
import { findPrices, type Price } from '../../../queries/prices/list.ts'
import type { ResolvedName } from '../../../queries/prices/names.ts'
import type { Context } from '../../context.ts'
import { explain } from '../../help/page.ts'
import { makeDefault } from '../../options/default-command.ts'
import type { GlobalOptions } from '../../options/global.ts'
import { checkOutput } from '../../options/output.ts'
import { addLimit, limitOf } from '../../options/paging.ts'
import { reader } from '../../options/report-filter.ts'
import { addSort, type SortOptions, sortOf } from '../../options/sort.ts'
import { sortRows } from '../../options/sort-rows.ts'
import { parseTime } from '../../options/time.ts'
import { listOf, listOfValues, oneOrMore } from '../../options/values.ts'
import { prints } from '../../output/printed.ts'
import { shown } from '../../terminal/pages.ts'
import { withProgress } from '../../terminal/progress.ts'
import { emptyLast, entryColumns, priceColumns } from './columns.ts'

interface ListFlags extends GlobalOptions, SortOptions {
  model?: string[]
  provider?: string[]
  source?: (typeof SOURCES)[number][]
  at?: string
  all?: boolean
  limit?: number
}

export function define(prices: Command, context: Context): void {
  const list = prices.command('list', { isDefault: true }).alias('ls')
  list
    .summary('List prices')
    .description('List the prices of models, now or at another time.')
    .option('--model <ids>', 'only the prices of these models', listOfValues())
    .option('--provider <names>', 'filter by provider', listOfValues())
    .option('--source <names>', `any of: ${SOURCES.join(',')}`, listOf(SOURCES))
    .option('--at <time>', 'prices at this time: 7d, 2026-11-01, RFC 3339 (default: now)')
    .option('--all', 'all prices that were ever added')
  addLimit(addSort(list, priceColumns))
  prints(list, 'rows', priceColumns)
  explain(list, {
    about:
      'Prices are US dollars for a million tokens, REQUEST for a request. A row with CONTEXT OVER is for calls with more input tokens. --model also lists the prices that calls with this name have.',
    examples: [
      'wfstore prices list --model gpt-5 --at 2026-10-01',
      'wfstore prices list --source own -o csv > prices.csv',
    ],
  })
  prices.usage('[options] [command]')
  makeDefault(prices, list, () => run(context, list.optsWithGlobals<ListFlags>()), {
    listed: false,
  })
}

async function run(context: Context, options: ListFlags): Promise<void> {
  const { model, provider, source, all, at } = options
  if (all && at !== undefined)
    throw new WfstoreError('usage', '--all and --at cannot be used together', {
      hint: 'remove --at: --all lists the prices of all times',
    })
  const columns = all ? entryColumns : priceColumns
  checkOutput(columns, options)
  const sort = sortOf(columns, options)
  const limit = limitOf(options, context.io)
  const writer = context.writer(options)
  const { prices, resolved, missing } = await withProgress(context.io, async () => {
    const run = await reader(context, options)
    const time = at === undefined ? undefined : await timeOf('--at', at, options, context)
    const filter = { model: oneOrMore(model), provider: oneOrMore(provider), source }
    const found = await findPrices(run, { ...filter, at: time, all })
    const missing: string[] = []
    for (const name of model ?? []) {
      const ofName = { ...filter, model: name }
      if ((await findPrices(run, { ...ofName, at: time, all })).prices.length > 0) continue
      const later = all ? [] : (await findPrices(run, { ...ofName, all: true })).prices
      missing.push(missingNote(name, later, provider !== undefined || source !== undefined))
    }
    return { ...found, missing }
  })
  const rows = sortRows<Price>(columns, sort, prices).slice(0, limit)
  const empty = [model, provider, source, at].some((filter) => filter !== undefined)
    ? 'no matching prices'
    : 'no prices; run `wfstore prices import`'
  await writer.list(emptyLast(columns, rows), rows, { empty })
  for (const note of [...missing, ...notesOf(resolved)]) writer.note(note)
  if (rows.length < prices.length)
    writer.note(`${shown(rows.length, { kind: 'exact', count: prices.length })}; use --limit all`)
}

const timeOf = async (flag: string, text: string, options: GlobalOptions, context: Context) =>
  parseTime(flag, text, await context.now(options), options.tz ?? 'UTC')

/** @param later the prices of the model that begin after the time of the list */
function missingNote(model: string, later: readonly Price[], isFiltered: boolean): string {
  const [first] = later.map(({ from }) => from).sort()
  if (first !== undefined) return `${model} has a price from ${first}; use --at or --all`
  return `${model} has no ${isFiltered ? 'matching price' : 'price'}`
}

/** Names that have the prices of another name. */
const notesOf = (resolved: readonly ResolvedName[]): string[] => [
  ...new Set(
    resolved
      .filter(({ name, model }) => name.toLowerCase() !== model.toLowerCase())
      .map(({ name, provider, model }) => `${name} has the prices of ${model} of ${provider}`),
  ),
]
