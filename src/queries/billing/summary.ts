import * as d from '../../db/query/decode.ts'
import type { Run } from '../../db/query/query.ts'
import { raw, type Sql, sql } from '../../db/query/sql.ts'
import { WfstoreError } from '../../error.ts'
import { checkNames, type Names } from '../../options.ts'
import { name } from '../../tables/column.ts'
import { TOKEN_COLUMNS, tokenColumns } from '../../tables/tokens.ts'
import { equals, type OneOrMore, valuesOf, where } from '../table/filter.ts'
import { monthOf, oneOf } from '../table/validate.ts'
import { ZONE } from './periods.ts'

export const SUMMARY_KEYS = ['user', 'model', 'day', 'total'] as const
export type SummaryKey = (typeof SUMMARY_KEYS)[number]

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
  /** The user, the model, or the day in the billing zone, by the first of several keys; null in the total. */
  key: d.nullable(d.text('s.key')),
  records: d.count(),
  cost: d.amount(),
  paidCost: d.amount(),
  unpaidCost: d.amount(),
  unpaidRecords: d.count(),
  tokensTotal: d.total(),
  ...d.shapeOf(tokenColumns),
}
export type BillingSum = d.RowOf<typeof summaryShape> &
  /** With several keys, each of them by its name. */
  Partial<Record<Exclude<SummaryKey, 'total'>, string | null>>

const rowShape = { ...summaryShape, isTotal: d.boolean() }

export interface BillingSummary {
  /** In the order of their keys; by 'total', one row. */
  rows: BillingSum[]
  /** Read in the same statement as the rows. */
  total: BillingSum
}

const KEYS: Record<SummaryKey, string> = {
  user: 'user_id',
  model: 'model_id',
  day: `to_char(timestamp at time zone ${ZONE}, 'YYYY-MM-DD')`,
  total: `'total'`,
}

const classes = TOKEN_COLUMNS.map((column) => `sum(${column}) as ${column}`).join(', ')

/**
 * The totals of a period by user, model or day, or several of them, and the total of all, in one statement.
 * @throws WfstoreError usage, also for `total` with another key
 */
export async function summarize(
  run: Run,
  scope: BillingScope & { by?: OneOrMore<SummaryKey> | undefined },
): Promise<BillingSummary> {
  checkNames('billing.summary', scope, { ...SCOPE_OPTIONS, by: true })
  const keys = valuesOf('by', scope.by ?? 'user').map((by) =>
    oneOf('by', by as SummaryKey, SUMMARY_KEYS),
  )
  const byTotal = keys.includes('total')
  if (byTotal && keys.length > 1)
    throw new WfstoreError('usage', 'total cannot be combined with another key', {
      hint: 'leave out total, or use only total',
    })
  const names = keys.map((_, place) => (place === 0 ? 'key' : `key${place + 1}`))
  const own = Object.fromEntries(
    keys.length === 1 ? [] : keys.map((by, place) => [by, d.nullable(d.text(`s.${names[place]}`))]),
  )
  const selected = keys.map((by, place) => `${KEYS[by]} as ${names[place]}`).join(', ')
  const rows: (BillingSum & { isTotal: boolean })[] = await run(
    sql`select ${raw(d.selectList({ ...rowShape, ...own }, 's'))} from (
       select ${raw(names.join(', '))}, grouping(key) = 1 as is_total, count(*) as records, coalesce(sum(cost), 0) as cost,
              coalesce(sum(cost) filter (where paid), 0) as paid_cost,
              coalesce(sum(cost) filter (where not paid), 0) as unpaid_cost,
              count(*) filter (where not paid) as unpaid_records,
              coalesce(sum(tokens_total), 0) as tokens_total, ${raw(classes)}
       from (select *, ${raw(selected)} from billing_records ${where(scopeOf(scope))}) as b
       group by grouping sets ((${raw(names.join(', '))}), ())
     ) as s order by ${raw(names.map((name) => `s.${name} collate "C"`).join(', '))}`,
    { ...rowShape, ...own },
  )
  const bare = rows.map(({ isTotal, ...row }) => ({ isTotal, row }))
  const total = bare.find(({ isTotal }) => isTotal)?.row as BillingSum
  if (byTotal) return { rows: [total], total }
  return { rows: bare.filter(({ isTotal }) => !isTotal).map(({ row }) => row), total }
}

/** The conditions of a scope on billing_records. @throws WfstoreError usage */
export const scopeOf = ({ period, userId }: BillingScope): Sql[] => [
  sql`billing_period = ${monthOf('period', period)}`,
  ...(userId === undefined ? [] : [equals('user_id', name)('userId', userId)]),
]
