import { plural } from '../../numbers.ts'
import type { Agreement } from '../../queries/billing/reconcile.ts'
import { longDate, monthsBetween, spanIn } from '../markup/dates.ts'
import { html, type Markup, name } from '../markup/markup.ts'
import { dollars } from '../markup/numbers.ts'
import { amounts, counts, table, texts } from '../markup/table.ts'
import type { PageData, PageMonth } from './data.ts'
import { note, section } from './section.ts'

/** The bills of each month that the time of the report touches, and whether they match the runs. */

type Kind = Agreement['kind']

const ROW_OF_KIND: Record<Kind, string> = {
  agrees: 'runs that match their bills',
  unbilled: 'runs without a bill',
  differs: 'runs that differ from their bills',
  no_run: 'bills without a run id',
  run_gone: 'removed runs: only their bills are kept',
  corrected: 'runs with a corrected bill',
}
/** The others need no action: a correction has a reason, and cleanup removes runs but no bills. */
export const FAULTS: readonly Kind[] = ['unbilled', 'differs']

const titleOf = (month: string) => longDate('month', month)
const faultsOf = ({ checks }: PageMonth) => checks.filter(({ kind }) => FAULTS.includes(kind))

type State = 'differs' | 'agrees' | 'unknown' | 'empty'

/** Without the runs of its bills, a month neither agrees nor differs. */
function stateOf(month: PageMonth): State {
  if (month.period.differs || faultsOf(month).length > 0) return 'differs'
  if (month.checks.some(({ kind }) => kind === 'agrees' || kind === 'corrected')) return 'agrees'
  return month.checks.length > 0 ? 'unknown' : 'empty'
}

const STATES: Record<State, string> = {
  differs: 'bills and runs differ',
  agrees: 'bills and runs agree',
  unknown: 'there are no runs to compare the bills with',
  empty: 'no bills and no finished runs',
}

