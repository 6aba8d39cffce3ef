import type { Hono } from 'hono'
import { plural } from '../../numbers.ts'
import {
  type FailureTrend,
  type FailureTrends,
  failureTrends,
} from '../../queries/errors/groups.ts'
import { removedNote } from '../../queries/usage/notes.ts'
import { html, type Markup, name, nothing } from '../markup/markup.ts'
import { count } from '../markup/numbers.ts'
import { type Cells, counts, shares, table, texts } from '../markup/table.ts'
import type { Site, SiteEnv } from '../site.ts'
import { executionLink, time } from './cells.ts'
import { fingerprintText, groupHref, groupPage } from './errors/group.ts'
import { changeText, spark, trendMark } from './errors/spark.ts'
import { failureFilter, lengthOf, PARTS, spanText } from './errors/window.ts'
import { figure, figures, notes } from './figures.ts'
import { filterForm, filtersOf } from './filters.ts'
import { apiHref, csvHref, hrefHere } from './links.ts'
import { type PageContent, page } from './page.ts'
import { limitOf } from './paging.ts'
import { inSnapshot, type PageView } from './view.ts'

/** The groups of errors, and the runs of one group. */
export function addErrors(app: Hono<SiteEnv>, site: Site): void {
  page(app, site, '/errors', groupsPage)
  page(app, site, '/errors/group', groupPage)
}

const FIELDS = filtersOf(
  'since',
  'until',
  'workflow',
  'user',
  'model',
  'mode',
  'tool',
  'tag',
  'session',
  'parent',
  'execution',
)

async function groupsPage(view: PageView): Promise<PageContent> {
  const limit = limitOf(view)
  const filter = await failureFilter(view, ['limit'])
  const until = filter.until ?? view.now
  const trends = await inSnapshot(view, () =>
    failureTrends(view.run, { ...filter, until, limit }, PARTS),
  )
  const { groups, total, removedRuns } = trends
  return {
    title: 'Errors',
    about: `${spanText(view, trends)}. An error is a failed or a partial run`,
    body: html`${filterForm(view, FIELDS)}
${numbers(trends)}
${groups.length === 0 ? nothing(removedRuns ? 'No errors in runs that are kept.' : 'No errors in this time, nor in the time before.') : html`${saved(view, trends)}${table({ caption: captionOf(groups.length, total), columns: columns(view, trends), rows: groups, csv: false, reflow: true })}`}
${notes([
  groups.length < total &&
    html`${plural(total - groups.length, 'smaller group')} not shown. <a href="${hrefHere(view, { limit: Math.min(500, total) })}">Show more</a>`,
  removedRuns !== null && removedRuns > 0 && `${removedNote(removedRuns)}.`,
  removedRuns === null &&
    'Runs that cleanup has removed are in no group. Their history does not know these filters, so they are not counted.',
])}`,
  }
}

const captionOf = (shown: number, total: number): string =>
  shown < total
    ? `The ${count(shown)} largest of ${plural(total, 'group')}`
    : plural(total, 'group')

function numbers(trends: FailureTrends): Markup {
  const { runs, before, total, groups } = trends
  const fresh = groups.filter(({ trend }) => trend === 'new').length
  return figures([
    figure(
      'Failed and partial runs',
      count(runs),
      html`${count(before)} in the ${lengthOf(trends)} before (${changeText(runs, before)})`,
      runs > 0 ? 'bad' : '',
    ),
    figure('Groups', count(total), groups.length < total ? null : `${count(fresh)} new`),
  ])
}

/** Links to all groups of the same window. */
function saved(view: PageView, { since, until }: FailureTrends): Markup {
  const all = { limit: 'all', since, until }
  return html`<div class="counted"><p class="screen">All as <a href="${csvHref(view, '/errors/groups', all)}" download="errors.csv">CSV</a> or <a href="${apiHref(view, '/errors/groups', all)}">JSON</a></p></div>`
}

const columns = (view: PageView, trends: FailureTrends): Cells<FailureTrend>[] => {
  const ms = Date.parse(trends.until) - Date.parse(trends.since)
  return [
    texts<FailureTrend>('Message', 'fingerprint', (row) => row.fingerprint, {
      kind: 'name',
      shown: ({ fingerprint, example }) =>
        html`<a href="${groupHref(view, fingerprint, trends)}">${fingerprintText(fingerprint)}</a>${example !== null && example !== fingerprint && html`<span class="why">${name(example)}</span>`}`,
    }),
    { head: 'Trend', cells: (rows) => rows.map(({ trend }) => trendMark(trend)) },
    { head: 'Before and now', cells: (rows) => rows.map((row) => spark(row, ms)) },
    counts<FailureTrend>('Runs', 'runs', (row) => row.runs),
    counts<FailureTrend>('Before', 'before', (row) => row.before),
    {
      head: 'Change',
      kind: 'number',
      cells: (rows) => rows.map(({ runs, before }) => changeText(runs, before)),
    },
    shares<FailureTrend>('Share', 'share', (row) => row.share),
    counts<FailureTrend>('Failed steps', 'stepsFailed', (row) => row.stepsFailed),
    counts<FailureTrend>('Users', 'users', (row) => row.users),
    {
      head: 'Workflows',
      cells: (rows) => rows.map(({ workflowNames }) => workflows(workflowNames)),
    },
    texts<FailureTrend>('Last', 'lastTime', (row) => row.lastTime, {
      shown: (row) => time(view, row.lastTime, 'minutes'),
    }),
    {
      head: 'Newest run',
      cells: (rows) => rows.map((row) => executionLink(view, row.exampleExecutionId)),
    },
  ]
}

const workflows = ([first = '', ...others]: readonly string[]): Markup =>
  html`${name(first)}${others.length > 0 && html` <span class="soft">and ${count(others.length)} more</span>`}`
