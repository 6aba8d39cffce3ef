import { plural } from '../../../numbers.ts'
import type { BillLine } from '../../../queries/billing/bill-lines.ts'
import type { ShortBill } from '../../../queries/executions/entries.ts'
import { html, type Markup, name, nothing } from '../../markup/markup.ts'
import { bare, count, money } from '../../markup/numbers.ts'
import { type Cells, counts, table, texts } from '../../markup/table.ts'
import { billLink } from '../bills/links.ts'
import { shortId, status, time, UNKNOWN } from '../cells.ts'
import { href } from '../links.ts'
import type { PageView } from '../view.ts'
import type { Remains } from './data.ts'
import { cut } from './payload.ts'

/** The bill of a run with its lines, and its corrections. */
export function billsSection(
  view: PageView,
  isRunning: boolean,
  { bills, lines, billed }: Remains,
): Markup {
  const shown = bills.rows.toReversed()
  const none = isRunning ? 'A run is billed when it ends' : 'This run has no bill'
  return html`<section id="bills"><h2>${billed.bills > 1 ? 'Bill and corrections' : 'Bill'}</h2>
${shown.length === 0 ? nothing(none) : shown.map((bill) => billOf(view, bill, lines.rows))}
${billed.bills > 1 && html`<p class="note">${plural(billed.bills, 'bill')} with corrections: ${money(billed.cost)}, of which ${money(billed.unpaid)} is unpaid.</p>`}
${bills.hasMore && html`<p class="note">These are the newest ${shown.length} of ${count(billed.bills)} bills.</p>`}
${lines.hasMore && html`<p class="note">These are ${lines.rows.length} of ${count(billed.lines)} lines.</p>`}
</section>`
}

function billOf(view: PageView, bill: ShortBill, lines: readonly BillLine[]): Markup {
  const {
    billingId,
    billingPeriod,
    originalPeriod,
    corrects,
    paid,
    paymentId,
    reason,
    correctedBy,
  } = bill
  const own = lines.filter((line) => line.billingId === billingId).sort(byModel)
  return html`<div class="bill"><h3>${corrects === null ? 'Bill' : 'Correction'} ${billLink(view, billingPeriod, billingId)}: ${money(bill.cost)}</h3>
<dl class="facts run-facts">
<dt>Period</dt><dd><a href="${href(view, `/bills/${encodeURIComponent(billingPeriod)}`)}">${name(billingPeriod)}</a>${originalPeriod !== null && html` <em>instead of ${name(originalPeriod)}, which was closed</em>`}</dd>
<dt>User</dt><dd>${name(bill.userId)}</dd>
<dt>Billed</dt><dd>${time(view, bill.timestamp)}</dd>
<dt>Paid</dt><dd>${paid ? status('paid') : status('unpaid')}${paymentId !== null && html` <span class="soft">${name(paymentId)}</span>`}</dd>
${corrects !== null && html`<dt>Corrects</dt><dd>${shortId(corrects)}</dd>`}
${corrects !== null && reason !== null && html`<dt>Reason</dt><dd>${cut(reason)}${correctedBy !== null && html` <span class="soft">by ${cut(correctedBy)}</span>`}</dd>`}
</dl>
${own.length > 0 && table({ caption: `${plural(own.length, 'line')}, US dollars`, file: `bill-${billingId}`, columns: lineColumns(own), rows: own, reflow: true })}</div>`
}

const ORDER: readonly BillLine['meter'][] = [
  ...(['input', 'cache_read', 'cache_write', 'output', 'reasoning', 'tokens', 'request'] as const),
  'given',
]

const byModel = (a: BillLine, b: BillLine): number =>
  compare(a.modelId, b.modelId) ||
  compare(a.provider ?? '', b.provider ?? '') ||
  ORDER.indexOf(a.meter) - ORDER.indexOf(b.meter)

const compare = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0)

const lineColumns = (lines: readonly BillLine[]): Cells<BillLine>[] => [
  texts<BillLine>('Model', 'modelId', (row) => row.modelId, { kind: 'name' }),
  ...(lines.some(({ provider }) => provider !== null)
    ? [
        texts<BillLine>('Provider', 'provider', (row) => row.provider ?? '', {
          shown: (row) => (row.provider === null ? UNKNOWN : name(row.provider)),
        }),
      ]
    : []),
  texts<BillLine>('Counts', 'meter', (row) => row.meter, {
    shown: (row) => METERS[row.meter] ?? row.meter,
  }),
  counts<BillLine>('Quantity', 'quantity', (row) => row.quantity),
  {
    head: 'Price',
    kind: 'number',
    data: { name: 'unitPrice', kind: 'amount', value: (row) => row.unitPrice },
    cells: (rows) =>
      rows.map(({ unitPrice, meter }) =>
        unitPrice === null
          ? UNKNOWN
          : `${bare(unitPrice)} ${meter === 'request' ? 'each' : 'a million'}`,
      ),
  },
  texts<BillLine>('Source', 'costSource', (row) => row.costSource),
  {
    head: 'Cost',
    kind: 'number',
    data: { name: 'cost', kind: 'amount', value: (row) => row.cost },
    // All digits: the lines of a bill add up to it.
    cells: (rows) =>
      rows.map(({ cost }) => (cost === null ? UNKNOWN : bare(cost).replace('-', '−'))),
  },
]

const METERS: Partial<Record<BillLine['meter'], string>> = {
  cache_read: 'cache read',
  cache_write: 'cache write',
  tokens: 'tokens without a class',
  request: 'requests',
  given: 'given cost',
}
