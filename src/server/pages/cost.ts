import type { Hono } from 'hono'
import { plural } from '../../numbers.ts'
import type { Dimension } from '../../queries/usage/cost.ts'
import type { UsageFilter } from '../../queries/usage/filter.ts'
import { unknownNotes, unpricedText } from '../../queries/usage/notes.ts'
import { spanIn } from '../markup/dates.ts'
import { html, type Markup } from '../markup/markup.ts'
import { count, dollars, money } from '../markup/numbers.ts'
import type { Site, SiteEnv } from '../site.ts'
import { costChart } from './cost/chart.ts'
import { type CostData, costData } from './cost/data.ts'
import { COST_FILTERS, costForm } from './cost/form.ts'
import { changeOf, costTable } from './cost/table.ts'
import { figure, figures, notes } from './figures.ts'
import { csvHref, href } from './links.ts'
import { type PageContent, page } from './page.ts'
import { wholeNumberOf } from './parameters.ts'
import { filterOf, inSnapshot, type PageView } from './view.ts'

/** The time of the page if the address names none. */
const SINCE = '30d'

/** What runs cost by any dimensions, and what they cost in the time before. */
export function addCost(app: Hono<SiteEnv>, site: Site): void {
  page(app, site, '/cost', async (view) => {
    const given = [...new Set(view.parameters.getAll('by').flatMap((text) => text.split(',')))]
    const by = (given.length > 0 ? given : ['model']) as Dimension[]
    const top = wholeNumberOf(view, 'top', 1, 1000)
    const filter = await filterOf(withTime(view), ['by', 'top'])
    const question = {
      by,
      top,
      filter: filter as UsageFilter,
      timeZone: view.timeZone,
      now: view.now,
    }
    const data = await inSnapshot(view, () => costData(view.run, question))
    return costPage(view, data)
  })
}

function withTime(view: PageView): PageView {
  if (view.parameters.has('since') || view.parameters.has('until')) return view
  const parameters = new URLSearchParams(view.parameters)
  parameters.set('since', SINCE)
  return { ...view, parameters }
}

function costPage(given: PageView, data: CostData): PageContent {
  const view = withTime(given)
  const { since, end, beforeSince, timeZone } = data
  const span = since === null ? `until ${spanIn(end, end, timeZone)}` : spanIn(since, end, timeZone)
  const about =
    since !== null && beforeSince !== null
      ? html`${span}, compared with ${spanIn(beforeSince, since, timeZone)}`
      : span
  const csv = html`<a class="csv" href="${csvHref(view, '/cost', { by: data.by, top: null, tz: timeZone })}">CSV of all rows</a>`
  return {
    title: 'Cost',
    about,
    body: html`${costForm(given, data)}
${headline(data)}
${costChart(data)}
<section><h2>Cost by ${data.by.join(' and ')}</h2>${costTable(view, data, csv)}
${notes(notesOf(view, data))}</section>`,
  }
}

function headline({ total }: CostData): Markup {
  const { cost, costBefore, runs, runsBefore, tokens } = total
  const than = (change: string, before: string) =>
    change === 'new' || change === '–' ? `before: ${before}` : `${change}, before: ${before}`
  return figures([
    figure(
      'Cost',
      money(cost),
      costBefore === null ? null : than(changeOf(cost, costBefore), dollars(costBefore)),
    ),
    figure(
      'Runs',
      count(runs),
      runsBefore === null
        ? null
        : than(changeOf(String(runs), String(runsBefore)), count(runsBefore)),
    ),
    figure('Tokens', count(tokens)),
  ])
}

function notesOf(view: PageView, data: CostData): (string | Markup | false | undefined)[] {
  const { filter, historyCut, historyUnknown, unpriced, by } = data
  const without = unpricedText(unpriced)
  return [
    'Amounts are in US dollars, rounded; the title of an amount and the CSV have all digits. Totals include runs that cleanup has removed.',
    (by.includes('model') || filter.modelId !== undefined) &&
      'Cost counts at the model of its step; a run counts once, at its own model.',
    without !== undefined && html`${without}; run <code>wfstore prices check</code>.`,
    historyCut > 0 &&
      `${plural(historyCut, 'removed run')} ${historyCut === 1 ? 'is' : 'are'} counted at the start of a quarter hour that since or until falls within; use times at :00, :15, :30 or :45 for exact totals.`,
    ...unknownNotes(historyUnknown, filter).map((note) => `${note}.`),
    html`<a href="${hrefTo(view)}">Report of this time</a>, with users, runs and errors, to print or to save.`,
  ]
}

/** The report of the same runs. */
function hrefTo(view: PageView): string {
  const own = COST_FILTERS.map(({ flag }) => [flag, view.parameters.getAll(flag)] as const)
  return href(view, '/report', Object.fromEntries(own))
}
