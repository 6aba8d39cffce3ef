import * as d from '../../db/query/decode.ts'
import type { Run } from '../../db/query/query.ts'
import { raw, sql } from '../../db/query/sql.ts'
import { checkNames } from '../../options.ts'
import { TOKEN_COLUMNS } from '../../tables/tokens.ts'
import { type TimeLimit, timeBounds } from '../table/filter.ts'
import { booked, callsOf } from './calls.ts'
import { priceAt } from './pricing.ts'

/**
 * What is wrong with the price of a model that runs used:
 * - `no_price`: steps have no cost, because a price or the tokens are missing
 * - `old_price`: its price in force was added more than 90 days ago, or imported last more than 90 days ago
 * - `differs`: the given costs differ by more than 5 % from the price book
 */
export type PriceFindingKind = 'no_price' | 'old_price' | 'differs'

/** What steps without a price lack: the price of a meter, the class of tokens (`tokens`), or any tokens (`request`). */
const LACKS = [
  ...TOKEN_COLUMNS.map((column) => column.replace('tokens_', '')),
  'tokens',
  'request',
] as const

const findingShape = {
  finding: d.word<PriceFindingKind>(),
  modelId: d.text(),
  /** As the steps report it; null if they report none. */
  provider: d.nullable(d.text()),
  /** Number of the steps that it concerns. */
  steps: d.count(),
  tokens: d.total(),
  /** The end of the last of these steps. */
  lastUsed: d.time(),
  /**
   * For no_price: the meters without a price (`cache_read`), `tokens` if tokens have no class, and `request` if no tokens were
   * reported. Empty if a price was added since, and null for other findings.
   */
  lacks: d.nullable(d.texts('r.lacks')),
  /** For old_price: 'own', or the name of the list. */
  source: d.nullable(d.text()),
  /** For old_price: when the price was added, or when prices were last imported. */
  priceTime: d.nullable(d.time()),
  /** For differs: the sum of the given costs in US dollars. */
  givenCost: d.nullable(d.amount('trim_scale(r.given_cost)')),
  /** For differs: the cost of the same steps by the price book. */
  bookCost: d.nullable(d.amount('trim_scale(r.book_cost)')),
  /** For differs: the given cost minus that of the price book. */
  difference: d.nullable(d.amount('trim_scale(r.given_cost - r.book_cost)')),
}
/** A finding about the price of a model. */
export type PriceFinding = d.RowOf<typeof findingShape>

export interface PriceCheckOptions {
  /** Checks the steps of runs that started at this instant or later (default: 30 days ago). */
  since?: TimeLimit | undefined
}

/** A price of a list counts from its last import, because an import adds only what has changed. */
const PRICE_TIME = `case when p.source = 'own' then p.created_at
  else greatest(p.created_at, (select prices_imported_at from wfstore_settings)) end`

/**
 * Checks the prices of the models that runs used. Removed runs are not checked.
 * @throws WfstoreError usage
 */
export async function checkPrices(
  run: Run,
  options: PriceCheckOptions = {},
): Promise<PriceFinding[]> {
  checkNames('prices.check', options, { since: true })
  const { since } = timeBounds({ since: options.since, until: undefined })
  const calls = callsOf(
    { since: undefined, until: undefined },
    sql`s.provider, coalesce(s.model_id, e.model_id) as model_id, s.cost_source,
      case when s.cost_source = 'unpriced' then array(
        select distinct l ->> 'meter' from jsonb_array_elements(s.cost_lines) as l where not l ? 'unitPrice' order by 1) end as meters`,
    [sql`e.start_time >= ${since ? sql`${since.at}::timestamptz` : raw(DEFAULT_SINCE)}`],
  )
  return run(
    sql`with ${booked(calls, ['cost_source', 'meters'])}, r as (
      select 'no_price' as finding, named.place, g.steps, g.tokens, g.last_used, lacks.meters as lacks, null::text as source,
             null::timestamptz as price_time, null::numeric as given_cost, null::numeric as book_cost
      from edge as named
      join (
        select place, sum(steps) as steps, sum(tokens) as tokens, max(at) as last_used from booked where cost_source = 'unpriced' group by place
      ) as g using (place)
      cross join lateral (
        select coalesce(array_agg(m.meter order by array_position(${LACKS}::text[], m.meter)), '{}') as meters
        from (
          select distinct m.meter from booked b, unnest(b.meters) as m (meter)
          where b.place = g.place and (m.meter = 'tokens' or ${raw(priceAt('m.meter', 'b.at', 'b.context'))} is null)
        ) as m
      ) as lacks
      union all
      select 'old_price', named.place, g.steps, g.tokens, g.last_used, null, p.source, p.price_time, null, null
      from edge as named
      join (
        select place, sum(steps) as steps, sum(tokens) as tokens, max(at) as last_used, max(context) as context,
               ${raw(TOKEN_COLUMNS.map((column) => `sum(${column}) as ${column}`).join(', '))}
        from booked group by place
      ) as g using (place)
      cross join lateral (
        select used.source, used.price_time
        from (values ${raw(USED)}) as q (meter, quantity)
        cross join lateral ${raw(priceAt('q.meter', 'now()', 'g.context', `p.source, ${PRICE_TIME} as price_time`))} as used
        where q.quantity <> 0 order by used.price_time limit 1
      ) as p
      where p.price_time < now() - interval '90 days'
      union all
      select 'differs', place, sum(steps), sum(tokens), max(at), null, null, null, sum(cost), sum(book_cost)
      from booked
      where book_cost is not null and coalesce(cost_source, 'given') = 'given'
      group by place having abs(sum(cost) - sum(book_cost)) > 0.05 * sum(book_cost)
    )
    select ${raw(d.selectList(findingShape, 'r'))}
    from (select r.*, edge.given as provider, edge.model_id from r join edge using (place)) as r
    order by array_position(array['no_price', 'old_price', 'differs'], r.finding), r.tokens desc, r.steps desc,
             r.model_id collate "C", r.provider collate "C" nulls first`,
    findingShape,
  )
}

const DEFAULT_SINCE = `now() - interval '720 hours'`

const USED = [
  ...TOKEN_COLUMNS.map((column) => `('${column.replace('tokens_', '')}', g.${column})`),
  `('request', g.steps)`,
].join(', ')
