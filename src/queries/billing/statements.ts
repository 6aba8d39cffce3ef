import { byLayout, perRun } from '../../db/distributed/by-layout.ts'
import type { Layout } from '../../db/distributed/layout.ts'
import * as d from '../../db/query/decode.ts'
import type { Run } from '../../db/query/query.ts'
import { empty, join, raw, type Sql, sql } from '../../db/query/sql.ts'
import { name } from '../../tables/column.ts'
import { conditionsOf, equals, where } from '../table/filter.ts'
import { countOf, monthOf } from '../table/validate.ts'
import { type CalendarKey, calendarKey, withoutStatistics, zoneOf } from '../usage/calendar.ts'
import { type UsageFilter, type UsageWhere, usageWhere } from '../usage/filter.ts'
import { movedOf } from '../usage/moved.ts'
import { BILLED_LINES } from './lines.ts'

/** The runs that started in a time, and the bills of the months that it touches. US dollars as exact decimals. */
const sumShape = {
  runs: d.count(),
  cost: d.amount(),
  tokens: d.total(),
  bills: d.count(),
  billed: d.amount(),
  paid: d.amount(),
  unpaid: d.amount(),
  unpaidBills: d.count(),
  billedTokens: d.total(),
}
export type StatementSum = d.RowOf<typeof sumShape>

const rowShape = {
  level: d.text() as d.Field<'total' | 'month' | 'user' | 'line'>,
  userId: d.nullable(d.text()),
  month: d.nullable(d.text()),
  modelId: d.nullable(d.text()),
  users: d.nullable(d.count(`case when r.level = 'total' then (select count(*) from placed) end`)),
  ...sumShape,
}

export interface StatementOptions extends UsageFilter {
  /** The months of the bills, such as '2024-12'. */
  months: readonly string[]
  /** The billing zone, in which these months begin. */
  timeZone: string
  /** Number of users, the highest cost first; the others are summed up (default: all). */
  top?: number | undefined
}

export interface StatementMonth extends StatementSum {
  month: string
}

/** The cost and the tokens of a model in the bills of a month. Each bill counts once, at its own model. */
export interface StatementLine extends StatementMonth {
  modelId: string
}

/** What a user has used and owes. */
export interface UserStatement extends StatementSum {
  userId: string
  /** By month, then by cost. */
  lines: StatementLine[]
}

export interface Statements {
  users: UserStatement[]
  /** The sum of the users without a statement of their own; null if there are none. */
  others: StatementSum | null
  /** Number of all users. */
  userCount: number
  /** The sums of all users by month, for the months that have any. */
  months: StatementMonth[]
  total: StatementSum
}

/**
 * A statement for each user: runs, bills and payments, and the bills by month and model. Runs and bills are read once, in one
 * statement of SQL, so all sums agree. Removed runs are included. Of the filters, bills have only the user and the months.
 * @throws WfstoreError usage for an invalid filter, month, zone or number
 */
export async function statements(run: Run, options: StatementOptions): Promise<Statements> {
  const { months, timeZone, top, ...filter } = options
  const calendar = calendarKey('month', zoneOf(timeZone))
  const billed = where([
    sql`b.billing_period = any(${months.map((month) => monthOf('months', month))}::text[])`,
    ...conditionsOf(CRITERIA, { userId: filter.userId }),
  ])
  const [used, most] = [usageWhere(filter), countOf('top', top, 1)]
  const asked = byLayout((layout) => statement(used, billed, calendar, most, layout))
  const rows = await run(asked, rowShape)
  const at = (level: string) => rows.filter((row) => row.level === level)
  const lines = new Map<string | null, StatementLine[]>()
  for (const row of at('line')) {
    const line = { ...monthRow(row), modelId: row.modelId ?? '' }
    const own = lines.get(row.userId)
    if (own) own.push(line)
    else lines.set(row.userId, [line])
  }
  const users = at('user').map(({ userId, ...row }) => ({
    ...sumOf({ userId, ...row }),
    userId,
    lines: lines.get(userId) ?? [],
  }))
  const [total] = at('total')
  const others = at('user').find(({ userId }) => userId === null)
  return {
    users: users.filter((user): user is UserStatement => user.userId !== null),
    others: others === undefined ? null : sumOf(others),
    userCount: total?.users ?? 0,
    months: at('month').map(monthRow),
    total: sumOf(total as Row),
  }
}

const CRITERIA = { userId: equals('b.user_id', name) }

