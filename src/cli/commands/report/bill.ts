import { plural } from '../../../numbers.ts'
import type { DifferenceCount, DifferenceKind } from '../../../queries/billing/billing.ts'
import type { PageData } from './data.ts'
import { longDate } from './dates.ts'
import { html, type Markup, name, nothing } from './markup.ts'
import { amount, bare, dollars } from './numbers.ts'

/** The month of bills in which the time of the report ends. */
export function billSection({ period, bill, differences, filter }: PageData): Markup {
  const whose = filter.userId === undefined ? '' : html` of ${name(filter.userId)}`
  const state = period.state === 'open' ? 'open: it still changes' : 'closed'
  const title = html`<h2>The bill for ${longDate('month', period.period)}${whose}</h2>`
  if (bill.records === 0) {
    return html`<section>${title}${nothing('There are no bills in this month.')}</section>`
  }
  const narrowed = [filter.mode, filter.modelId, filter.workflowName].some((f) => f !== undefined)
  return html`<section>${title}
<dl class="headline bill">
${entry('Billed', bill.cost, `${plural(bill.records, 'bill')}, ${state}`)}
${entry('Paid', bill.paidCost, plural(bill.records - bill.unpaidRecords, 'bill'))}
${entry('Unpaid', bill.unpaidCost, plural(bill.unpaidRecords, 'bill'))}
</dl>
<p class="note">The month is that of ${period.timeZone}, and holds what was billed in it, corrections too; the costs above
are of runs that started in the time of this report. ${agreement(differences)}
${period.differs && 'The bills are not those that the month was closed with. '}
${narrowed && 'Bills are of every mode, model and workflow.'}</p>
</section>`
}

const entry = (head: string, cost: string, beside: string) =>
  html`<div><dt>${head}</dt><dd class="value">${amount(bare(cost), '$')}</dd><dd class="beside">${beside}</dd></div>`

const WORDS: Record<DifferenceKind, (count: number) => string> = {
  unbilled: (n) => `${plural(n, 'run')} without a bill`,
  differs: (n) => `${plural(n, 'run')} whose bills come to something else`,
  no_run: (n) => `${plural(n, 'bill')} of no run`,
  run_gone: (n) => `${plural(n, 'bill')} whose run is no longer kept`,
  corrected: (n) => `${plural(n, 'run')} whose bills were corrected`,
}

function agreement(differences: readonly DifferenceCount[]): string {
  if (differences.length === 0) return 'Bills and runs agree.'
  const parts = differences.map(({ kind, count: n, costDifference }) => {
    const known = kind === 'no_run' || kind === 'run_gone' ? null : costDifference
    return `${WORDS[kind](n)}${known === null ? '' : ` (${dollars(bare(known))})`}`
  })
  return `Between bills and runs there are differences: ${parts.join(', ')}.`
}