/** 'August 2026 to October 2026 and December 2026': months in a row are a range. */
export function namesOf(months: readonly PageMonth[]): string {
  const ranges: string[][] = []
  for (const { month } of months) {
    const range = ranges.at(-1)
    if (range && monthsBetween(range.at(-1) as string, month).length === 2) range.push(month)
    else ranges.push([month])
  }
  const names = ranges.map((range) => {
    const [first, last] = [titleOf(range[0] as string), titleOf(range.at(-1) as string)]
    return first === last ? first : `${first} ${range.length === 2 ? 'and' : 'to'} ${last}`
  })
  return names.length < 3
    ? names.join(' and ')
    : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`
}

/** What is true of all months of the report. */
export function verdict({ months, filter }: PageData): Markup {
  const [differing, agreeing, unknown] = (['differs', 'agrees', 'unknown'] as const).map((state) =>
    months.filter((month) => stateOf(month) === state),
  ) as [PageMonth[], PageMonth[], PageMonth[]]
  const whose = filter.userId === undefined ? '' : ' of the given user'
  if (differing.length > 0) {
    const many = months.length === 1 ? '' : `${differing.length} of ${months.length} months: `
    return html`<p class="verdict bad"><strong>Bills and runs${whose} differ in ${many}</strong>${differing.map(
      (month, index) =>
        html`${index > 0 && '; '}<a href="#m-${month.month}">${titleOf(month.month)}</a> (${faultWords(month)})`,
    )}. ${incomparable(months, unknown)}</p>`
  }
  if (agreeing.length > 0) {
    return html`<p class="verdict good"><strong>Bills and runs${whose} agree</strong> in ${namesOf(agreeing)}. ${incomparable(months, unknown)}</p>`
  }
  return html`<p class="verdict">${
    unknown.length > 0
      ? incomparable(months, unknown)
      : `No bills and no finished runs${whose} in ${namesOf(months)}.`
  }</p>`
}

/** What the check cannot say. */
function incomparable(months: readonly PageMonth[], unknown: readonly PageMonth[]): string {
  const sum = (wanted: Kind) =>
    months
      .flatMap(({ checks }) => checks)
      .filter(({ kind }) => kind === wanted)
      .reduce((all, { count: number }) => all + number, 0)
  const parts = [
    sum('run_gone') > 0 && `${plural(sum('run_gone'), 'removed run')}: only bills are kept`,
    sum('no_run') > 0 && `${plural(sum('no_run'), 'bill')} without a run id`,
  ].filter((part) => part !== false)
  if (parts.length === 0) return ''
  const where =
    unknown.length > 0 && `In ${namesOf(unknown)} there are no runs to compare the bills with.`
  return [`Not compared: ${parts.join('; ')}.`, where].filter((text) => text !== false).join(' ')
}

function faultWords(month: PageMonth): string {
  const words = faultsOf(month).map(({ kind, count: runs, runCost, costDifference }) =>
    kind === 'unbilled'
      ? `${plural(runs, 'run')} without a bill, cost ${dollars(runCost ?? '0')}`
      : `${plural(runs, 'run')} not as billed, billed minus cost ${dollars(costDifference ?? '0')}`,
  )
  return [...words, month.period.differs && 'bills have changed since the close']
    .filter((text) => text !== false)
    .join('; ')
}

export function monthsSection(data: PageData): Markup {
  const { months, statements, billingZone, timeZone, filter } = data
  const narrowed = [filter.mode, filter.modelId, filter.workflowName, filter.status, filter.tags]
  const columns = [
    texts<PageMonth>('Month', 'month', ({ month }) => month, {
      kind: 'name',
      shown: (row) =>
        row.month === '' ? 'total' : html`<a href="#m-${row.month}">${titleOf(row.month)}</a>`,
    }),
    counts<PageMonth>('Runs', 'runs', (row) => row.runs),
    amounts<PageMonth>('Cost, USD', 'cost', (row) => row.cost),
    counts<PageMonth>('Bills', 'bills', (row) => row.bills),
    amounts<PageMonth>('Billed', 'billed', (row) => row.billed),
    amounts<PageMonth>('Paid', 'paid', (row) => row.paid),
    amounts<PageMonth>('Unpaid', 'unpaid', (row) => row.unpaid),
    texts<PageMonth>('State', 'state', (row) => (row.month === '' ? '' : row.period.state)),
    texts<PageMonth>('Check', 'check', (row) => {
      const state = stateOf(row)
      return row.month === '' ? '' : state === 'differs' || state === 'agrees' ? state : '–'
    }),
  ]
  const first = months[0] as PageMonth
  const total = { ...first, ...statements.total, month: '' }
  return section('Bills by month', 'months', [
    table({
      caption: 'Cost of the runs that started, and everything billed, by month',
      file: 'months',
      columns,
      rows: months,
      ...(months.length > 1 && { total }),
    }),
    note([
      `A billing month begins at midnight in ${billingZone}. A bill belongs to the month in which its run ended, a cost to the time at which its run started.`,
      billingZone !== timeZone && `The days of this report are those of ${timeZone}.`,
      narrowed.some((value) => value !== undefined) &&
        'Bills are not filtered by status, mode, model, workflow or tag.',
    ]),
    months.map((month) => monthPart(month, data)),
  ])
}

/** What matches and what differs between the runs and the bills of a month. */
export function checkTable(month: string, checks: readonly Agreement[]): Markup {
  const columns = [
    texts<Agreement>('Runs and bills', 'kind', ({ kind }) => kind, {
      kind: 'name',
      shown: ({ kind }) => ROW_OF_KIND[kind],
    }),
    counts<Agreement>('Number', 'count', (row) => row.count),
    amounts<Agreement>('Billed, USD', 'billedCost', (row) => row.billedCost),
    amounts<Agreement>('Cost of the runs', 'runCost', (row) => row.runCost),
    amounts<Agreement>('Difference', 'costDifference', (row) => row.costDifference),
  ]
  return table({
    caption: `Check of ${titleOf(month)}`,
    file: `check-${month}`,
    columns,
    rows: checks,
  })
}

function monthPart(month: PageMonth, data: PageData): Markup {
  const { period, checks } = month
  const closed = period.closedAt === null ? 'The month is open.' : `The month is closed.`
  const differs = checks.some(({ kind }) => kind !== 'agrees')
  return html`<div class="part" id="m-${month.month}"><h3>${titleOf(month.month)}: ${STATES[stateOf(month)]}</h3>
${note([closed, ...coverage(month, data), period.differs && 'Its bills have changed since it was closed.'])}
${checks.length > 0 && checkTable(month.month, checks)}
${differs && html`<p class="note">To list them: <code>wfstore billing --period ${month.month} --reconcile</code></p>`}
</div>`
}

/** Whether the report has only a part of the runs of a month. */
function coverage({ period }: PageMonth, data: PageData): (string | false)[] {
  const { since, until, timeZone, now } = data
  const [start, end] = [period.startTime, period.endTime].map((at) => Date.parse(at ?? ''))
  if (start === undefined || end === undefined) return []
  const [from, to] = [Math.max(start, Date.parse(since)), Math.min(end, Date.parse(until))]
  const isOver = end <= now.getTime()
  // A report until today cuts a month that is not over at the next midnight, where it has no runs yet.
  const isCut = from > start || (to < end && (isOver || to <= now.getTime()))
  const days = spanIn(new Date(from).toISOString(), new Date(to).toISOString(), timeZone)
  return [
    !isOver && 'It is not over.',
    isCut &&
      `This report has only a part of its runs: ${days}. Its bills and the check are of the whole month.`,
  ]
}

/** The periods that no month shows. */
export const otherPeriodsNote = ({ otherPeriods }: PageData): Markup | false =>
  otherPeriods.length > 0 &&
  html`<li>Bills of these periods are in no month and not in this report: ${otherPeriods.map((period, index) => html`${index > 0 && ', '}${name(period)}`)}.</li>`
