import type { Hono } from 'hono'
import { formatTime } from '../../cli/output/text/format.ts'
import { serverTime } from '../../db/query/server-time.ts'
import { plural } from '../../numbers.ts'
import { type FailureGroups, groupFailures } from '../../queries/errors/groups.ts'
import {
  countRunning,
  type HourOfRuns,
  type RunningCounts,
  runsPerHour,
} from '../../queries/executions/activity.ts'
import {
  listRunning,
  type RunningExecution,
  STUCK_AFTER_MS,
} from '../../queries/executions/running.ts'
import { type CostReport, costBy } from '../../queries/usage/cost.ts'
import { removedNote, unpricedText } from '../../queries/usage/notes.ts'
import { type Bar, stackedBars } from '../markup/chart.ts'
import { html, type Markup, name, nothing } from '../markup/markup.ts'
import { change, count, dollars, money } from '../markup/numbers.ts'
import { amounts, type Cells, counts, table, texts } from '../markup/table.ts'
import type { Site, SiteEnv } from '../site.ts'
import { executionColumn, filterLink, since, time } from './cells.ts'
import { executionHref, href } from './links.ts'
import { page } from './page.ts'
import { inSnapshot, type PageView } from './view.ts'

/** Rows of each table. */
const ROWS = 20
const GROUPS = 8
const HOURS = 24
const STUCK_MINUTES = plural(STUCK_AFTER_MS / 60_000, 'minute')
const HOUR_MS = 3_600_000
/** What reads many rows is read again with each fifth update only. */
const SELDOM = 5

/** What is happening: running and stuck runs, recent errors, and the cost of today. */
export function addNow(app: Hono<SiteEnv>, site: Site): void {
  page(app, site, '/', async (view) => ({ title: 'Now', body: await body(view) }))
}

interface Current {
  counts: RunningCounts
  stuck: RunningExecution[]
  running: RunningExecution[]
  failures: FailureGroups
}

async function body(view: PageView): Promise<Markup> {
  const { run } = view
  const isFull = view.update % SELDOM === 0
  // The times of runs are from the clock of the database.
  const now = await serverTime(run)
  const { current, today, hours } = await inSnapshot(view, async () => ({
    current: await readCurrent(view, now),
    today: isFull && (await costToday(view, now)),
    hours: isFull && (await runsPerHour(run, HOURS, view.timeZone)),
  }))
  const {
    counts: { running, stuck },
    failures,
  } = current
  view.news(
    `${plural(running, 'run')} running, ${stuck} stuck, ${plural(failures.runs, 'error')} in the last hour`,
  )
  return html`
<ul class="figures">${figures(view, current)}${today && view.live('cost', costFigure(today), 'li')}</ul>
${view.live(
  'stuck',
  html`${
    stuck > 0 &&
    html`<section><h2>Stuck</h2>${runs(view, current.stuck, `Runs without a write for ${STUCK_MINUTES} or longer`, stuck)}</section>`
  }`,
)}
${view.live(
  'running',
  html`<section><h2>Running${running > 0 && seeAll(href(view, '/executions', { status: 'running' }), 'All running runs')}</h2>${
    current.running.length > 0
      ? runs(view, current.running, 'Active runs, longest running first', running - stuck)
      : nothing(stuck > 0 ? 'All running runs are stuck.' : 'No run is running.')
  }</section>`,
)}
<div class="columns">
${view.live('failures', html`<section><h2>Errors in the last hour${failures.runs > 0 && seeAll(href(view, '/errors', { since: '1h' }), 'All errors')}</h2>${failuresTable(view, failures)}</section>`)}
${hours && view.live('hours', html`<section><h2>Runs per hour</h2>${hoursChart(view, hours)}</section>`)}
</div>
<noscript><p class="note">Read at ${time(view, now.toISOString())}. Load the page again for the current state.</p></noscript>`
}

const seeAll = (to: string, text: string) => html` <a class="more" href="${to}">${text}</a>`

