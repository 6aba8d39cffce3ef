import { sameRun } from '../../db/distributed/layout.ts'
import * as d from '../../db/query/decode.ts'
import type { Run } from '../../db/query/query.ts'
import { empty, join, raw, type Sql, sql } from '../../db/query/sql.ts'
import { WfstoreError } from '../../error.ts'
import { checkNames, type Names } from '../../options.ts'
import { name } from '../../tables/column.ts'
import { TOKEN_COLUMNS, tokenColumns } from '../../tables/tokens.ts'
import type { Count } from '../../tables/types.ts'
import { equals, type OneOrMore, valuesOf, where } from '../table/filter.ts'
import { isTagKey, type TagKey, tagOfKey } from '../table/tag.ts'
import { monthOf, oneOf } from '../table/validate.ts'
import { BILLED_LINES } from './lines.ts'
import { ZONE } from './periods.ts'

export const SUMMARY_KEYS = ['user', 'model', 'provider', 'meter', 'day', 'total'] as const
export type SummaryKey = (typeof SUMMARY_KEYS)[number] | TagKey

export interface BillingScope {
  /** A month, such as '2024-12'. */
  period: string
  userId?: OneOrMore | undefined
}

export const SCOPE_OPTIONS: Names<BillingScope> = { period: true, userId: true }

/**
 * Totals of bills: US dollars as exact decimals, tokens as counts. A class of tokens is null if no bill reported it, so the
 * classes can be less than the total.
 */
const summaryShape = {
  /** The value of the first key: for day, the day in the billing zone. Null in the total, and without such a tag or provider. */
  key: d.nullable(d.text('s.key')),
  /**
   * Each bill counts once, at its own model. Null by provider or meter, because the lines of a bill can have several of them.
   */
  records: d.nullable(d.count()),
  cost: d.amount(),
  paidCost: d.amount(),
  unpaidCost: d.amount(),
  /** Null by provider or meter. */
  unpaidRecords: d.nullable(d.count()),
  tokensTotal: d.total(),
  /** Tokens of calls without a price. Their cost is not in `cost`. */
  unpricedTokens: d.total(),
  ...d.shapeOf(tokenColumns),
}
export type BillingSum = d.RowOf<typeof summaryShape> &
  /** With several keys, each of them by its name. */
  Partial<Record<Exclude<SummaryKey, 'total'>, string | null>>

export type BillingTotal = BillingSum & { records: number; unpaidRecords: number }

/** Calls without a price in the bills of a period. Their cost is not in the bills. */
export interface UnpricedBills {
  /** Number of bills with such calls. A bill and its corrections are one. */
  bills: number
  /** Number of models of these calls. */
  models: number
  tokens: Count
}

/** All numbers are read in one statement. */
export interface BillingSummary {
  /** In the order of their keys; by 'total', one row. */
  rows: BillingSum[]
  total: BillingTotal
  unpriced: UnpricedBills
}

/** SQL of the value of a key for a bill `b` and for a line `l` of it. A bill has no provider and no meter. */
const KEYS: Record<(typeof SUMMARY_KEYS)[number], { bill: string; line: string }> = {
  user: of('b.user_id'),
  model: of('b.model_id', 'l.model_id'),
  provider: of('null::text', 'l.provider'),
  meter: of('null::text', 'l.meter'),
  day: of(`to_char(b.timestamp at time zone ${ZONE}, 'YYYY-MM-DD')`),
  total: of(`'total'`),
}

function of(bill: string, line = bill) {
  return { bill, line }
}

/**
 * The totals of a period by user, model, provider, meter, day or tag, or several of them, and the total of all, in one statement.
 * @throws WfstoreError usage, also for `total` with another key
 */
export async function summarize(
  run: Run,
  scope: BillingScope & { by?: OneOrMore<SummaryKey> | undefined },
): Promise<BillingSummary> {
  checkNames('billing.summary', scope, { ...SCOPE_OPTIONS, by: true })
  const keys = valuesOf('by', scope.by ?? 'user').map((by) =>
    isTagKey(by) ? by : oneOf<SummaryKey>('by', by as SummaryKey, [...SUMMARY_KEYS, 'tag:<name>']),
  )
  if (keys.includes('total') && keys.length > 1)
    throw new WfstoreError('usage', 'total cannot be combined with another key', {
      hint: 'leave out total, or use only total',
    })
  const names = keys.map((_, place) => (place === 0 ? 'key' : `key${place + 1}`))
  const others = Object.fromEntries(
    names.slice(1).map((column) => [column, d.nullable(d.text(`s.${column}`))]),
  )
  const shape = {
    isTotal: d.boolean(),
    ...summaryShape,
    ...others,
    unpricedBills: d.count(),
    unpricedModels: d.count(),
  }
  const found = await run(
    sql`${summary(keys, names, scopeOf(scope))}
     select ${raw(d.selectList(shape, 's'))} from s order by ${raw(names.map((column) => `s.${column} collate "C"`).join(', '))}`,
    shape,
  )
  const rows = found.map(({ isTotal, unpricedBills, unpricedModels, ...row }) => ({
    isTotal,
    row: named(row, keys, names),
    unpriced: { bills: unpricedBills, models: unpricedModels, tokens: row.unpricedTokens },
  }))
  const last = rows.find(({ isTotal }) => isTotal) as (typeof rows)[number]
  const { row: total, unpriced } = last as typeof last & { row: BillingTotal }
  if (keys.includes('total')) return { rows: [total], total, unpriced }
  return { rows: rows.filter(({ isTotal }) => !isTotal).map(({ row }) => row), total, unpriced }
}

