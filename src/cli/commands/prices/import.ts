import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { text } from 'node:stream/consumers'
import type { Command } from 'commander'
import { WfstoreError } from '../../../error.ts'
import { formatNumber, plural } from '../../../numbers.ts'
import type { NewPrice } from '../../../queries/prices/given.ts'
import type { PriceImport } from '../../../queries/prices/import.ts'
import type { Prices } from '../../../queries/prices/prices.ts'
import type { Context } from '../../context.ts'
import { explain } from '../../help/page.ts'
import { type GlobalOptions, isData } from '../../options/global.ts'
import { checkOutput } from '../../options/output.ts'
import { parseText } from '../../options/values.ts'
import { withProgress } from '../../terminal/progress.ts'
import { importColumns } from './columns.ts'
import { hadPrice, pastNote } from './past.ts'

interface ImportFlags extends GlobalOptions {
  author?: string
}

export function define(prices: Command, context: Context): void {
  const command = prices
    .command('import')
    .argument('[file]', 'your own prices as CSV or JSON; - for stdin', parseText)
  command
    .summary('Import prices of genai-prices, or your own')
    .description('Import the prices of the package genai-prices, or your own from a file.')
    .option('--author <name>', 'person who gives the prices (default: you)', parseText)
  explain(command, {
    about:
      'Imports all prices or, if a line is invalid, none. A repeat adds nothing. Changed prices of genai-prices are valid from now on. A file has the columns of "wfstore prices list -o csv"; only model and one price are required.',
    exit: '2 if a line is invalid.',
    examples: ['wfstore prices import', 'wfstore prices import negotiated.csv --author maria'],
  }).action((file?: string) => run(context, command.optsWithGlobals<ImportFlags>(), file))
}

async function run(context: Context, options: ImportFlags, file?: string): Promise<void> {
  checkOutput(importColumns, options)
  const { env, io } = context
  const author = options.author ?? (env.USER || env.LOGNAME)
  const writer = context.writer(options)
  const given =
    file === undefined ? undefined : await readPrices(context, file, options.tz ?? 'UTC')
  const { prices } = await context.store(options)
  const notes: string[] = []
  const result = await withProgress(io, async () => {
    const past = await pastOf(prices, given ?? [], await context.now(options))
    const done = await prices.import(given, { author })
    if (past && done.added > 0) notes.push(past)
    return done
  })
  for (const note of notes) writer.note(note)
  for (const note of leftOut(result)) writer.note(note)
  if (isData(options)) return writer.record(importColumns, result)
  await writer.text(summaryOf(result))
}

/** What to do if prices of your own begin in the past. */
async function pastOf(prices: Prices, given: readonly NewPrice[], now: Date) {
  const past = given.filter(
    ({ from, source }) => from && source !== 'genai-prices' && new Date(from) < now,
  )
  if (past.length === 0) return undefined
  const [first = ''] = past.map(({ from }) => String(from)).sort()
  return pastNote(first, await hadPrice(prices, [...new Set(past.map(({ model }) => model))]))
}

async function readPrices({ io }: Context, file: string, timeZone: string) {
  const content = file === '-' ? await text(io.stdin) : await read(resolve(io.cwd, file), file)
  const { parsePrices } = await import('./file.ts')
  return parsePrices(content, timeZone)
}

async function read(path: string, named: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException
    const what =
      code === 'ENOENT'
        ? `file not found: ${named}`
        : code === 'EISDIR'
          ? `${named} is a folder, not a file`
          : `cannot read ${named}: ${message}`
    throw new WfstoreError('usage', what, { cause })
  }
}

function summaryOf({ added, models, version }: PriceImport): string {
  const from = version === null ? '' : ` of genai-prices ${version}`
  return added === 0
    ? `no new prices${from}; nothing was changed`
    : `added ${plural(added, 'price')} of ${plural(models, 'model')}${version === null ? '' : `, from genai-prices ${version}`}`
}

const SHOWN = 5

function leftOut({ leftOutModels, leftOutPrices }: PriceImport): string[] {
  const count = leftOutModels.length
  const first = leftOutModels.slice(0, SHOWN).join(', ')
  const others = Object.entries(leftOutPrices).sort(([, a], [, b]) => b - a)
  return [
    ...(count === 0
      ? []
      : [
          `left out ${plural(count, 'model')} with prices by time of day: ${first}${count > SHOWN ? ', …' : ''}; calls of them have no price`,
        ]),
    ...(others.length === 0
      ? []
      : [
          `left out prices that are not for tokens or requests: ${others.map(([name, number]) => `${name} (${formatNumber(number)})`).join(', ')}`,
        ]),
  ]
}
