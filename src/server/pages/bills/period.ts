import { plural } from '../../../numbers.ts'
import { type BillCorrection, correctionsIn } from '../../../queries/billing/corrections.ts'
import type { BillingPeriod } from '../../../queries/billing/periods.ts'
import { checkPeriod, type PeriodCheck } from '../../../queries/billing/reconcile.ts'
import { type SummaryKey, summarize, type UnpricedBills } from '../../../queries/billing/summary.ts'
import { getSettings } from '../../../queries/settings.ts'
import { spanIn } from '../../markup/dates.ts'
import { html, type Markup, name } from '../../markup/markup.ts'
import { count, money } from '../../markup/numbers.ts'
import { FAULTS } from '../../report/months.ts'
import { time } from '../cells.ts'
import { figure, figures, notes } from '../figures.ts'
import { href, hrefHere } from '../links.ts'
import type { PageContent } from '../page.ts'
import { checkParameters, flagOf, valuesIn } from '../parameters.ts'
import { inSnapshot, type PageView } from '../view.ts'
import { correctionsTable } from './corrections.ts'
import { checkSection } from './differences.ts'
import { stateOf } from './list.ts'
import { monthName, periodOf, zoneOfBills } from './period-of.ts'
import { type Summarized, summaryForm, summaryTable } from './summary.ts'

/** The number of differences and corrections that are listed. */
const ROWS = 20
/** A period with more bills is checked when a reader asks for it. */
const CHECKED = 10_000

interface PeriodData extends Summarized {
  state: BillingPeriod
  /** Null if the check was not asked for: it reads every bill and its run. */
  checks: PeriodCheck[] | null
  corrections: BillCorrection[]
  costTags: string[]
}

/** The bills of a period: sums, payment, the check against the runs, corrections. */
export async function periodPage(view: PageView): Promise<PageContent> {
  checkParameters(view, ['reconcile'], ['by', 'user'])
  const isAsked = flagOf(view, 'reconcile')
  const given = view.parameters.getAll('by').flatMap((text) => text.split(','))
  const by = [...new Set(given.length > 0 ? given : ['user'])] as SummaryKey[]
  const userId = valuesIn(view, 'user')
  const data = await inSnapshot(view, async (): Promise<PeriodData> => {
    const { run } = view
    const state = await periodOf(view)
    const { period } = state
    const checks =
      isAsked || state.records <= CHECKED ? await checkPeriod(run, { period, userId }, ROWS) : null
    return {
      ...{ state, period, by, checks },
      summary: await summarize(run, { period, userId, by }),
      corrections: await correctionsIn(run, period, ROWS),
      costTags: (await getSettings(run)).costTags,
    }
  })
  return content(view, data, userId)
}

function content(view: PageView, data: PeriodData, users: string[] | undefined): PageContent {
  const { state, period, by, checks, corrections, costTags } = data
  const timeZone = zoneOfBills(view, state.timeZone)
  const links = [
    html`<a href="${href(view, `/bills/${period}/statements`, { user: users })}">Statements to print</a>`,
    html`<a href="${href(view, `/bills/${period}/records`, { user: users })}">Single bills</a>`,
    html`<a href="${href(view, `/bills/${period}/focus.csv`, { user: users })}" download>FOCUS file</a>`,
    html`<a href="${href(view, '/report', { period, user: users })}">Report</a>`,
  ]
  return {
    title: `Bills of ${monthName(period)}`,
    about: html`${span(state)} · ${stateOf(state)}${state.closedAt !== null && html` since ${time({ timeZone }, state.closedAt, 'minutes')}${state.closedBy !== null && html` by ${name(state.closedBy)}`}`}`,
    timeZone,
    body: html`${headline(data, view.now)}
${problems(view, data)}
<p class="links screen">${links.map((link, place) => html`${place > 0 && ' · '}${link}`)}</p>
${summaryForm(view, by, costTags)}
<section><h2>Bills by ${by.join(' and ')}</h2>${summaryTable(view, data)}</section>
${checks !== null && checkSection(view, period, checks)}
${corrections.length > 0 && html`<section><h2>Corrections</h2>${correctionsTable(view, timeZone, `The newest ${plural(corrections.length, 'correction')} in ${monthName(period)}`, corrections)}</section>`}
${notes([
  'Amounts are in US dollars, rounded; the title of an amount and the CSV have all digits. A bill belongs to the month in which its run ended.',
  by.some((key) => key === 'provider' || key === 'meter') &&
    'A bill can have several providers and meters, so only the total counts bills.',
  users !== undefined && 'Corrections are those of all users.',
])}`,
  }
}

function span({ startTime, endTime, timeZone }: BillingPeriod): string {
  if (startTime === null || endTime === null) return ''
  return `${spanIn(startTime, endTime, timeZone)} in ${timeZone}`
}

function headline({ state, summary }: PeriodData, now: Date): Markup {
  const { total } = summary
  const isOver = state.endTime !== null && Date.parse(state.endTime) <= now.getTime()
  const { unpaidRecords } = total
  return figures([
    figure('Billed', money(total.cost), plural(total.records, 'bill')),
    figure('Paid', money(total.paidCost), null),
    figure(
      'Unpaid',
      money(total.unpaidCost),
      unpaidRecords > 0 ? plural(unpaidRecords, 'unpaid bill') : null,
      isOver && unpaidRecords > 0 ? 'warn' : '',
    ),
    figure('Tokens', count(total.tokensTotal)),
  ])
}

/** What needs a look. */
function problems(view: PageView, { state, summary, checks, period }: PeriodData): Markup {
  const faults = (checks ?? []).filter(({ kind }) => FAULTS.includes(kind))
  return html`${state.differs && html`<p class="notice bad">The bills have changed since the period was closed: it was closed with ${plural(state.records, 'bill')} of ${money(state.cost)}.</p>`}
${faults.map(({ kind, count: number }) => html`<p class="notice bad">${plural(number, 'run')} ${kind === 'unbilled' ? 'without a bill' : 'with another cost or other tokens than billed'}: see <a href="#check">below</a>.</p>`)}
${unpriced(summary.unpriced)}
${checks === null && html`<p class="note"><a href="${hrefHere(view, { reconcile: 'true' })}">Check the bills against their runs</a>: this reads all ${count(state.records)} of them.</p>`}
${checks !== null && checks.length > 0 && faults.length === 0 && !state.differs && html`<p class="good-line">No fault is found between the bills of ${monthName(period)} and their runs.</p>`}`
}

function unpriced({ bills, models, tokens }: UnpricedBills): Markup | false {
  return (
    bills > 0 &&
    html`<p class="notice">${plural(bills, 'bill')} of ${plural(models, 'model')} ${bills === 1 ? 'has' : 'have'} calls without a price (${plural(tokens, 'token')}), which are not in the cost; run <code>wfstore prices check</code>.</p>`
  )
}
