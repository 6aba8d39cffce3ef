import { type BillingPeriod, getZone, listPeriods } from '../../../queries/billing/periods.ts'
import { isMonth } from '../../../tables/column.ts'
import { html, type Markup, name, nothing } from '../../markup/markup.ts'
import { count } from '../../markup/numbers.ts'
import { amounts, type Cells, counts, table, texts } from '../../markup/table.ts'
import { status, time, UNKNOWN } from '../cells.ts'
import { notes } from '../figures.ts'
import { csvHref, href, hrefHere } from '../links.ts'
import type { PageContent } from '../page.ts'
import { checkParameters } from '../parameters.ts'
import { inSnapshot, type PageView } from '../view.ts'
import { monthName, zoneOfBills } from './period-of.ts'

/** The number of periods of a page. */
const ROWS = 24

/** All periods with their state, newest first. */
export async function billsPage(view: PageView): Promise<PageContent> {
  checkParameters(view, ['before'])
  const before = view.parameters.get('before') ?? undefined
  const { zone, found } = await inSnapshot(view, async () => ({
    zone: await getZone(view.run),
    found: await listPeriods(view.run, { before, limit: ROWS + 1 }),
  }))
  const rows = found.slice(0, ROWS)
  const timeZone = zoneOfBills(view, zone)
  const last = rows.at(-1)
  const links = html`<nav class="pager" aria-label="Pages of the list">${before !== undefined && html`<a class="button" href="${hrefHere(view, { before: null })}">Newest</a>`}${
    found.length > ROWS &&
    last !== undefined &&
    html`<a class="button" rel="next" href="${hrefHere(view, { before: last.period })}">Older →</a>`
  }</nav>`
  return {
    title: 'Bills',
    about: html`Months begin at midnight in ${zone}.`,
    timeZone,
    body: html`<p class="links"><a href="${href(view, '/bills/this')}">The current month</a> · <a href="${href(view, '/bills/last')}">the month before</a></p>
${
  rows.length > 0
    ? table({
        caption: 'Billing periods, newest first',
        columns: columnsOf(view, timeZone),
        rows,
        csv: html`<a class="csv" href="${csvHref(view, '/billing/periods', { before: null })}">CSV</a>`,
      })
    : nothing('No bills.')
}
${links}
${notes([
  'Amounts are in US dollars, rounded; the title of an amount and the CSV have all digits.',
  rows.some(({ differs }) => differs) &&
    'The bills of a period that differs have changed since it was closed: its cost is that of the close.',
])}`,
  }
}

const columnsOf = (view: PageView, timeZone: string): Cells<BillingPeriod>[] => [
  texts('Period', 'period', ({ period }: BillingPeriod) => period, {
    kind: 'name',
    shown: ({ period }) =>
      isMonth(period)
        ? html`<a href="${href(view, `/bills/${period}`)}">${monthName(period)}</a>`
        : name(period),
  }),
  texts('State', 'state', (row: BillingPeriod) => row.state, { shown: stateOf }),
  texts('Payment', 'payment', paymentOf, { shown: (row) => payment(row) }),
  amounts('Billed, USD', 'cost', (row: BillingPeriod) => row.cost),
  amounts('Paid', 'paidCost', (row: BillingPeriod) => row.paidCost),
  amounts('Unpaid', 'unpaidCost', (row: BillingPeriod) => row.unpaidCost),
  counts('Bills', 'records', (row: BillingPeriod) => row.records),
  counts('Tokens', 'tokensTotal', (row: BillingPeriod) => row.tokensTotal),
  texts('Closed', 'closedAt', ({ closedAt }: BillingPeriod) => closedAt ?? '', {
    shown: ({ closedAt, closedBy }) =>
      html`${time({ timeZone }, closedAt, 'minutes')}${closedBy !== null && html` by ${name(closedBy)}`}`,
  }),
]

/** Open or closed, and whether its bills have changed since the close. */
export const stateOf = ({ state, differs }: BillingPeriod): Markup =>
  html`${status(state)}${differs && html` ${status('differs')}`}`

const paymentOf = ({ records, unpaidRecords }: BillingPeriod): string =>
  records === 0
    ? UNKNOWN
    : unpaidRecords === 0
      ? 'paid'
      : unpaidRecords === records
        ? 'unpaid'
        : `${count(unpaidRecords)} unpaid`

/** Whether its bills are paid. */
export const payment = (row: BillingPeriod): Markup | string => {
  const word = paymentOf(row)
  return word === 'paid' || word === 'unpaid' ? status(word) : word
}
