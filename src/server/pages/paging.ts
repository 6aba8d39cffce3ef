import type * as d from '../../db/query/decode.ts'
import { WfstoreError } from '../../error.ts'
import { encodeCursor } from '../../queries/table/cursor.ts'
import { type List, listConditions, type Options, page } from '../../queries/table/page.ts'
import { html, type Markup } from '../markup/markup.ts'
import { hrefHere } from './links.ts'
import { wholeNumberOf } from './parameters.ts'
import type { PageView } from './view.ts'

const ROWS = 50
const MOST_ROWS = 500

/** Rows of a page of a list, in its order, and the places before and after it. */
export interface Paged<Row> {
  rows: Row[]
  limit: number
  /** It begins with the first row of the list. */
  isFirst: boolean
  /** There are rows after it. */
  hasMore: boolean
  /** Links to the pages around it; none in a list with `sort`. */
  links: Markup | false
}

/** The number of rows in the parameter `limit`. @throws WfstoreError usage */
export const limitOf = (view: PageView): number =>
  wholeNumberOf(view, 'limit', 1, MOST_ROWS, 'save the CSV for all rows') ?? ROWS

/**
 * A page of a list that shows the newest rows first. The address has the cursor of the command line for older rows, or `before`,
 * the cursor of the first row of a page, for newer ones.
 */
export async function pageOf<S extends d.Shape, F extends object>(
  view: PageView,
  list: List<S, F>,
  filter: F & Options,
  sort: string | undefined,
): Promise<Paged<d.RowOf<S>>> {
  const { run, parameters } = view
  const limit = limitOf(view)
  const [cursor, before] = [parameters.get('cursor'), parameters.get('before')]
  if (cursor !== null && before !== null) {
    throw new WfstoreError('usage', 'cursor and before cannot be used together', {
      hint: 'leave out one of them',
    })
  }
  const cursorOf = (row: d.RowOf<S> | undefined) =>
    row &&
    encodeCursor(listConditions(list, filter).asked, list.keyType, {
      key: String(row[list.key]),
      id: String(row[list.id]),
    })
  if (before !== null && sort === undefined) {
    const newer: List<S, F> = { ...list, order: list.order === 'desc' ? 'asc' : 'desc' }
    const found = await page(run, newer, { ...filter, limit, cursor: before })
    // Fewer rows than a page: the newest page shows them all.
    if (found.hasMore) {
      const rows = found.rows.toReversed()
      const links = linksTo(view, cursorOf(rows[0]), cursorOf(rows.at(-1)))
      return { rows, limit, isFirst: false, hasMore: true, links }
    }
  }
  const { rows, hasMore, nextCursor } = await page(run, list, { ...filter, limit, cursor, sort })
  const isFirst = cursor === null
  const links = linksTo(view, isFirst ? undefined : cursorOf(rows[0]), nextCursor ?? undefined)
  return { rows, limit, isFirst, hasMore, links: sort === undefined && links }
}

function linksTo(view: PageView, newer: string | undefined, older: string | undefined) {
  const isLater = view.parameters.has('cursor') || view.parameters.has('before')
  if (newer === undefined && older === undefined && !isLater) return false
  const at = (place: { cursor?: string; before?: string }) =>
    hrefHere(view, { cursor: null, before: null, ...place })
  return html`<nav class="pager" aria-label="Pages of the list">${isLater && html`<a class="button" href="${at({})}">Newest</a>`}${
    newer !== undefined &&
    html`<a class="button" rel="prev" href="${at({ before: newer })}">← Newer</a>`
  }${older !== undefined && html`<a class="button" rel="next" href="${at({ cursor: older })}">Older →</a>`}</nav>`
}
