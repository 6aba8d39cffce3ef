import { TOKEN_COLUMNS } from '../../tables/tokens.ts'

/**
 * SQL that prices calls of models. A price is US dollars for a million tokens, or for a request, and the one in force when
 * the call ended. Everything is multiplied, never divided, so that every digit is exact.
 *
 * A call is a row with the columns provider, model_id, at, tokens_input, …, tokens (the total), and is_call: true for a call that
 * names its model but may have reported no tokens.
 */

/** Whether the name fits a rule of the price book. A name is in lower case. */
const fits = (rule: string, name: string): string => `case ${rule}.kind
  when 'equals' then ${name} = ${rule}.pattern
  when 'starts_with' then starts_with(${name}, ${rule}.pattern)
  when 'ends_with' then right(${name}, length(${rule}.pattern)) = ${rule}.pattern
  when 'contains' then strpos(${name}, ${rule}.pattern) > 0
  else ${name} ~ ${rule}.pattern end`

/** A date in a name, such as -20250514, as other providers write it: -2025-05-14. */
const dated = (name: string): string =>
  `regexp_replace(${name}, '-(20\\d\\d)(0[1-9]|1[0-2])(0[1-9]|[12]\\d|3[01])(?=-|:|$)', '-\\1-\\2-\\3', 'g')`

/** A FROM item `named`: the names of the price book for a reported model: given_model, given_provider, owner, provider, model. */
export const priceNames = (provider: string, model: string): string => `(
  select g.model as given_model, g.provider as given_provider, o.provider as owner, r.provider, lower(r.model) as model
  from (select lower(btrim(${model})) as model, lower(btrim(${provider})) as provider) as g
  left join lateral (
    select w.provider from wfstore_model_rules w
    where w.subject = case when g.provider is null then 'provider_of_model' else 'provider' end
      and ${fits('w', 'coalesce(g.provider, g.model)')}
    order by w.position limit 1
  ) as o on true
  left join lateral (
    select coalesce(w.target_provider, w.provider) as provider, w.model
    from wfstore_model_rules w,
      lateral (select g.model as name, 0 as place union all select d.name, 1 from (select ${dated('g.model')} as name) as d where d.name <> g.model) as n
    where w.subject = 'model' and w.provider = o.provider and ${fits('w', 'n.name')}
    order by n.place, w.position limit 1
  ) as r on true) as named`

/**
 * SQL of a relation for `namesIn`: the names of many calls, of which each is looked up once.
 * @param calls SQL of their provider and model_id
 */
export const namesOfCalls = (calls: string): string => `
  select c.provider as call_provider, c.model_id as call_model, named.*
  from (select distinct provider, model_id from (${calls}) as each_call) as c
  cross join lateral ${priceNames('c.provider', 'c.model_id')}`

/** A FROM item `named` like that of `priceNames`, from a relation that has the names of the call. */
export const namesIn = (relation: string, c: string): string => `(
  select * from ${relation} as n where n.call_model = ${c}.model_id and n.call_provider is not distinct from ${c}.provider) as named`

/**
 * SQL of the price in force, from `named`: own prices before imported ones, the given name before the name of the rules, a price of
 * the provider before one for all, then the newest one. Reasoning without a price of its own costs as much as output.
 * @param context SQL of the number of input tokens, with cached ones
 * @param value SQL of what is read of the row `p` of the price
 */
export const priceAt = (meter: string, at: string, context: string, value = 'p.price'): string => `(
    select ${value} from wfstore_prices p
    where lower(p.model) in (named.given_model, named.model)
      and p.meter in (${meter}, case ${meter} when 'reasoning' then 'output' end)
      and p.valid_from <= ${at} and (p.context_over = 0 or p.context_over < ${context})
      and case when p.source = 'own' then p.provider is null or lower(p.provider) in (named.given_provider, named.owner)
               else lower(p.model) = named.model and p.provider = named.provider end
    order by p.source = 'own' desc, lower(p.model) = named.given_model desc, p.provider is not null desc, p.meter = ${meter} desc,
             p.valid_from desc, p.created_at desc, p.context_over desc, p.price_id desc
    limit 1)`

const sum = (columns: readonly string[], c: string) =>
  columns.map((column) => `coalesce(${c}.${column}, 0)`).join(' + ')

/** The class of a column: cache_read. */
const meterOf = (column: string): string => column.replace('tokens_', '')

/**
 * A FROM item `priced`: the parts of a call as `lines` (docs/SCHEMA.md), their `cost`, and `source`: priced, or unpriced if a
 * part has no price. It has nulls if there is nothing to price. Either all parts are priced or none.
 * @param c the alias of the call
 * @param attempt SQL of the number of the attempt
 * @param more SQL of further fields of each line
 * @param names the FROM item `named`
 */
export const priceCall = (
  c: string,
  attempt: string,
  more = `'{}'::jsonb`,
  names: string = priceNames(`${c}.provider`, `${c}.model_id`),
): string => `(
  select case when bool_and(m.price is not null) then jsonb_agg(jsonb_build_object('meter', m.meter, 'quantity', m.quantity,
                'unitPrice', trim_scale(m.price)::text, 'cost', trim_scale(m.cost)::text, 'attempt', ${attempt}) || ${more} order by m.place)
              else jsonb_agg(jsonb_build_object('meter', m.meter, 'quantity', m.quantity, 'attempt', ${attempt}) || ${more} order by m.place)
                filter (where m.required) end as lines,
         case when bool_and(m.price is not null) then trim_scale(sum(m.cost)) else 0 end as cost,
         case bool_and(m.price is not null) when true then 'priced' when false then 'unpriced' end as source
  from (
    select q.*, p.price, q.quantity * p.price * case q.meter when 'request' then 1 else 0.000001 end as cost
    from ${names}
    cross join lateral (values
      ${TOKEN_COLUMNS.map((column, place) => `(${place}, '${meterOf(column)}', ${c}.${column}, true)`).join(', ')},
      (5, 'tokens', ${c}.tokens - (${sum(TOKEN_COLUMNS, c)}), true),
      (6, 'request', case when ${c}.tokens <> 0 or ${c}.is_call then 1 end, ${c}.tokens = 0)
    ) as q (place, meter, quantity, required)
    left join lateral ${priceAt('q.meter', `${c}.at`, sum(['tokens_input', 'tokens_cache_read', 'tokens_cache_write'], c))} as p on true
    where q.quantity <> 0 and (q.required or p.price is not null)
  ) as m) as priced`
