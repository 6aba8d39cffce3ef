import type { Hono } from 'hono'
import { WfstoreError } from '../../error.ts'
import { plural } from '../../numbers.ts'
import { html, type Markup } from '../markup/markup.ts'
import { count, money } from '../markup/numbers.ts'
import type { Site, SiteEnv } from '../site.ts'
import { historySection, type RemovedSoFar, removedSoFar } from './cleanup/history.ts'
import { planOf, planSection } from './cleanup/plan.ts'
import { figure, figures, notes } from './figures.ts'
import { hrefHere } from './links.ts'
import { page } from './page.ts'
import { checkParameters, wholeNumberOf } from './parameters.ts'
import type { PageView } from './view.ts'

const MOST_DAYS = 36_500
/** Usual numbers of days. */
const DAYS = [30, 90, 180, 365]

/** Past cleanups, and what the next one would remove. */
export function addCleanup(app: Hono<SiteEnv>, site: Site): void {
  page(app, site, '/cleanup', async (view) => {
    checkParameters(view, ['days', 'keep-last', 'cursor', 'before', 'limit'])
    const days = wholeNumberOf(view, 'days', 1, MOST_DAYS)
    const keepLast = wholeNumberOf(view, 'keep-last', 1, 999_999_999)
    if (keepLast !== undefined && days === undefined)
      throw new WfstoreError('usage', 'keep-last is given without days', { hint: 'add days=90' })
    const removed = await removedSoFar(view.run)
    const planned = days === undefined ? undefined : { days, keepLast }
    return {
      title: 'Cleanup',
      about: 'A cleanup removes old runs with their steps, audit entries and metrics.',
      body: html`${headline(removed)}
${form(view)}
${planned !== undefined && planSection(view, planned, await planOf(view, planned))}
${await historySection(view)}
${notes([
  removed.archives > 0 &&
    html`${plural(removed.archives, 'cleanup')} wrote an archive. <code>wfstore archive verify FOLDER</code> checks its files, and <code>wfstore restore FOLDER</code> brings its rows back; totals do not change.`,
])}`,
    }
  })
}

const headline = ({ runs, cost }: RemovedSoFar): Markup =>
  figures([
    figure('Removed runs', count(runs), 'in all totals'),
    figure('Their cost', money(cost), 'in all totals'),
  ])

function form(view: PageView): Markup {
  const { site, parameters } = view
  const given = (flag: string) => parameters.get(flag) ?? ''
  const links = DAYS.map((days) => {
    const isCurrent = given('days') === String(days)
    return html`<a href="${hrefHere(view, { days, cursor: null, before: null })}"${isCurrent && html` aria-current="true"`}>${plural(days, 'day')}</a>`
  })
  return html`<nav class="times" aria-label="Count what a cleanup would remove that is older than">${links}</nav>
<form class="filter" method="get" action="${site.basePath}/cleanup" aria-label="Count what a cleanup would remove"><div class="fields">
<label><span>Older than, days</span><input name="days" inputmode="numeric" value="${given('days')}" autocomplete="off"></label>
<label><span>Keep the newest of each workflow</span><input name="keep-last" inputmode="numeric" value="${given('keep-last')}" autocomplete="off"></label>
<div><button class="button main">Count</button></div></div></form>`
}
