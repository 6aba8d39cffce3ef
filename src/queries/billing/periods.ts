import { byLayout } from '../../db/distributed/by-layout.ts'
import type { Layout } from '../../db/distributed/layout.ts'
import * as d from '../../db/query/decode.ts'
import type { Run } from '../../db/query/query.ts'
import { empty, raw, sql } from '../../db/query/sql.ts'
import { WfstoreError } from '../../error.ts'
import { monthOf, requiredText } from '../table/validate.ts'
import { zoneOf } from '../usage/calendar.ts'

/** SQL of the billing zone, in which months begin. */
export const ZONE = `coalesce((select time_zone from wfstore_settings), 'UTC')`

/** SQL of the current month in that zone, such as '2024-12'. */
export const OPEN_PERIOD = `to_char(now() at time zone ${ZONE}, 'YYYY-MM')`

/** SQL of the instants at which a month and the next month begin. */
export const startOf = (month: string) =>
  `(to_date(${month}, 'YYYY-MM')::timestamp at time zone ${ZONE})`
export const endOf = (month: string) =>
  `((to_date(${month}, 'YYYY-MM') + interval '1 month') at time zone ${ZONE})`

const isMonth = `p.period ~ '^[0-9]{4}-(0[1-9]|1[0-2])$'`

/**
 * A billing period. For a closed period, records, cost and tokensTotal were recorded at the close; `differs` is true if its
 * bills have other totals now, which the triggers prevent. Costs are US dollars as exact decimals, times RFC 3339 in UTC.
 */
const periodShape = {
  period: d.text(),
  state: d.word<'open' | 'closed'>(`case when p.closed_at is null then 'open' else 'closed' end`),
  /** IANA name of the zone in which its month begins. */
  timeZone: d.text(`coalesce(p.time_zone, ${ZONE})`),
  /** Null if the name of the period is not a month. */
  startTime: d.nullable(d.time(`case when ${isMonth} then ${startOf('p.period')} end`)),
  /** The end, exclusive. */
  endTime: d.nullable(d.time(`case when ${isMonth} then ${endOf('p.period')} end`)),
  records: d.count('coalesce(p.records, live.records, 0)'),
  cost: d.amount('coalesce(p.cost, live.cost, 0)'),
  tokensTotal: d.total('coalesce(p.tokens_total, live.tokens_total, 0)'),
  paidCost: d.amount('coalesce(live.paid_cost, 0)'),
  unpaidCost: d.amount('coalesce(live.unpaid_cost, 0)'),
  unpaidRecords: d.count('coalesce(live.unpaid_records, 0)'),
  closedAt: d.nullable(d.time('p.closed_at')),
  closedBy: d.nullable(d.text('p.closed_by')),
  differs: d.boolean(
    'coalesce((p.records, p.cost, p.tokens_total) <> (coalesce(live.records, 0), coalesce(live.cost, 0), coalesce(live.tokens_total, 0)), false)',
  ),
}
export type BillingPeriod = d.RowOf<typeof periodShape>

/** CTE `live`: the sums of the bills of the periods `named`, and what `live` has of a period without bills. */
const LIVE = `live as materialized (
  select billing_period as period, count(*) as records, coalesce(sum(cost), 0) as cost, coalesce(sum(tokens_total), 0) as tokens_total,
         coalesce(sum(cost) filter (where paid), 0) as paid_cost,
         coalesce(sum(cost) filter (where not paid), 0) as unpaid_cost,
         count(*) filter (where not paid) as unpaid_records
  from billing_records where billing_period = any(array(select period from named)) group by billing_period)`

const PERIODS = `named left join wfstore_periods c on c.billing_period = named.period left join live on live.period = named.period
     cross join lateral (select named.period, c.closed_at, c.closed_by, c.time_zone, c.records, c.cost, c.tokens_total) as p`

/**
 * One period, with or without bills.
 * @param period (default: the current month in the billing zone)
 * @throws WfstoreError usage if it is not a month
 */
export async function getPeriod(run: Run, period?: string): Promise<BillingPeriod> {
  const [found] = await getPeriods(run, [period])
  return found as BillingPeriod
}

