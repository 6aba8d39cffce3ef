import { formatTime } from '../../../cli/output/text/format.ts'
import { plural } from '../../../numbers.ts'
import type { BillingPeriod } from '../../../queries/billing/periods.ts'
import {
  type UserBill,
  type UserBillLine,
  userBills,
  usersOfPeriod,
} from '../../../queries/billing/user-bills.ts'
import { spanIn } from '../../markup/dates.ts'
import { html, type Markup, name, nothing, readable } from '../../markup/markup.ts'
import { bare, exactDollars } from '../../markup/numbers.ts'
import { type Cells, counts, table, texts } from '../../markup/table.ts'
import { UNKNOWN } from '../cells.ts'
import { exactly, href, hrefHere } from '../links.ts'
import type { PageContent } from '../page.ts'
import { checkParameters, valuesIn } from '../parameters.ts'
import { inSnapshot, type PageView } from '../view.ts'
import { monthName, periodOf, zoneOfBills } from './period-of.ts'

/** A statement for each user, to be printed: one begins on each sheet. */

/** The number of statements of a page. */
const USERS = 50

export async function statementsPage(view: PageView): Promise<PageContent> {
  checkParameters(view, ['after'], ['user'])
  const after = view.parameters.get('after') ?? undefined
  const given = valuesIn(view, 'user')
  const { state, users, bills } = await inSnapshot(view, async () => {
    const { run } = view
    const state = await periodOf(view)
    const { period } = state
    const users = given ?? (await usersOfPeriod(run, { period, after, limit: USERS + 1 }))
    const shown = given ?? users.slice(0, USERS)
    return { state, users, bills: await userBills(run, { period, users: shown }) }
  })
  const { period } = state
  const timeZone = zoneOfBills(view, state.timeZone)
  const last = given === undefined && users.length > USERS ? users[USERS - 1] : undefined
  return {
    title: `Statements of ${monthName(period)}`,
    timeZone,
    body: html`<p class="links screen"><a href="${href(view, `/bills/${period}`)}">Bills of ${monthName(period)}</a> · ${plural(bills.length, 'statement')}${last !== undefined && ' of more'}. Each begins on a sheet of its own when this page is printed. <button type="button" class="button print">Print</button></p>
${bills.length === 0 ? nothing(given === undefined ? `No bills in ${monthName(period)}.` : `No bills of ${given.length === 1 ? 'this user' : 'these users'} in ${monthName(period)}.`) : bills.map((bill) => statement(view, state, bill, timeZone))}
<nav class="pager" aria-label="Pages of the list">${after !== undefined && html`<a class="button" href="${hrefHere(view, { after: null })}">First</a>`}${last !== undefined && html`<a class="button" rel="next" href="${hrefHere(view, { after: last })}">Next users →</a>`}</nav>`,
  }
}

type Line = Omit<UserBillLine, 'meter' | 'modelId'> & {
  meter: string
  modelId: string
  isTotal: boolean
}

function statement(view: PageView, state: BillingPeriod, bill: UserBill, timeZone: string): Markup {
  const { userId, bills, corrections, cost, paid, unpaid, unpaidBills, lines } = bill
  const { period, startTime, endTime, closedAt, differs } = state
  const total: Line = {
    ...{
      isTotal: true,
      isCorrection: false,
      provider: null,
      modelId: '',
      meter: '',
      quantity: null,
    },
    ...{ unitPrice: null, cost, costSource: 'given' },
  }
  // With all digits: a statement is compared with other records.
  const facts: [string, Markup | string][] = [
    ['Billed', exactDollars(cost)],
    ['Paid', exactDollars(paid)],
    [
      'Unpaid',
      html`<strong>${exactDollars(unpaid)}</strong>${unpaidBills > 0 && html` for ${plural(unpaidBills, 'bill')}`}`,
    ],
    [
      'Bills',
      html`<a href="${href(view, `/bills/${period}/records`, { user: exactly(userId) })}">${plural(bills, 'bill')}</a>${corrections > 0 && ` of which ${plural(corrections, 'correction')}`}`,
    ],
    [
      'Period',
      startTime && endTime
        ? `${spanIn(startTime, endTime, state.timeZone)} in ${state.timeZone}`
        : period,
    ],
    [
      'State',
      closedAt === null
        ? `open on ${formatTime(view.now.toISOString(), timeZone, 'minutes')}`
        : `closed on ${formatTime(closedAt, timeZone, 'minutes')}${differs ? '; bills have changed since' : ''}`,
    ],
  ]
  return html`<section class="statement"><h2>${name(userId)} · ${monthName(period)}</h2>
<dl class="facts">${facts.map(([head, value]) => html`<dt>${head}</dt><dd>${value}</dd>`)}</dl>
${table({
  caption: `Lines of ${readable(userId)}, added up by model and price, in US dollars with all digits`,
  file: `statement-${period}`,
  columns: COLUMNS.filter(({ head }) => isUsed(head, lines)),
  rows: lines.map((line): Line => ({ ...line, isTotal: false })),
  total,
})}
${lines.some(({ costSource }) => costSource === 'unpriced') && html`<p class="note">Lines without a price are not in the total.</p>`}
</section>`
}

const digits = (
  head: string,
  field: string,
  value: (line: Line) => string | null,
): Cells<Line> => ({
  head,
  kind: 'number',
  data: { name: field, kind: 'amount', value },
  cells: (lines) => lines.map((line) => withoutZeros(value(line), line)),
})

const withoutZeros = (value: string | null, { isTotal }: Line) =>
  value === null ? (isTotal ? '' : UNKNOWN) : bare(value).replace('-', '−')

/** Columns that only some engines and prices fill. */
const isUsed = (head: string, lines: readonly UserBillLine[]) =>
  head === PROVIDER
    ? lines.some(({ provider }) => provider !== null)
    : head === PRICE
      ? lines.some(({ unitPrice }) => unitPrice !== null)
      : true
const PROVIDER = 'Provider'
const PRICE = 'Price per million'

const METERS: Record<string, string> = {
  input: 'input tokens',
  output: 'output tokens',
  cache_read: 'cache read tokens',
  cache_write: 'cache write tokens',
  reasoning: 'reasoning tokens',
  request: 'requests',
  given: 'cost as given',
}

const COLUMNS: Cells<Line>[] = [
  texts('Model', 'modelId', ({ modelId }: Line) => modelId, {
    kind: 'name',
    shown: ({ modelId, isTotal, isCorrection }) =>
      isTotal ? 'total' : html`${name(modelId)}${isCorrection && html` <em>(correction)</em>`}`,
  }),
  texts(PROVIDER, 'provider', ({ provider }: Line) => provider ?? '', {
    shown: ({ provider, isTotal }) =>
      provider === null ? (isTotal ? '' : UNKNOWN) : name(provider),
  }),
  texts('For', 'meter', ({ meter }: Line) => meter, {
    shown: ({ meter }) => METERS[meter] ?? meter,
  }),
  {
    ...counts('Quantity', 'quantity', ({ quantity }: Line) => quantity),
    cells: (lines) =>
      counts<Line>('', '', ({ quantity }) => quantity)
        .cells(lines)
        .map((cell, place) => (lines[place]?.isTotal ? '' : cell)),
  },
  digits(PRICE, 'unitPrice', ({ unitPrice, meter }) => (meter === 'request' ? null : unitPrice)),
  // Tokens of a call with a given cost have no cost of their own.
  digits('Cost, USD', 'cost', ({ cost, costSource, meter, isTotal }) =>
    isTotal || costSource === 'priced' || meter === 'given' ? cost : null,
  ),
]
