import type { Run } from '../../db/query/query.ts'
import { raw, sql } from '../../db/query/sql.ts'
import { WfstoreError } from '../../error.ts'
import { checkNames, type Names } from '../../options.ts'
import { optionalText } from '../table/validate.ts'
import { changesOf, changesOfSeeds, keyOf, type PriceRow } from './book.ts'
import { readSeeds } from './genai.ts'
import { assertOnce, type GivenPrice, type NewPrice, type PriceSource, pricesOf } from './given.ts'
import type { ModelRule } from './rules.ts'
import { BEGINNING, type LeftOut } from './seeds.ts'
import { addPrices, inTurn, type OnSession, storedPrices } from './turn.ts'

export interface ImportPricesOptions {
  /** The person who imports; of own prices, those that name no author (default: the role of the connection). */
  author?: string | undefined
}

const OPTIONS: Names<ImportPricesOptions> = { author: true }

export interface PriceImport {
  source: PriceSource
  /** The version of genai-prices; null for own prices. */
  version: string | null
  /** Prices that were added, of one meter and context tier each. */
  added: number
  /** Prices that the book had already. */
  unchanged: number
  /** Models with an added price. */
  models: number
  /** Models of genai-prices whose price depends on the time of day, such as 'deepseek/deepseek-chat'. They have no price here. */
  leftOutModels: string[]
  /** How many prices of genai-prices are for no meter of wfstore, such as audio, by their names there. */
  leftOutPrices: Record<string, number>
}

/**
 * Takes the prices and the rules for names of models from genai-prices: what is new and what has changed, from now on.
 * @throws WfstoreError failed if the list cannot be read
 */
export async function importSeeds(
  onSession: OnSession,
  options: ImportPricesOptions = {},
): Promise<PriceImport> {
  checkNames('prices.import', options, OPTIONS)
  const author = optionalText('author', options.author)
  const { prices, rules, leftOut, version } = await readSeeds()
  return inTurn(onSession, async (run, now) => {
    const stored = await storedPrices(run, 'genai-prices')
    const changes = changesOfSeeds(stored, prices, now, BEGINNING)
    const rows = changes.map((row) => ({ ...row, author }))
    await addPrices(run, rows, { source: 'genai-prices', now })
    await replaceRules(run, rules)
    await run(
      sql`insert into wfstore_settings (time_zone, prices_imported_at, prices_version)
          values ('UTC', ${now}::timestamptz, ${version})
          on conflict (only_row) do update
          set prices_imported_at = excluded.prices_imported_at, prices_version = excluded.prices_version`,
      {},
    )
    return resultOf('genai-prices', prices, changes, { version, leftOut })
  })
}

/**
 * Adds own prices, all of them or none. Those that the book has already change nothing.
 * @throws WfstoreError usage
 */
export async function importPrices(
  onSession: OnSession,
  prices: readonly NewPrice[],
  options: ImportPricesOptions = {},
): Promise<PriceImport> {
  checkNames('prices.import', options, OPTIONS)
  if (!Array.isArray(prices))
    throw new WfstoreError('usage', 'prices.import takes a list of prices', {
      hint: 'give an array, such as [{ model, input }], or nothing for the prices of genai-prices',
    })
  const author = optionalText('author', options.author)
  const given = prices.flatMap((price, place) => pricesOf(`prices[${place}]`, price))
  assertOnce(given)
  const { changes } = await addOwn(onSession, given, author)
  return resultOf('own', given, changes)
}

/** Adds the prices that the book does not have. @returns them, and when they were added */
export const addOwn = (
  onSession: OnSession,
  given: readonly GivenPrice[],
  author: string | null,
): Promise<{ changes: PriceRow[]; now: string }> =>
  inTurn(onSession, async (run, now) => {
    const dated = given.map((row) => ({
      ...row,
      from: row.from ?? now,
      author: row.author ?? author,
    }))
    const models = [...new Set(dated.map(({ model }) => model.toLowerCase()))]
    const listed = dated.filter(({ source }) => source !== 'own')
    const known = listed.length === 0 ? [] : await storedPrices(run, 'genai-prices', models)
    const own = dated.filter(({ source }) => source === 'own')
    const stored = await storedPrices(run, 'own', models)
    const changes = changesOf(stored, [...own, ...changesOf(known, listed, now)], now)
    await addPrices(run, changes, { source: 'own', now })
    return { changes, now }
  })

const NOTHING: LeftOut = { models: [], prices: {} }

function resultOf(
  source: PriceSource,
  prices: readonly object[],
  changes: readonly PriceRow[],
  { version = null, leftOut = NOTHING }: { version?: string | null; leftOut?: LeftOut } = {},
): PriceImport {
  const models = new Set(changes.map((row) => keyOf({ ...row, meter: 'input' })))
  return {
    ...{ source, version, added: changes.length, unchanged: prices.length - changes.length },
    ...{ models: models.size, leftOutModels: leftOut.models, leftOutPrices: leftOut.prices },
  }
}

async function replaceRules(run: Run, rules: readonly ModelRule[]): Promise<void> {
  await run('delete from wfstore_model_rules', {})
  const rows = rules.map(({ targetProvider, ...rule }) => ({
    ...rule,
    target_provider: targetProvider,
  }))
  await run(
    sql`insert into wfstore_model_rules (${raw(RULE_COLUMNS)})
        select ${raw(RULE_COLUMNS)} from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb)
          as r (subject text, provider text, target_provider text, model text, position integer, kind text, pattern text)`,
    {},
  )
}

const RULE_COLUMNS = 'subject, provider, target_provider, model, position, kind, pattern'