/** Several periods in their order, with or without bills. @throws WfstoreError usage if one is not a month */
export function getPeriods(
  run: Run,
  periods: readonly (string | undefined)[],
): Promise<BillingPeriod[]> {
  const wanted = periods.map((period) => (period === undefined ? null : monthOf('period', period)))
  return run(
    sql`with named as materialized (
       select coalesce(period, ${raw(OPEN_PERIOD)}) as period, place
       from unnest(${wanted}::text[]) with ordinality as given (period, place)
     ), ${raw(LIVE)}
     select ${raw(d.selectList(periodShape, 'p'))} from ${raw(PERIODS)} order by named.place`,
    periodShape,
  )
}

/**
 * CTE `billed`: the periods that have bills. On one server they come from the index, with one lookup for each. Each shard has few
 * bills for a name, and Citus has no recursion over shards.
 */
const BILLED: Record<Layout, string> = {
  single: `recursive billed (period) as (
       (select billing_period from billing_records order by billing_period limit 1)
       union all
       select (select billing_period from billing_records where billing_period > billed.period
               order by billing_period limit 1)
       from billed where billed.period is not null
     )`,
  distributed:
    'billed (period) as materialized (select billing_period from billing_records group by 1)',
}

/** The periods that have bills or are closed. */
const NAMED = `select period from billed where period is not null
       union
       select billing_period from wfstore_periods where closed_at is not null`

/** The names of all periods that have bills or are closed, in order. Old names may be no months. */
export async function periodNames(run: Run): Promise<string[]> {
  const statement = byLayout(
    (layout) => sql`with ${raw(BILLED[layout])}
     select period from (${raw(NAMED)}) as named order by period collate "C"`,
  )
  const rows = await run(statement, { period: d.text() })
  return rows.map(({ period }) => period)
}

/**
 * The periods that have bills or are closed, newest first.
 * @param options.before only periods before this one @param options.limit (default: all)
 */
export function listPeriods(
  run: Run,
  { before, limit }: { before?: string | undefined; limit?: number } = {},
): Promise<BillingPeriod[]> {
  return run(
    byLayout(
      (layout) => sql`with ${raw(BILLED[layout])}, named as materialized (
       select period from (${raw(NAMED)}) as all_of_them ${before === undefined ? empty : sql`where period < ${before}`}
       order by period desc limit ${limit ?? null}::bigint
     ), ${raw(LIVE)}
     select ${raw(d.selectList(periodShape, 'p'))} from ${raw(PERIODS)} order by p.period desc`,
    ),
    periodShape,
  )
}

/** The billing zone, and the current month in it. */
export async function currentMonth(run: Run): Promise<{ zone: string; month: string }> {
  const [found] = await run(`select ${ZONE} as zone, ${OPEN_PERIOD} as month`, {
    zone: d.text(),
    month: d.text(),
  })
  return found as { zone: string; month: string }
}

/** The billing zone: an IANA name (default: UTC). */
export async function getZone(run: Run): Promise<string> {
  const [found] = await run(`select ${ZONE} as zone`, { zone: d.text() })
  return found?.zone ?? 'UTC'
}

/**
 * Sets the billing zone. Existing bills keep their month.
 * @param zone an IANA name such as 'Europe/Berlin'
 * @returns false if it was already set to this zone
 * @throws WfstoreError usage if the server does not know the zone, conflict if a month is closed
 */
export async function setZone(read: Run, write: Run, zone: string): Promise<boolean> {
  const name = zoneOf(requiredText('zone', zone))
  const known = await read(sql`select name from pg_timezone_names where name = ${name}`, {
    name: d.text(),
  })
  if (known.length === 0) {
    throw new WfstoreError('usage', `time zone ${JSON.stringify(name)} is unknown to the server`, {
      hint: 'use an IANA name such as Europe/Berlin or UTC',
    })
  }
  if ((await getZone(read)) === name) return false
  await write(
    sql`insert into wfstore_settings (time_zone) values (${name})
     on conflict (only_row) do update set time_zone = excluded.time_zone`,
    {},
  )
  return true
}
