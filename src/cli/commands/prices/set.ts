import { type Command, InvalidArgumentError } from 'commander'
import { WfstoreError } from '../../../error.ts'
import { useInstead } from '../../../options.ts'
import { METERS, type PriceMeter } from '../../../queries/prices/meters.ts'
import type { Context } from '../../context.ts'
import { explain } from '../../help/page.ts'
import { type GlobalOptions, isData } from '../../options/global.ts'
import { checkOutput } from '../../options/output.ts'
import { parseTime } from '../../options/time.ts'
import { parseText, wholeNumber } from '../../options/values.ts'
import { changeColumns } from './columns.ts'
import { hadPrice, pastNote } from './past.ts'

interface SetFlags extends GlobalOptions {
  provider?: string
  from?: string
  contextOver?: number
  author?: string
}

type Given = Partial<Record<PriceMeter, string>>

export function define(prices: Command, context: Context): void {
  const set = prices.command('set')
  set
    .argument('<model>', 'name of the model, as runs and steps report it', parseText)
    .argument(
      '<price...>',
      'input=2.50; also output, cache-read, cache-write, reasoning, request',
      parsePrice,
    )
    .summary('Set a price of your own')
    .description('Set a price of your own for a model, in US dollars for a million tokens.')
    .option('--provider <name>', 'only for this provider (default: all)', parseText)
    .option('--from <time>', 'valid from: 2026-12-01, RFC 3339 (default: now)')
    .option('--context-over <n>', 'only for calls with more input tokens', wholeNumber(1))
    .option('--author <name>', 'person who gives the price (default: you)', parseText)
  explain(set, {
    about:
      'Own prices come before imported ones. The price before ends when this one begins; what was priced stays as it is. The price of a request is in US dollars.',
    examples: [
      'wfstore prices set gpt-5 input=1 cache-read=0.1 --from 2026-12-01',
      'wfstore prices set gpt-5 input=0.80 output=6.40 --provider azure',
    ],
  }).action((model: string, given: Given) =>
    run(context, set.optsWithGlobals<SetFlags>(), model, given),
  )
}

async function run(
  context: Context,
  options: SetFlags,
  model: string,
  given: Given,
): Promise<void> {
  checkOutput(changeColumns, options)
  const { provider, from, contextOver, author } = options
  const { env } = context
  const writer = context.writer(options)
  const store = (await context.store(options)).prices
  const time =
    from === undefined
      ? undefined
      : (await parseTime('--from', from, await context.now(options), options.tz ?? 'UTC')).at
  const hasPrice = time !== undefined && (await hadPrice(store, [model], provider))
  const result = await store.set({
    ...{ model, provider, from: time, contextOver, ...given },
    author: author ?? (env.USER || env.LOGNAME),
  })
  if (result.outcome === 'added' && result.isPast) writer.note(pastNote(result.from, hasPrice))
  if (isData(options)) return writer.record(changeColumns, result)
  const price = `${Object.entries(given)
    .map(([meter, value]) => `${flagOf(meter)}=${value}`)
    .join(' ')}`
  const words = {
    added: `${result.model} has the price ${price} from ${result.from}`,
    already: `${result.model} has the price ${price} already; nothing was changed`,
  }
  await writer.text(words[result.outcome])
}

/** cacheRead is cache-read on the command line. */
const flagOf = (meter: string): string =>
  meter.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)

/** cacheRead, cache-read and cache_read are the same. */
const comparable = (name: string) => name.replace(/[_-]/g, '').toLowerCase()

function parsePrice(text: string, previous: Given = {}): Given {
  const [, name = text, value = ''] = /^([^=]*)=(.*)$/s.exec(text) ?? []
  const meter = METERS.find((one) => comparable(one) === comparable(name))
  if (meter === undefined)
    throw new WfstoreError('usage', `${name} is not a price`, {
      hint: useInstead(name, METERS.map(flagOf)),
    })
  if (!/^\d{1,30}(\.\d{1,30})?$/.test(value))
    throw new InvalidArgumentError(`It must be an amount in US dollars, such as ${name}=2.50`)
  if (previous[meter] !== undefined)
    throw new InvalidArgumentError('The price can be given only once')
  return { ...previous, [meter]: value }
}