/** The conditions of a scope on billing_records. @throws WfstoreError usage */
export const scopeOf = ({ period, userId }: BillingScope): Sql[] => [
  sql`billing_period = ${monthOf('period', period)}`,
  ...(userId === undefined ? [] : [equals('user_id', name)('userId', userId)]),
]

/** A row with its keys by their names. */
function named(
  row: Record<string, unknown>,
  keys: readonly SummaryKey[],
  names: readonly string[],
): BillingSum {
  const own = Object.entries(row).filter(([field]) => !names.slice(1).includes(field))
  const byName = keys.length === 1 ? [] : keys.map((key, place) => [key, row[names[place] ?? '']])
  return Object.fromEntries([...own, ...byName]) as BillingSum
}

const keySql = (key: SummaryKey, of: 'bill' | 'line'): Sql =>
  isTagKey(key) ? sql`b.tags ->> ${tagOfKey(key)}` : raw(KEYS[key][of])

const each = (of: (column: string) => string): Sql =>
  raw(TOKEN_COLUMNS.map((column) => `${of(column)} as ${column}`).join(', '))

/** A correction in a later month that prices the calls of a bill takes their tokens from the month of that bill. */
const PRICED_ELSEWHERE = raw(`not (l.quantity < 0 and b.corrects is not null and exists (
  select 1 from billing_records o where o.billing_id = b.corrects and ${sameRun('o', 'b')} and o.billing_period <> b.billing_period))`)

/**
 * Rows `s` of the sums. By model, provider or meter, cost and tokens are those of the lines, and bills are only counted. Bills
 * and lines are first summed by key, payment and meter, so that the other sums have few rows.
 */
function summary(keys: readonly SummaryKey[], names: readonly string[], scope: Sql[]): Sql {
  const columns = raw(names.join(', '))
  const keysOf = (kind: 'bill' | 'line') =>
    join(
      keys.map((key, place) => sql`${keySql(key, kind)} as ${raw(names[place] ?? '')}`),
      ', ',
    )
  const grouped = (extra: number) =>
    raw(
      `group by ${Array.from({ length: names.length + extra }, (_, place) => place + 1).join(', ')}`,
    )
  const isUncounted = keys.includes('provider') || keys.includes('meter')
  const hasLines = isUncounted || keys.includes('model')
  const ofLines = sql`from ${raw(BILLED_LINES)} ${where(scope)}`
  const bills = hasLines
    ? // A class that a bill reports as 0 has no line.
      sql`0 as cost, 0 as tokens_total, ${each((column) => (isUncounted ? 'null::numeric' : `sum(b.${column} * 0)`))}`
    : sql`sum(b.cost) as cost, sum(b.tokens_total) as tokens_total, ${each((column) => `sum(b.${column})`)}`
  const lines = sql`union all
  select ${columns}, paid, 0, cost, case when meter in ('request', 'given') then 0 else quantity end,
         ${each((column) => `case when meter = '${column.replace('tokens_', '')}' then quantity end`)}, 0
  from (select ${keysOf('line')}, b.paid, l.meter, sum(l.cost) as cost, sum(l.quantity) as quantity ${ofLines} ${grouped(2)}) as l`
  const count = (filter: string) => {
    const sum = `coalesce(sum(records) ${filter}, 0)`
    return raw(isUncounted ? `case when grouping(key) = 1 then ${sum} end` : sum)
  }
  return sql`
with unpriced as materialized (
  select ${keysOf('line')}, b.paid, coalesce(b.corrects, b.billing_id) as bill, l.model_id, n.quantity,
         case when l.meter = 'request' then 0 else n.quantity end as tokens
  from ${raw(BILLED_LINES)}
  cross join lateral (select l.quantity + coalesce(sum(k.quantity), 0) as quantity
    from billing_records c join wfstore_bill_lines k on k.billing_id = c.billing_id and ${raw(sameRun('k', 'c'))}
    where c.corrects = b.billing_id and ${raw(sameRun('c', 'b'))} and c.billing_period <> b.billing_period and k.cost_source = 'unpriced' and k.meter = l.meter
      and k.model_id = l.model_id and k.provider is not distinct from l.provider) as n
  ${where([...scope, sql`l.cost_source = 'unpriced'`, PRICED_ELSEWHERE])}
), parts as (
  select ${keysOf('bill')}, b.paid, count(*) as records, ${bills}, 0 as unpriced_tokens
  from billing_records b ${where(scope)} ${grouped(1)}
  ${hasLines ? lines : empty}
  union all
  select ${columns}, paid, 0, 0, 0, ${each(() => 'null')}, sum(tokens) from unpriced ${grouped(1)}
), s as (
  select grouping(key) = 1 as is_total, ${columns}, ${count('')} as records, ${count('filter (where not paid)')} as unpaid_records,
         coalesce(sum(cost), 0) as cost, coalesce(sum(cost) filter (where paid), 0) as paid_cost,
         coalesce(sum(cost) filter (where not paid), 0) as unpaid_cost, coalesce(sum(tokens_total), 0) as tokens_total,
         coalesce(sum(unpriced_tokens), 0) as unpriced_tokens, ${each((column) => `sum(${column})`)},
         (select count(*) from (select 1 from unpriced group by bill having sum(quantity) > 0) as b) as unpriced_bills,
         (select count(*) from (select 1 from unpriced group by model_id having sum(quantity) > 0) as m) as unpriced_models
  from parts group by grouping sets ((${columns}), ())
  ${isUncounted ? raw('having grouping(key) = 1 or bool_or(records = 0)') : empty}
)`
}