const figure = (head: string, value: Markup | string, about: Markup | string) =>
  html`<span class="head">${head}</span> <span class="value">${value}</span> <span class="about">${about}</span>`

function figures(
  view: PageView,
  { counts: { running, stuck }, failures, running: [longest] }: Current,
) {
  const longestSince =
    longest === undefined ? 'no active run' : html`longest ${since(view, longest.startTime)}`
  const before = failures.groups.reduce((sum, group) => sum + group.before, 0)
  return [
    view.live('figure-running', figure('Running', count(running), longestSince), 'li'),
    view.live(
      'figure-stuck',
      figure(
        'Stuck',
        stuck > 0 ? html`<strong class="warn">${count(stuck)}</strong>` : '0',
        `no write for ${STUCK_MINUTES}`,
      ),
      'li',
    ),
    view.live(
      'figure-errors',
      figure(
        'Errors in the last hour',
        failures.runs > 0 ? html`<strong class="bad">${count(failures.runs)}</strong>` : '0',
        failures.total > failures.groups.length
          ? `${plural(failures.total, 'group')}`
          : `${count(before)} in the hour before`,
      ),
      'li',
    ),
  ]
}

/** The runs of today, and of the same weekday a week before up to the same time of day. */
interface Today {
  cost: CostReport
  before: CostReport
  /** 'Sat, 21 Nov' */
  weekday: string
  /** '14:05' */
  clock: string
}

async function costToday({ run, timeZone }: PageView, now: Date): Promise<Today> {
  const { Temporal } = await import('temporal-polyfill')
  const instant = Temporal.Instant.fromEpochMilliseconds(now.getTime())
  const today = instant.toZonedDateTimeISO(timeZone)
  const before = today.subtract({ weeks: 1 })
  const costOf = (moment: typeof today) =>
    costBy(run, {
      by: 'mode',
      top: 1,
      since: new Date(moment.startOfDay().epochMilliseconds),
      until: new Date(moment.epochMilliseconds),
    })
  const day = { timeZone, weekday: 'short', day: 'numeric', month: 'short' } as const
  return {
    cost: await costOf(today),
    before: await costOf(before),
    weekday: new Intl.DateTimeFormat('en-GB', day).format(before.epochMilliseconds),
    clock: formatTime(now.toISOString(), timeZone, 'minutes').slice(11),
  }
}

function costFigure({ cost, before, weekday, clock }: Today): Markup {
  const [is, was] = [cost.total, before.total]
  const changed = change(Number(is.cost), Number(was.cost))
  const unpriced = unpricedText(cost.unpriced)
  return figure(
    'Cost today',
    money(is.cost),
    html`${plural(is.runs, 'run')}; ${changed !== null && html`${changed} compared with `}${weekday} to ${clock}${changed !== null && html` (${dollars(was.cost)})`}${changed === null && html`: ${dollars(was.cost)}`}${unpriced !== undefined && html`. ${unpriced}.`}`,
  )
}

async function readCurrent({ run }: PageView, now: Date): Promise<Current> {
  const counts = await countRunning(run)
  const { rows: stuck } = await listRunning(run, { stuck: true, limit: ROWS })
  const { rows: running } = await listRunning(run, { stuck: false, limit: ROWS })
  const since = new Date(now.getTime() - HOUR_MS)
  const hour = await groupFailures(run, { since, until: now, limit: GROUPS })
  return { counts, stuck, running, failures: hour }
}

const runs = (view: PageView, rows: RunningExecution[], caption: string, all: number) =>
  table({
    caption: rows.length < all ? `${caption} (${count(rows.length)} of ${count(all)})` : caption,
    columns: runningColumns(view),
    rows,
    csv: false,
    reflow: true,
    key: ({ executionId }) => executionId,
  })

