import { type BillLine, listLines } from '../../../queries/billing/bill-lines.ts'
import { type Bill, billRows } from '../../../queries/billing/bills.ts'
import { type BillCorrection, correctionsOf } from '../../../queries/billing/corrections.ts'
import { getZone } from '../../../queries/billing/periods.ts'
import { findIds } from '../../../queries/ids.ts'
import { html, type Markup, name, nothing } from '../../markup/markup.ts'
import { count, exactDollars } from '../../markup/numbers.ts'
import { amounts, type Cells, counts, table, texts } from '../../markup/table.ts'
import { executionLink, filterLink, status, time, UNKNOWN } from '../cells.ts'
import { notes } from '../figures.ts'
import { csvHref, exactly, href } from '../links.ts'
import type { PageContent } from '../page.ts'
import { checkParameters } from '../parameters.ts'
import { inSnapshot, type PageView } from '../view.ts'
import { correctionsTable } from './corrections.ts'
import { billLink } from './links.ts'
import { monthName, zoneOfBills } from './period-of.ts'

/** A bill has fewer lines, except if it is of a very large run. */
const LINES = 500

interface BillData {
  bill: Bill
  zone: string
  lines: BillLine[]
  hasMore: boolean
  corrections: BillCorrection[]
}

/** A bill with its lines and corrections. */
export async function billPage(view: PageView): Promise<PageContent> {
  checkParameters(view, [])
  const data = await inSnapshot(view, async (): Promise<BillData> => {
    const { run, variables } = view
    const [billingId] = (await findIds(run, 'bill', [variables.id ?? ''])) as [string]
    // The period of the address may be that of the bill that a correction in a later month corrects.
    const bill = await billRows(run, run).get(billingId)
    const sort = ['modelId', 'provider', 'meter'] as const
    const { rows, hasMore } = await listLines(run, { billingId, limit: LINES, sort })
    return {
      ...{ bill, lines: rows, hasMore },
      zone: await getZone(run),
      corrections: await correctionsOf(run, billingId),
    }
  })
  return content(view, data)
}

function content(
  view: PageView,
  { bill, zone, lines, hasMore, corrections }: BillData,
): PageContent {
  const timeZone = zoneOfBills(view, zone)
  const { billingId, billingPeriod: period, cost, tokensTotal } = bill
  const csv = html`<a class="csv" href="${csvHref(view, `/billing/records/${billingId}/lines`)}">CSV</a>`
  return {
    title: `Bill ${billingId.slice(0, 8)}`,
    about: html`<span class="id">${billingId}</span>`,
    timeZone,
    body: html`<dl class="facts">${factsOf(view, bill, timeZone).map(([head, value]) => html`<dt>${head}</dt><dd>${value}</dd>`)}</dl>
<section><h2>Lines</h2>${
      lines.length > 0
        ? table({
            caption: hasMore ? `The first ${count(LINES)} lines` : 'What the bill consists of',
            columns: LINE_COLUMNS,
            rows: lines,
            csv,
          })
        : nothing('No lines: the run has no tokens and no cost.')
    }
${notes([`The lines of a bill add up to its cost, ${exactDollars(cost)}, and to its ${count(tokensTotal)} tokens. A price is for a million tokens, or for a request.`])}</section>
${corrections.length > 0 && html`<section><h2>Corrections</h2>${correctionsTable(view, timeZone, `Corrections of this bill, oldest first`, corrections)}</section>`}
<p class="note screen"><a href="${href(view, `/bills/${encodeURIComponent(period)}`)}">Bills of ${monthName(period)}</a></p>`,
  }
}

function factsOf(view: PageView, bill: Bill, timeZone: string): [string, Markup | string][] {
  const { billingPeriod: period, originalPeriod, corrects, executionId, paymentId, tags } = bill
  const tagged = Object.entries(
    typeof tags === 'string' ? (JSON.parse(tags) as object) : (tags ?? {}),
  )
  const facts: ([string, Markup | string] | false)[] = [
    ['Cost', exactDollars(bill.cost)],
    [
      'Payment',
      html`${status(bill.paid ? 'paid' : 'unpaid')}${paymentId !== null && html` with ${name(paymentId)}`}`,
    ],
    [
      'User',
      html`<a href="${href(view, `/bills/${encodeURIComponent(period)}/statements`, { user: exactly(bill.userId) })}">${name(bill.userId)}</a>`,
    ],
    [
      'Period',
      html`${monthName(period)}${originalPeriod !== null && ` instead of ${monthName(originalPeriod)}, which was closed`}`,
    ],
    ['Billed', time({ timeZone }, bill.timestamp)],
    ['Run', executionId === null ? UNKNOWN : executionLink(view, executionId)],
    ['Model', filterLink(view, 'model', bill.modelId)],
    ['Tokens', count(bill.tokensTotal)],
    corrects !== null && ['Corrects', html`bill ${billLink(view, period, corrects)}`],
    tagged.length > 0 && [
      'Tags',
      html`${tagged.map(([tag, value], place) => html`${place > 0 && ', '}${name(`${tag}=${value}`)}`)}`,
    ],
  ]
  return facts.filter((fact) => fact !== false)
}

const LINE_COLUMNS: Cells<BillLine>[] = [
  texts('Model', 'modelId', (line: BillLine) => line.modelId, { kind: 'name' }),
  texts('Provider', 'provider', (line: BillLine) => line.provider ?? '', {
    shown: ({ provider }) => (provider === null ? UNKNOWN : name(provider)),
  }),
  texts('Meter', 'meter', (line: BillLine) => line.meter),
  counts('Quantity', 'quantity', (line: BillLine) => line.quantity),
  amounts('Price', 'unitPrice', (line: BillLine) => line.unitPrice),
  texts('Source', 'costSource', (line: BillLine) => line.costSource),
  amounts('Cost, USD', 'cost', (line: BillLine) => line.cost),
]
