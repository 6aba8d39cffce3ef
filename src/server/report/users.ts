import { formatTime } from '../../cli/output/text/format.ts'
import { plural } from '../../numbers.ts'
import type {
  StatementLine,
  StatementSum,
  UserStatement,
} from '../../queries/billing/statements.ts'
import { longDate, spanIn } from '../markup/dates.ts'
import { html, type Markup, name } from '../markup/markup.ts'
import { count, money } from '../markup/numbers.ts'
import { amounts, counts, table, texts } from '../markup/table.ts'
import type { PageData } from './data.ts'
import { namesOf } from './months.ts'
import { NO_RUNS, note, ofAll, section } from './section.ts'

/** What each user has used and owes, and a bill for each that can be printed on its own. */

type UserRow = StatementSum & { userId: string | null; place: number | null; isTotal: boolean }

export function usersSection({ statements, months }: PageData): Markup {
  const { users, others, total, userCount } = statements
  if (userCount === 0) return section('Users', 'users', [NO_RUNS])
  const rows: UserRow[] = users.map((user, place) => ({ ...user, place, isTotal: false }))
  const rest = { userId: null, place: null, isTotal: false }
  if (others !== null) rows.push({ ...others, ...rest })
  const nameOf = ({ userId, place, isTotal }: UserRow) =>
    userId !== null
      ? html`<a href="#bill-${place}">${name(userId)}</a>`
      : isTotal
        ? 'total'
        : html`<em>all others</em>`
  const columns = [
    texts<UserRow>('User', 'userId', ({ userId }) => userId ?? 'all others', {
      kind: 'name',
      shown: nameOf,
    }),
    ...usage<UserRow>(),
    ...billing<UserRow>(),
  ]
  return section('Users', 'users', [
    table({
      caption: `${ofAll(users.length, userCount, 'user')}, the highest cost first`,
      file: 'users',
      columns,
      rows,
      total: { ...total, ...rest, isTotal: true },
      isLast: ({ userId }) => userId === null,
    }),
    note([
      `Runs, tokens and cost are of the runs that started in the time of this report. Bills are all bills of ${namesOf(months)}.`,
      others !== null && 'Use --top to list more users.',
    ]),
  ])
}

const usage = <Row extends StatementSum>() => [
  counts<Row>('Runs', 'runs', (row) => row.runs),
  counts<Row>('Tokens', 'tokens', (row) => row.tokens),
  amounts<Row>('Cost, USD', 'cost', (row) => row.cost),
]

const billing = <Row extends StatementSum>() => [
  counts<Row>('Bills', 'bills', (row) => row.bills),
  amounts<Row>('Billed', 'billed', (row) => row.billed),
  amounts<Row>('Paid', 'paid', (row) => row.paid),
  amounts<Row>('Unpaid', 'unpaid', (row) => row.unpaid),
]

/** A bill for each user, folded. Its link selects it, and a page with a selected bill prints only this one. */
export function billsSection(data: PageData): Markup | false {
  const { users, userCount } = data.statements
  return (
    users.length > 0 &&
    html`<section id="bills" class="bills"><h2>Bill of each user</h2>
<p class="note">${ofAll(users.length, userCount, 'user')}. To print the bill of one user, open it and follow its link.</p>
${users.map((user, place) => bill(user, place, data))}
</section>`
  )
}

type BillRow = StatementLine & { isTotal: boolean }

function bill(user: UserStatement, place: number, data: PageData): Markup {
  const { months, billingZone, since, until, timeZone, now } = data
  const columns = [
    texts<BillRow>('Month', 'month', ({ month }) => month, {
      kind: 'name',
      shown: ({ month, isTotal }) => (isTotal ? 'total' : longDate('month', month)),
    }),
    texts<BillRow>('Model', 'modelId', ({ modelId }) => modelId),
    counts<BillRow>('Tokens', 'billedTokens', (row) => row.billedTokens),
    ...billing<BillRow>(),
  ]
  const rows = user.lines.map((line) => ({ ...line, isTotal: false }))
  return html`<details class="bill"><summary>${name(user.userId)} <span class="sums">billed ${money(user.billed)}, unpaid ${money(user.unpaid)}</span></summary>
<div id="bill-${place}">
<h3>Bill of ${name(user.userId)}, ${namesOf(months)}</h3>
<p class="note">Billed ${money(user.billed)}, paid ${money(user.paid)}, unpaid ${money(user.unpaid)}, in US dollars, rounded; the CSV of the table has all digits. Months begin at midnight in ${billingZone}.</p>
${
  rows.length > 0
    ? table({
        caption: `${plural(user.bills, 'bill')} by month and model`,
        file: `bill-${place + 1}`,
        columns,
        rows,
        total: { ...user, month: '', modelId: '', isTotal: true },
      })
    : html`<p class="nothing">No bills.</p>`
}
<p class="note">From ${spanIn(since, until, timeZone)} the user started ${plural(user.runs, 'run')} with ${count(user.tokens)} tokens and a cost of ${money(user.cost)}. These are the bills of ${formatTime(now.toISOString(), timeZone, 'minutes')} ${timeZone}.</p>
<p class="note screen"><a class="print" href="#bill-${place}">Print only this bill</a> <span class="selected">This bill is selected. <a href="#bills">Select none</a> to print the whole page.</span></p>
</div></details>`
}