type Row = d.RowOf<typeof rowShape>
const sumOf = ({ level, userId, month, modelId, users, ...sum }: Row): StatementSum => sum
const monthRow = (row: Row): StatementMonth => ({ ...sumOf(row), month: row.month ?? '' })

const USED = ['runs', 'cost', 'tokens']
const BILLED = ['bills', 'billed', 'paid', 'unpaid', 'unpaid_bills', 'billed_tokens']
const summed = (columns: readonly string[]) =>
  raw(columns.map((column) => `coalesce(sum(${column}), 0) as ${column}`).join(', '))

function statement(
  used: UsageWhere,
  billed: Sql,
  calendar: CalendarKey,
  top: number | null,
  layout: Layout,
): Sql {
  const source = (from: Sql, time: string, runs: string, alias = 'e') => sql`
    select e.user_id, ${calendar.of(raw(`e.${time}`))} as part, ${raw(runs)} as runs, sum(${raw(alias)}.total_cost) as cost,
           sum(${raw(alias)}.total_tokens) as tokens${perRun(layout)}
    from ${from} group by 1, 2${perRun(layout)}`
  const rows = (table: string, time: string) => withoutStatistics(table, used.on(time), layout)
  const moved = movedOf(used, layout)
  const own = top === null ? raw('true') : sql`p.place <= ${top}::bigint`
  return sql`
with ${join(
    calendar.needs.map((need) => sql`${need},`),
    '',
    '',
    ' ',
  )}
used as (
  select user_id, part, sum(runs) as runs, sum(cost) as cost, sum(tokens) as tokens from (${source(rows('workflow_executions', 'start_time'), 'start_time', 'count(*)')}
    union all ${source(rows('usage_history', 'quarter_start'), 'quarter_start', 'sum(e.runs)')}
    ${used.byModel ? sql`union all ${source(moved.from, 'start_time', '0', moved.alias)}` : empty}
  ) as all_rows group by user_id, part
), lines as materialized (
  select user_id, month, model_id, sum(bills) as bills, sum(billed) as billed, sum(paid) as paid, sum(unpaid) as unpaid,
         sum(unpaid_bills) as unpaid_bills, sum(billed_tokens) as billed_tokens
  from (
    select b.user_id, b.billing_period as month, b.model_id, count(*) as bills, 0 as billed, 0 as paid, 0 as unpaid,
           count(*) filter (where not b.paid) as unpaid_bills, 0 as billed_tokens${perRun(layout, 'b')}
    from billing_records b ${billed} group by 1, 2, 3${perRun(layout, 'b')}
    union all
    select b.user_id, b.billing_period, l.model_id, 0, sum(l.cost), coalesce(sum(l.cost) filter (where b.paid), 0),
           coalesce(sum(l.cost) filter (where not b.paid), 0), 0,
           coalesce(sum(l.quantity) filter (where l.meter <> 'request'), 0)${perRun(layout, 'b')}
    from ${raw(BILLED_LINES)} ${billed} group by 1, 2, 3${perRun(layout, 'b')}
  ) as bills_and_lines group by user_id, month, model_id
), cells as (
  select user_id, month, ${summed(USED)}, ${summed(BILLED)} from (
    select user_id, ${raw(calendar.text('part'))} as month, runs, cost, tokens,
           ${raw(BILLED.map((column) => `0::numeric as ${column}`).join(', '))} from used
    union all
    select user_id, month, 0, 0, 0, ${raw(BILLED.join(', '))} from lines
  ) as both_kinds group by user_id, month
), placed as (
  select user_id, row_number() over (order by sum(cost) desc, sum(billed) desc, sum(runs) desc, user_id collate "C") as place
  from cells group by user_id
), sums as (
  select case when grouping(owner) = 0 then 'user' when grouping(month) = 0 then 'month' else 'total' end as level,
         owner, place, month, ${summed(USED)}, ${summed(BILLED)}
  from (select c.*, case when ${own} then c.user_id end as owner, case when ${own} then p.place end as place
        from cells c join placed p using (user_id)) as owned
  group by grouping sets ((owner, place), (month), ())
), r as (
  select level, place, owner as user_id, month, null as model_id, ${raw([...USED, ...BILLED].join(', '))} from sums
  union all
  select 'line', p.place, l.user_id, l.month, l.model_id, 0, 0, 0, ${raw(BILLED.map((column) => `l.${column}`).join(', '))}
  from lines l join placed p using (user_id) where ${own}
)
select ${raw(d.selectList(rowShape, 'r'))}
from r order by r.place, r.month, r.billed desc, r.model_id collate "C"`
}