const runningColumns = (view: PageView): Cells<RunningExecution>[] => [
  texts('Workflow', 'workflowName', ({ workflowName }) => workflowName, {
    kind: 'name',
    shown: ({ workflowName, executionId }) =>
      html`<a href="${executionHref(view, executionId)}">${name(workflowName)}</a>`,
  }),
  texts('Running for', 'startTime', ({ startTime }) => startTime, {
    kind: 'number',
    shown: ({ startTime }) => since(view, startTime),
  }),
  texts('Last write', 'lastWriteTime', ({ lastWriteTime }) => lastWriteTime, {
    kind: 'number',
    shown: ({ lastWriteTime }) => html`${since(view, lastWriteTime)} ago`,
  }),
  texts('Steps', 'steps', stepsOf, { kind: 'number' }),
  amounts('Cost', 'totalCost', ({ totalCost }) => totalCost),
  texts('User', 'userId', ({ userId }) => userId, {
    shown: ({ userId }) => filterLink(view, 'user', userId),
  }),
  texts('Model', 'modelId', ({ modelId }) => modelId),
  executionColumn(view, 'Run', ({ executionId }) => executionId),
]

/** The column is 0 if the engine did not say how many there will be. */
export const stepsOf = ({
  stepsCompleted,
  stepsTotal,
}: Pick<RunningExecution, 'stepsCompleted' | 'stepsTotal'>) =>
  `${stepsCompleted}/${stepsTotal || '–'}`

type Group = FailureGroups['groups'][number]

function failuresTable(view: PageView, { groups, total, removedRuns }: FailureGroups): Markup {
  const current = groups.filter(({ runs }) => runs > 0)
  if (current.length === 0) return nothing('No run has failed.')
  const columns: Cells<Group>[] = [
    texts('Message', 'example', ({ example, fingerprint }) => example ?? fingerprint, {
      kind: 'message',
      shown: ({ example, fingerprint, exampleExecutionId }) =>
        html`<a href="${executionHref(view, exampleExecutionId)}">${name(example ?? (fingerprint || 'no message'))}</a>`,
    }),
    counts('Runs', 'runs', ({ runs }) => runs),
    counts('Hour before', 'before', ({ before }) => before),
    counts('Users', 'users', ({ users }) => users),
    texts('Last', 'lastTime', ({ lastTime }) => lastTime, {
      shown: ({ lastTime }) => html`${since(view, lastTime)} ago`,
    }),
  ]
  const cut = total > groups.length ? `, the ${groups.length} largest of ${count(total)}` : ''
  return html`${table({ caption: `Messages of failed and partial runs${cut}`, columns, rows: current, csv: false, key: ({ fingerprint }) => fingerprint })}
${(removedRuns ?? 0) > 0 && html`<p class="note">${removedNote(removedRuns ?? 0)}.</p>`}`
}

function hoursChart({ timeZone }: PageView, hours: HourOfRuns[]): Markup {
  if (hours.every(({ runs }) => runs === 0))
    return nothing(`No run has started in the last ${HOURS} hours.`)
  const bars = hours.map(({ hour, runs, failed, partial }): Bar => {
    const label = formatTime(hour, timeZone, 'minutes').slice(11)
    return {
      label,
      title: `${label}: ${plural(runs, 'run')}, ${failed} failed, ${partial} partial`,
      values: [runs - failed - partial, partial, failed],
    }
  })
  const sum = (of: (hour: HourOfRuns) => number) =>
    count(hours.reduce((all, one) => all + of(one), 0))
  const about = `${sum(({ runs }) => runs)} runs started in the last ${HOURS} hours, ${sum(({ failed }) => failed)} failed and ${sum(({ partial }) => partial)} partial`
  const keys = [
    ['m0', 'other runs'],
    ['s-partial', 'partial'],
    ['s-failed', 'failed'],
  ] as const
  return html`${stackedBars({ label: about, classes: keys.map(([key]) => key), bars, unit: '' })}
<ul class="legend">${keys.map(([key, word]) => html`<li><i class="key ${key}"></i>${word}</li>`)}</ul>
<p class="note">${about}.</p>`
}
