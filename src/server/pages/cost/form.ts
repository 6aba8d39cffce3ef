import { DIMENSIONS } from '../../../queries/usage/cost.ts'
import { dayOf, monthBefore } from '../../markup/dates.ts'
import { html, type Markup } from '../../markup/markup.ts'
import { filterForm, filtersOf } from '../filters.ts'
import { keyFields } from '../keys.ts'
import { hrefHere } from '../links.ts'
import type { PageView } from '../view.ts'
import type { CostData } from './data.ts'

/** The filters of `wfstore cost`. */
export const COST_FILTERS = filtersOf(
  ...['since', 'until', 'user', 'workflow', 'model', 'mode', 'status', 'tag'],
)

/** The form of the page, and links to usual times. */
export const costForm = (view: PageView, data: CostData): Markup =>
  html`${times(view, data)}${filterForm(view, COST_FILTERS, keyFields('Cost by', DIMENSIONS, data.costTags, data.by))}`

function times(view: PageView, { now, timeZone, since, beforeSince }: CostData): Markup {
  const month = dayOf(now.toISOString(), timeZone).slice(0, 7)
  const links: [string, string | null, string | null][] = [
    ['Last 7 days', '7d', null],
    ['Last 30 days', '30d', null],
    ['This month', `${month}-01`, null],
    ['Last month', `${monthBefore(month)}-01`, `${month}-01`],
  ]
  const given = (name: string) => view.parameters.get(name)
  const isDefault = given('since') === null && given('until') === null
  const [isSince, isUntil] = isDefault ? ['30d', null] : [given('since'), given('until')]
  return html`<nav class="times" aria-label="Time">${links.map(
    ([label, from, to]) =>
      html`<a href="${hrefHere(view, { since: from, until: to })}"${from === isSince && to === isUntil && html` aria-current="true"`}>${label}</a>`,
  )}${since !== null && beforeSince !== null && html`<a href="${hrefHere(view, { since: beforeSince, until: since })}">The time before</a>`}</nav>`
}
