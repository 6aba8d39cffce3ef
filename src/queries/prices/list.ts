import * as d from '../../db/query/decode.ts'
import type { Run } from '../../db/query/query.ts'
import { raw, type Sql, sql } from '../../db/query/sql.ts'
import { WfstoreError } from '../../error.ts'
import { checkNames, type Names } from '../../options.ts'
import { type OneOrMore, type TimeLimit, timeBound, valuesOf, where } from '../table/filter.ts'
import { booleanOf, nameOf, oneOf } from '../table/validate.ts'
import { type PriceSource, SOURCES } from './given.ts'
import { type METERS, meterName } from './meters.ts'
import { type ResolvedName, resolveNames } from './names.ts'

export interface PriceFilter {
  /** Also the prices that calls of this model have by the rules for names. */
  model?: OneOrMore | undefined
  provider?: OneOrMore | undefined
  source?: OneOrMore<PriceSource> | undefined
  /** The prices at this instant (default: now). */
  at?: TimeLimit | undefined
  /** All prices that were ever added, not only those at one time. */
  all?: boolean | undefined
}

const OPTIONS: Names<PriceFilter> = {
  model: true,
  provider: true,
  source: true,
  at: true,
  all: true,
}

const price = (meter: (typeof METERS)[number]) =>
  d.nullable(
    d.amount(`(array_agg(trim_scale(p.price)) filter (where p.meter = '${meterName(meter)}'))[1]`),
  )

const newest = (column: string) => `(array_agg(${column} order by p.price_id desc))[1]`

/** What does not differ within a model and source. */
const MODEL = 'p.source, lower(p.provider), lower(p.model)'

/** What does not differ within a row: its meters were added together, for the same time. */
const ROW = `${MODEL}, p.context_over, p.valid_from, p.created_at`

/** US dollars for a million tokens, or for a request, as exact decimals. */
const priceShape = {
  model: d.text(newest('p.model')),
  /** Null for all providers. */
  provider: d.nullable(d.text(newest('p.provider'))),
  /** The prices of calls with more input tokens than this. A price that is null is in another row, of another time or a lower tier. */
  contextOver: d.count('p.context_over'),
  input: price('input'),
  output: price('output'),
  cacheRead: price('cacheRead'),
  cacheWrite: price('cacheWrite'),
  reasoning: price('reasoning'),
  request: price('request'),
  /** These prices begin at this time. */
  from: d.time('p.valid_from'),
  source: d.word<PriceSource>('p.source'),
  author: d.nullable(d.text(newest('p.author'))),
  createdAt: d.time('p.created_at'),
}
/** The prices of a model at a context tier, from one source, that were added together for the same time. */
export type Price = d.RowOf<typeof priceShape>

/** Prices by model, provider and source. @throws WfstoreError usage */
export const listPrices = async (run: Run, filter: PriceFilter = {}): Promise<Price[]> =>
  (await findPrices(run, filter)).prices

/** The prices, and which models the names in the filter mean. */
export async function findPrices(
  run: Run,
  filter: PriceFilter,
): Promise<{ prices: Price[]; resolved: ResolvedName[] }> {
  checkNames('prices.list', filter, OPTIONS)
  const { at, source } = filter
  const all = booleanOf('all', filter.all ?? false)
  if (all && at !== undefined)
    throw new WfstoreError('usage', 'all and at cannot be used together', {
      hint: 'remove at: all lists the prices of all times',
    })
  const [models, providers] = [namesIn('model', filter.model), namesIn('provider', filter.provider)]
  const resolved = await resolveNames(
    run,
    (models ?? []).flatMap((name) => (providers ?? [null]).map((provider) => ({ name, provider }))),
  )
  const bound = timeBound('at', at)
  const conditions = [
    ...(source === undefined ? [] : [sql`p.source = any(${sourcesIn(source)}::text[])`]),
    ...namedBy(models, providers, resolved),
  ]
  if (all) return { prices: await run(entries(conditions), priceShape), resolved }
  const time = bound ? sql`${bound.at}::timestamptz` : raw('now()')
  return {
    prices: await run(inForce([...conditions, sql`p.valid_from <= ${time}`]), priceShape),
    resolved,
  }
}

const namesIn = (name: string, value: OneOrMore | undefined): string[] | undefined =>
  value === undefined ? undefined : valuesOf(name, value).map((one) => nameOf(name, one as string))

const sourcesIn = (value: OneOrMore<PriceSource>): PriceSource[] =>
  valuesOf('source', value).map((one) => oneOf('source', one as PriceSource, SOURCES))

const lower = (names: readonly string[]): string[] => names.map((name) => name.toLowerCase())

/** A model by its name at any provider, or by the model that its name means. */
function namedBy(
  models: readonly string[] | undefined,
  providers: readonly string[] | undefined,
  resolved: readonly ResolvedName[],
): Sql[] {
  const ofProvider = providers && sql`lower(p.provider) = any(${lower(providers)}::text[])`
  if (models === undefined) return ofProvider ? [ofProvider] : []
  const exact = sql`lower(p.model) = any(${lower(models)}::text[]) and (p.provider is null or ${ofProvider ?? raw('true')})`
  const [names, owners] = [resolved.map(({ model }) => model), resolved.map((one) => one.provider)]
  const byRule = sql`exists (select from unnest(${names}::text[], ${owners}::text[]) as r (model, provider)
    where lower(p.model) = r.model and (p.provider is null or lower(p.provider) = r.provider or ${ofProvider ?? raw('false')}))`
  return [sql`((${exact}) or ${byRule})`]
}

/** A meter has the tiers that were added last of those that have begun. */
const inForce = (conditions: readonly Sql[]): Sql => sql`
select ${raw(d.selectList(priceShape, 'p'))}
from (
  select p.*, rank() over (partition by ${raw(MODEL)}, p.meter order by p.valid_from desc, p.created_at desc) as place
  from wfstore_prices p ${where(conditions)}
) as p where p.place = 1
group by ${raw(ROW)}
order by ${raw(ORDER)}`

const entries = (conditions: readonly Sql[]): Sql => sql`
select ${raw(d.selectList(priceShape, 'p'))}
from wfstore_prices p ${where(conditions)}
group by ${raw(ROW)}
order by ${raw(ORDER)}`

const ORDER = `lower(p.model) collate "C", lower(p.provider) collate "C" nulls first, p.source desc, p.context_over, p.valid_from desc, p.created_at desc`
