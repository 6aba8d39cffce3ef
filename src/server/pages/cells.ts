import { formatTime, shortenIds } from '../../cli/output/text/format.ts'
import { formatDuration } from '../../numbers.ts'
import { isUuid } from '../../uuid.ts'
import { html, type Markup, name, readable } from '../markup/markup.ts'
import type { Cells } from '../markup/table.ts'
import { exactly, executionHref, href, type LinkBase } from './links.ts'
import type { PageView } from './view.ts'

/** Single values as they are shown on each page. For columns of amounts, counts and durations see markup/table.ts. */

export const UNKNOWN = '–'

/** A short id that links to its run; the whole id is its title. */
export const executionLink = (base: LinkBase, id: string, form?: 'whole'): Markup =>
  html`<a class="id" href="${executionHref(base, id)}" title="${id}">${isUuid(id) && form !== 'whole' ? id.slice(0, 8) : readable(id)}</a>`

/** A column of ids that link to their runs, as short as they are distinct. */
export const executionColumn = <Row>(
  base: LinkBase,
  head: string,
  id: (row: Row) => string,
): Cells<Row> => ({
  head,
  data: { name: 'executionId', kind: 'id', value: id },
  cells: (rows) => {
    const ids = rows.map(id)
    const short = shortenIds(ids)
    return ids.map(
      (whole, place) =>
        html`<a class="id" href="${executionHref(base, whole)}" title="${whole}">${readable(short[place] ?? whole)}</a>`,
    )
  },
})

/** A short id of something without a page. */
export const shortId = (id: string): Markup =>
  html`<span class="id" title="${id}">${isUuid(id) ? id.slice(0, 8) : readable(id)}</span>`

/** A time in the zone of the page. RFC 3339 is its title. */
export const time = (
  { timeZone }: Pick<PageView, 'timeZone'>,
  instant: string | null,
  precision: 'minutes' | 'seconds' = 'seconds',
): Markup | string =>
  instant === null
    ? UNKNOWN
    : html`<time datetime="${instant}" title="${instant}">${formatTime(instant, timeZone, precision)}</time>`

/** A length of time; the milliseconds are its title. */
export const duration = (ms: number | null): Markup | string =>
  ms === null ? UNKNOWN : html`<span title="${ms} ms">${formatDuration(ms)}</span>`

/** The time since an instant, which the script keeps up to date. */
export const since = ({ now }: Pick<PageView, 'now'>, instant: string): Markup | string => {
  const ms = now.getTime() - Date.parse(instant)
  return ms >= 0
    ? html`<span data-since="${instant}" title="since ${instant}">${formatDuration(ms)}</span>`
    : UNKNOWN
}

/** A status of a run, a step, a bill or a check, with a mark whose shape says it too. */
export const status = (word: string): Markup =>
  html`<span class="status status-${/^[a-z]+$/.test(word) ? word : 'other'}">${readable(word)}</span>`

/** A name that links to the runs that have it: `filterLink(view, 'workflow', row.workflowName)`. */
export const filterLink = (base: LinkBase, flag: string, value: string): Markup =>
  html`<a href="${href(base, '/executions', { [flag]: exactly(value) })}">${name(value)}</a>`
