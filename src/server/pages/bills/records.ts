import { BILLS, type Bill, type BillFilter } from '../../../queries/billing/bills.ts'
import { html, type Markup, name, nothing } from '../../markup/markup.ts'
import { amounts, type Cells, counts, table, texts } from '../../markup/table.ts'
import { executionLink, status, time, UNKNOWN } from '../cells.ts'
import { type FilterField, filterForm, filtersOf } from '../filters.ts'
import { csvHref, exactly, href, hrefHere, type LinkParameters } from '../links.ts'
import type { PageContent } from '../page.ts'
import { pageOf } from '../paging.ts'
import { checkParameters, flagOf, valuesIn } from '../parameters.ts'
import type { PageView } from '../view.ts'
import { billLink } from './links.ts'
import { monthName, periodOf, zoneOfBills } from './period-of.ts'

const FIELDS: FilterField[] = [...filtersOf('user'), { flag: 'model', label: 'Model' }]

/** The bills of a period one by one, with the filters of `billing records`. */
export async function recordsPage(view: PageView): Promise<PageContent> {
  checkParameters(view, ['paid', 'unpaid', 'cursor', 'before', 'limit'], ['user', 'model'])
  const [paid, unpaid] = [flagOf(view, 'paid'), flagOf(view, 'unpaid')]
  const state = await periodOf(view)
  const { period } = state
  const filter: BillFilter = {
    billingPeriod: period,
    userId: valuesIn(view, 'user'),
    modelId: valuesIn(view, 'model'),
    paid: paid === unpaid ? undefined : paid,
  }
  const { rows, links } = await pageOf(view, BILLS, filter, undefined)
  const timeZone = zoneOfBills(view, state.timeZone)
  const csv = { period, cursor: null, before: null, limit: null }
  return {
    title: `Single bills of ${monthName(period)}`,
    timeZone,
    body: html`${payments(view)}${filterForm(view, FIELDS)}
<p class="links screen"><a href="${href(view, `/bills/${period}`)}">Bills of ${monthName(period)}</a> · all bills as <a href="${csvHref(view, '/billing/records', csv)}">CSV</a> · their lines as <a href="${csvHref(view, '/billing/lines', { ...csv, paid: null, unpaid: null })}">CSV</a></p>
${rows.length > 0 ? table({ caption: 'Bills, newest first', columns: columnsOf(view, timeZone), rows, csv: false, reflow: true }) : nothing('No bill matches.')}
${links}`,
  }
}

/** All bills, paid ones, unpaid ones. */
function payments(view: PageView): Markup {
  const none = { paid: null, unpaid: null, cursor: null, before: null }
  const [paid, unpaid] = [view.parameters.has('paid'), view.parameters.has('unpaid')]
  const link = (label: string, given: LinkParameters, isCurrent: boolean) =>
    html`<a href="${hrefHere(view, { ...none, ...given })}"${isCurrent && html` aria-current="true"`}>${label}</a>`
  return html`<nav class="times" aria-label="Payment">${link('All', {}, paid === unpaid)}${link('Paid', { paid: 'true' }, paid && !unpaid)}${link('Unpaid', { unpaid: 'true' }, unpaid && !paid)}</nav>`
}

const columnsOf = (view: PageView, timeZone: string): Cells<Bill>[] => [
  {
    head: 'Bill',
    kind: 'name',
    cells: (rows) =>
      rows.map(({ billingPeriod, billingId, corrects }) =>
        corrects === null
          ? billLink(view, billingPeriod, billingId)
          : html`${billLink(view, billingPeriod, billingId)} <em>corrects</em> ${billLink(view, billingPeriod, corrects)}`,
      ),
  },
  texts('Billed', 'timestamp', (row: Bill) => row.timestamp, {
    shown: (row) => time({ timeZone }, row.timestamp),
  }),
  texts('User', 'userId', (row: Bill) => row.userId, {
    shown: ({ userId, billingPeriod }) =>
      html`<a href="${href(view, `/bills/${encodeURIComponent(billingPeriod)}/records`, { user: exactly(userId) })}">${name(userId)}</a>`,
  }),
  texts('Model', 'modelId', (row: Bill) => row.modelId),
  amounts('Cost, USD', 'cost', (row: Bill) => row.cost),
  counts('Tokens', 'tokensTotal', (row: Bill) => row.tokensTotal),
  texts('Payment', 'paid', (row: Bill) => String(row.paid), {
    shown: ({ paid, paymentId }) =>
      html`${status(paid ? 'paid' : 'unpaid')}${paymentId !== null && html` ${name(paymentId)}`}`,
  }),
  {
    head: 'Run',
    cells: (rows) =>
      rows.map(({ executionId }) =>
        executionId === null ? UNKNOWN : executionLink(view, executionId),
      ),
  },
]
