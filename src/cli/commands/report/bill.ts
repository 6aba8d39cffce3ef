import { plural } from '../../../numbers.ts'
import type { DifferenceCount, DifferenceKind } from '../../../queries/billing/billing.ts'
import type { PageData } from './data.ts'
import { longDate } from './dates.ts'
import { html, type Markup, name, nothing } from './markup.ts'
import { amount, bare, dollars } from './numbers.ts'

/** The billing period in which the time of the report ends. */
export function billSection({ period, bill, differences, filter }: PageData): Markup {
  const whose =
    filter.userId === undefined ? '' : html` of ${name([filter.userId].flat().join(' and '))}`
  const state = period.state === 'open' ? 'period open' : 'period closed'
  const title = html`<h2>Bills of ${longDate('month', period.period)}${whose}</h2>`
  if (bill.records === 0) {
    return html`<section>${title}${nothing('No bills in this period.')}</section>`
  }
  const narrowed = [filter.mode, filter.modelId, filter.workflowName].some((f) => f !== undefined)
  return html`<section>${title}
<dl class="headline bill">
${entry('Billed', bill.cost, `${plural(bill.records, 'bill')}, ${state}`)}
${entry('Paid', bill.paidCost, plural(bill.records - bill.unpaidRecords, 'bill'))}
${entry('Unpaid', bill.unpaidCost, plural(bill.unpaidRecords, 'bill'))}
</dl>
<p class="note">The billing period is a month in ${period.timeZone}. It has everything billed in that month, including corrections;
the costs above are of runs that started in the time of this report. ${agreement(differences)}
${period.differs && 'The bills have changed since the period was closed. '}
${narrowed && 'The bills are not filtered by mode, model or workflow.'}</p>
</section>`
}

const entry = (head: string, cost: string, about: string) =>
  html`<div><dt>${head}</dt><dd class="value">${amount(bare(cost), '$')}</dd><dd class="about">${about}</dd></div>`

const DIFFERENCES: Record<DifferenceKind, (count: number) => string> = {
  unbilled: (n) => `${plural(n, 'run')} without a bill`,
  differs: (n) => `${plural(n, 'run')} with a different cost than the bill`,
  no_run: (n) => `${plural(n, 'bill')} without a run id`,
  run_gone: (n) => `${plural(n, 'bill')} of removed runs`,
  corrected: (n) => `${plural(n, 'run')} with a corrected bill`,
}

function agreement(differences: readonly DifferenceCount[]): string {
  if (differences.length === 0) return 'All bills match their runs.'
  const parts = differences.map(({ kind, count: n, costDifference }) => {
    const known = kind === 'no_run' || kind === 'run_gone' ? null : costDifference
    return `${DIFFERENCES[kind](n)}${known === null ? '' : ` (${dollars(bare(known))})`}`
  })
  return `Differences between bills and runs: ${parts.join(', ')}.`
}
