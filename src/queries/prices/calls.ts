import { empty, raw, type Sql, sql } from '../../db/query/sql.ts'
import { TOKEN_COLUMNS } from '../../tables/tokens.ts'
import { type Bounds, where, within } from '../table/filter.ts'
import { priceAt, priceNames } from './pricing.ts'

/**
 * Calls of models in groups, so that a period with many steps has few prices to find. The calls of a group have the same names,
 * the same prices in force, the same context tier and the same classes of tokens. A step counts as one call, also with several
 * attempts.
 */

const classes = (alias: string): string =>
  TOKEN_COLUMNS.map((column) => `coalesce(${alias}.${column}, 0)`).join(' + ')

/**
 * The columns of the ended steps of runs that started in the period, if they called a model.
 * @param more further columns, of the run `e`, the step `s` and what is joined
 */
export const callsOf = (
  bounds: Bounds,
  more: Sql,
  conditions: readonly Sql[],
  joined = empty,
): Sql => sql`
  select s.end_time as at, s.tokens_used as tokens, ${raw(TOKEN_COLUMNS.map((column) => `s.${column}`).join(', '))}, s.cost,
         coalesce(s.tokens_input, 0) + coalesce(s.tokens_cache_read, 0) + coalesce(s.tokens_cache_write, 0) as context,
         s.tokens_used = ${raw(classes('s'))} as is_classed,
         s.tokens_used <> 0 or s.model_id is not null and s.status = 'success' as is_call, ${more}
  from workflow_executions e join workflow_steps s using (execution_id) ${joined}
  ${where([
    ...within('e.start_time', bounds),
    sql`s.end_time is not null`,
    sql`(s.tokens_used <> 0 or s.cost_source is not null)`,
    ...conditions,
  ])}`

/** SQL of the classes of tokens of a group, as rows of meter and quantity. */
const quantities = TOKEN_COLUMNS.map(
  (column) => `('${column.replace('tokens_', '')}', g.${column}, true)`,
).join(', ')

const KEYS = ['is_classed', 'is_call', ...TOKEN_COLUMNS.map((column) => `${column} <> 0`)]

/**
 * Common table expressions: `edge` has each provider and model, its names in the price book, and where its prices change; `booked`
 * has the groups, with their cost by the price book (null if a part has no price, or tokens have no class).
 * @param calls from callsOf; provider and model_id are those whose prices are asked for
 * @param keys further columns of the calls that tell groups apart
 */
export const booked = (calls: Sql, keys: readonly string[]): Sql => sql`
call as materialized (${calls}),
edge as materialized (
  select row_number() over () as place, c.provider as given, c.model_id, named.*, changes.*
  from (select distinct provider, model_id from call) as c
  cross join lateral ${raw(priceNames('c.provider', 'c.model_id'))}
  cross join lateral (
    select coalesce(array_agg(distinct p.valid_from order by p.valid_from), '{}') as times,
           coalesce(array_agg(distinct p.context_over order by p.context_over), '{}') as tiers
    from wfstore_prices p where lower(p.model) in (named.given_model, named.model)
  ) as changes
),
grouped as (
  select edge.place, ${raw(keys.map((key) => `c.${key}`).join(', '))}, c.is_classed, c.is_call,
         count(*) as steps, sum(c.tokens) as tokens, ${raw(TOKEN_COLUMNS.map((column) => `sum(c.${column}) as ${column}`).join(', '))},
         sum(c.cost) as cost, max(c.at) as at, min(c.context) as context
  from call c join edge on edge.model_id = c.model_id and edge.given is not distinct from c.provider
  group by edge.place, width_bucket(c.at, edge.times), width_bucket(c.context - 1, edge.tiers),
           ${raw([...keys, ...KEYS].map((key) => `c.${key}`).join(', '))}
),
booked as (
  select g.*, case when g.is_classed then m.cost end as book_cost
  from grouped g join edge as named using (place)
  cross join lateral (
    select case when bool_and(p.price is not null)
                then sum(q.quantity * p.price * case q.meter when 'request' then 1 else 0.000001 end) end as cost
    from (values ${raw(quantities)}, ('request', case when g.is_call then g.steps end, g.tokens = 0)) as q (meter, quantity, required)
    left join lateral ${raw(priceAt('q.meter', 'g.at', 'g.context'))} as p on true
    where q.quantity <> 0 and (q.required or p.price is not null)
  ) as m
)`
