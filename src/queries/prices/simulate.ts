import * as d from '../../db/query/decode.ts'
import type { Run } from '../../db/query/query.ts'
import { raw, sql } from '../../db/query/sql.ts'
import { WfstoreError } from '../../error.ts'
import { checkNames, type Names } from '../../options.ts'
import { type TimeLimit, timeBounds } from '../table/filter.ts'
import { nameOf } from '../table/validate.ts'
import { booked, callsOf } from './calls.ts'

export interface SimulateOptions {
  /** The other model for each model: { 'gpt-4o': 'anthropic/claude-sonnet-4-6' }. The provider may be left out. */
  models: Readonly<Record<string, string>>
  /** Steps of runs that started at this instant or later. */
  since?: TimeLimit | undefined
  /** Steps of runs that started before this instant. */
  until?: TimeLimit | undefined
}
const OPTIONS: Names<SimulateOptions> = { models: true, since: true, until: true }

/** Amounts are US dollars as exact decimals. */
const sumShape = {
  /** Number of steps that are compared. Only they are in the tokens and the costs. */
  steps: d.count(),
  tokens: d.total(),
  /** What the steps cost. */
  cost: d.amount('trim_scale(r.cost)'),
  /** What the same tokens cost with the other model. */
  otherCost: d.amount('trim_scale(r.other_cost)'),
  /** Other cost minus cost. */
  difference: d.amount('trim_scale(r.other_cost - r.cost)'),
  /** The difference as a share of the cost, with six places; null if the cost is 0. */
  change: d.nullable(d.number('round((r.other_cost - r.cost) / nullif(r.cost, 0), 6)')),
  /** Number of steps that are not compared: the sum of the three counts below. */
  notCompared: d.count('(r.no_cost + r.no_classes + r.no_price)'),
  /** Steps that have no price yet, so their cost is not known. */
  noCost: d.count(),
  /** Steps without tokens, or with tokens without a class. */
  noClasses: d.count(),
  /** Steps at whose end the other model had no price. */
  noPrice: d.count(),
  /** What the steps cost that are not compared. */
  notComparedCost: d.amount('trim_scale(r.not_compared_cost)'),
}
export type SimulatedSum = d.RowOf<typeof sumShape>

/** The steps of a model, and what they cost with the other model. */
export interface SimulatedModel extends SimulatedSum {
  modelId: string
  /** As given. */
  otherModel: string
}

export interface Simulation {
  /** In the order of the given models. */
  models: SimulatedModel[]
  total: SimulatedSum
}

const rowShape = {
  modelId: d.nullable(d.text()),
  otherModel: d.nullable(d.text()),
  ...sumShape,
}

/**
 * What steps would have cost with other models, at the prices when they ended. Removed runs are not included.
 * @throws WfstoreError usage
 */
export async function simulatePrices(run: Run, options: SimulateOptions): Promise<Simulation> {
  checkNames('prices.simulate', options, OPTIONS)
  const bounds = timeBounds(options)
  const pairs = pairsOf(options.models)
  const calls = callsOf(
    bounds,
    sql`pair.place as pair, pair.provider, pair.model as model_id, coalesce(s.cost_source, 'given') = 'unpriced' as has_no_cost`,
    [],
    sql`join pair on pair.model_id = coalesce(s.model_id, e.model_id)`,
  )
  const rows = await run(
    sql`with pair as materialized (
      select a.place, a.model_id, a.other_model, n.provider,
             case when n.provider is null then a.other_model else substr(a.other_model, strpos(a.other_model, '/') + 1) end as model
      from unnest(${pairs.map(([model]) => model)}::text[], ${pairs.map(([, other]) => other)}::text[])
        with ordinality as a (model_id, other_model, place)
      left join lateral (
        select split_part(a.other_model, '/', 1) as provider
        where strpos(a.other_model, '/') > 0 and (
          exists (select from wfstore_prices p where lower(p.provider) = lower(split_part(a.other_model, '/', 1)))
          or exists (select from wfstore_model_rules w where w.provider = lower(split_part(a.other_model, '/', 1))))
      ) as n on true
    ), ${booked(calls, ['pair', 'has_no_cost'])}, counted as (
      select *, case when has_no_cost then 'no_cost' when not is_classed or tokens = 0 and book_cost is null then 'no_classes'
                     when book_cost is null then 'no_price' else 'compared' end as kind
      from booked
    ), r as (
      select pair.place, pair.model_id, pair.other_model, ${raw(SUMS)}
      from pair left join counted c on c.pair = pair.place
      group by grouping sets ((pair.place, pair.model_id, pair.other_model), ())
    )
    select ${raw(d.selectList(rowShape, 'r'))} from r order by r.place`,
    rowShape,
  )
  const total = rows.find(({ modelId }) => modelId === null) as (typeof rows)[number]
  const { modelId: _, otherModel: __, ...sum } = total
  return { models: rows.filter((row): row is SimulatedModel => row.modelId !== null), total: sum }
}

const steps = (kind: string): string =>
  `coalesce(sum(c.steps) filter (where c.kind = '${kind}'), 0) as ${kind}`
const compared = (sum: string, name: string): string =>
  `coalesce(sum(c.${sum}) filter (where c.kind = 'compared'), 0) as ${name}`

const SUMS = [
  ...[
    compared('steps', 'steps'),
    compared('tokens', 'tokens'),
    compared('cost', 'cost'),
    compared('book_cost', 'other_cost'),
  ],
  ...[steps('no_cost'), steps('no_classes'), steps('no_price')],
  `coalesce(sum(c.cost) filter (where c.kind <> 'compared'), 0) as not_compared_cost`,
].join(', ')

/** @throws WfstoreError usage */
function pairsOf(models: SimulateOptions['models']): [model: string, other: string][] {
  const pairs = Object.entries(models ?? {}).map(([model, other]): [string, string] => [
    nameOf('model', model),
    nameOf('other model', other),
  ])
  if (pairs.length === 0)
    throw new WfstoreError('usage', 'models is empty', {
      hint: `give at least one: { 'gpt-4o': 'gpt-4o-mini' }`,
    })
  return pairs
}
