import type { Queryable } from '../query/connection.ts'
import * as d from '../query/decode.ts'
import { query } from '../query/query.ts'
import { sampleOf } from './sample.ts'
import { COUNTS, countsShape, newest } from './unequal.ts'

const unequalShape = {
  billingId: d.uuid(),
  billingPeriod: d.text(),
  /** US dollars, exact. */
  cost: d.amount(),
  lineCost: d.amount(),
  tokensTotal: d.total(),
  lineTokens: d.total(),
  /** False if the month is closed: its lines cannot change. A closed bill without lines can still get them. */
  changeable: d.boolean(),
}
/** A bill whose lines do not add up to it. */
export type UnequalLines = d.RowOf<typeof unequalShape>

const reportShape = {
  ...countsShape,
  /** The newest bills that differ. */
  bills: d.rows(unequalShape),
}
export type LinesReport = d.RowOf<typeof reportShape>

const SUMS = `coalesce(sum(cost), 0) as line_cost, coalesce(sum(quantity) filter (where meter <> 'request'), 0) as line_tokens,
  count(*) as lines from wfstore_bill_lines`

const SAMPLED = `select b.*, l.* from (${sampleOf({ table: 'billing_records', time: 'timestamp', id: 'billing_id' })}) sample
  join billing_records b using (billing_id) cross join lateral (select ${SUMS} l where l.billing_id = b.billing_id) l`

const ALL = `select b.*, coalesce(l.line_cost, 0) as line_cost, coalesce(l.line_tokens, 0) as line_tokens, coalesce(l.lines, 0) as lines
  from billing_records b left join (select billing_id, ${SUMS} group by billing_id) l using (billing_id)`

/**
 * Compares bills with the sums of their lines: a sample of all ages, or all bills. A sample costs the same in a store of any
 * size. The schema is in the search path.
 */
export async function compareLines(
  database: Queryable,
  { full }: { full: boolean },
): Promise<LinesReport> {
  const [report] = await query(
    database,
    `with compared as materialized (
       select billing_id, timestamp, billing_period, cost, tokens_total, line_cost, line_tokens, lines
       from (${full ? ALL : SAMPLED}) of_bill
     ), unequal as materialized (
       select c.*, c.lines = 0 or p.closed_at is null as changeable
       from compared c left join wfstore_periods p using (billing_period)
       where (c.cost, c.tokens_total) <> (c.line_cost, c.line_tokens)
     )
     select ${COUNTS}, ${newest(unequalShape, 'timestamp', 'billing_id')} as bills`,
    reportShape,
  )
  return report as LinesReport
}

/**
 * The statement that adds the missing part of these bills as lines of a given cost; null if none of them can change. It deletes no
 * line, and has nothing to add the second time. @param schema quoted, with a dot
 */
export function addMissingLines(bills: readonly UnequalLines[], schema = ''): string | null {
  const ids = bills.filter(({ changeable }) => changeable).map(({ billingId }) => `'${billingId}'`)
  if (ids.length === 0) return null
  const classes = ['input', 'output', 'cache_read', 'cache_write', 'reasoning']
    .map((name) => `case when h.lines = 0 then b.tokens_${name} end`)
    .join(', ')
  return `insert into ${schema}wfstore_bill_lines as k (execution_id, billing_id, line_id, model_id, meter, quantity, cost, cost_source) select b.execution_id, b.billing_id, ${schema}wfstore_line_id(b.billing_id, null, b.model_id, l.meter, null, l.cost_source), b.model_id, l.meter, l.quantity, l.cost, l.cost_source from ${schema}billing_records b cross join lateral (select coalesce(sum(cost), 0) as cost, coalesce(sum(quantity) filter (where meter <> 'request'), 0)::bigint as tokens, count(*) as lines from ${schema}wfstore_bill_lines o where o.billing_id = b.billing_id and (o.execution_id = b.execution_id or ${schema}wfstore_no_run() is null)) h cross join lateral ${schema}wfstore_lines_of(b.tokens_total - h.tokens, ${classes}, b.cost - h.cost, null) l where b.billing_id in (${ids.join(', ')}) on conflict on constraint wfstore_bill_lines_pkey do update set quantity = k.quantity + excluded.quantity, cost = k.cost + excluded.cost`
}
