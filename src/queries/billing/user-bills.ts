import { byLayout } from '../../db/distributed/by-layout.ts'
import type { Layout } from '../../db/distributed/layout.ts'
import * as d from '../../db/query/decode.ts'
import type { Run } from '../../db/query/query.ts'
import { empty, raw, type Sql, sql } from '../../db/query/sql.ts'
import type { CostSource } from '../../tables/steps.ts'
import { monthOf } from '../table/validate.ts'
import type { Meter } from './bill-lines.ts'

/** The bills of a user in a period. US dollars as exact decimals. */
const sumShape = {
  userId: d.text(),
  bills: d.count(),
  /** Of these, bills that correct another one. */
  corrections: d.count(),
  cost: d.amount(),
  paid: d.amount(),
  unpaid: d.amount(),
  unpaidBills: d.count(),
  tokens: d.total(),
}

/** The lines of these bills with the same provider, model, meter and price, added up. */
const lineShape = {
  /** The lines of corrections are on their own. */
  isCorrection: d.boolean(),
  provider: d.nullable(d.text()),
  modelId: d.text(),
  meter: d.word<Meter>(),
  quantity: d.nullable(d.total()),
  /** US dollars for a million tokens, or for a request; null without a price. */
  unitPrice: d.nullable(d.amount()),
  cost: d.amount(),
  costSource: d.word<CostSource>(),
}
export type UserBillLine = d.RowOf<typeof lineShape>

export interface UserBill extends d.RowOf<typeof sumShape> {
  /** They add up to `cost`. */
  lines: UserBillLine[]
}

const METERS = `array_position('{given,input,output,cache_read,cache_write,reasoning,tokens,request}', k.meter)`

/** The bills of these users in a period, in the order of the users. @throws WfstoreError usage */
export async function userBills(
  run: Run,
  { period, users }: { period: string; users: readonly string[] },
): Promise<UserBill[]> {
  const shape = { ...sumShape, lines: d.rows(lineShape) }
  return run(
    sql`
with own as materialized (
  select billing_id, user_id, cost, tokens_total, paid, corrects from billing_records
  where billing_period = ${monthOf('period', period)} and user_id = any(${users}::text[])
), k as materialized (
  select b.user_id, b.corrects is not null as is_correction, l.provider, l.model_id, l.meter, sum(l.quantity) as quantity,
         l.unit_price, sum(l.cost) as cost, l.cost_source
  from own b join wfstore_bill_lines l using (billing_id) group by 1, 2, 3, 4, 5, 7, 9
), r as (
  select user_id, count(*) as bills, count(corrects) as corrections, sum(cost) as cost, coalesce(sum(cost) filter (where paid), 0) as paid,
         coalesce(sum(cost) filter (where not paid), 0) as unpaid, count(*) filter (where not paid) as unpaid_bills,
         sum(tokens_total) as tokens
  from own group by user_id
)
select ${raw(d.selectList(sumShape, 'r'))},
  coalesce((select json_agg(${raw(d.jsonArrayOf(lineShape, 'k'))}
    order by k.is_correction, k.model_id collate "C", k.provider collate "C", ${raw(METERS)}, k.cost_source, k.unit_price)
    from k where k.user_id = r.user_id), '[]') as lines
from r order by r.user_id`,
    shape,
  )
}

/** The users with bills in a period, in order. @throws WfstoreError usage */
export async function usersOfPeriod(
  run: Run,
  { period, after, limit }: { period: string; after?: string | undefined; limit: number },
): Promise<string[]> {
  const month = monthOf('period', period)
  const later = after === undefined ? empty : sql`and user_id > ${after}`
  // On one server each user is one look into the index. Citus has no recursion over shards.
  const found = (layout: Layout): Sql =>
    layout === 'distributed'
      ? sql`
with found as materialized (
  select user_id from billing_records where billing_period = ${month} ${later} group by user_id order by user_id limit ${limit}
)`
      : sql`
with recursive found (user_id) as (
  (select user_id from billing_records where billing_period = ${month} ${later} order by user_id limit 1)
  union all
  select (select user_id from billing_records b where b.billing_period = ${month} and b.user_id > found.user_id order by user_id limit 1)
  from found where found.user_id is not null
)`
  const rows = await run(
    byLayout(
      (layout) =>
        sql`${found(layout)} select user_id from found where user_id is not null limit ${limit}`,
    ),
    { userId: d.text() },
  )
  return rows.map(({ userId }) => userId)
}
