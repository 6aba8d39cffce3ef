import type { Column } from '../../cli/output/column.ts'
import { formatDuration } from '../../numbers.ts'
import type { Count } from '../../tables/types.ts'
import { csvLink } from './csv-link.ts'
import { html, type Markup, name } from './markup.ts'
import { bare, count, placesFor, rounded, share } from './numbers.ts'

/** A cell, and its value for sorting if the text is not enough. `exact` is also its title. */
type Cell = Markup | string | { shown: Markup | string; exact?: string; sort?: string | number }

export interface Cells<Row> {
  head: string
  /** All cells of the column together, so that amounts have the same number of decimals. */
  cells: (rows: readonly Row[]) => Cell[]
  /** Numbers are right-aligned; a name or a message is the heading of its row; a bar and a colour mark have no text. */
  kind?: 'number' | 'name' | 'message' | 'bar' | 'mark'
  /** The column in the CSV file. Bars, marks and links have none. */
  data?: Column<Row>
  /** The rows can be sorted by this column; the direction that a first click selects. */
  sortable?: 'asc' | 'desc'
}

/** How the rows of a table are sorted, and the addresses of other orders. */
export interface Order {
  name: string
  descending: boolean
  href: (name: string, descending: boolean) => string
}

const UNKNOWN = '–'

/** Makes columns of numbers of one kind. */
const numbers =
  <Value>(kind: 'count' | 'amount' | 'share' | 'duration', cellsOf: (values: Value[]) => Cell[]) =>
  <Row>(head: string, field: string, value: (row: Row) => Value): Cells<Row> => ({
    head,
    kind: 'number',
    data: { name: field, kind, value },
    cells: (rows) => cellsOf(rows.map(value)),
  })

/** A column of counts; null is unknown. */
export const counts = numbers<Count | null>('count', (values) =>
  values.map((value) => (value === null ? UNKNOWN : count(value))),
)

/** A column of US dollars; null is unknown. */
export const amounts = numbers<string | null>('amount', (values) => {
  const places = placesFor(values.filter((value) => value !== null))
  return values.map((value) =>
    value === null ? UNKNOWN : { shown: rounded(value, places), exact: bare(value) },
  )
})

export const shares = numbers<number | null>('share', (values) =>
  values.map((value) => ({ shown: share(value), sort: value ?? '' })),
)

export const durations = numbers<number | null>('duration', (values) =>
  values.map((ms) => (ms === null ? UNKNOWN : { shown: formatDuration(ms), sort: ms })),
)

/** A column of text from the database or of words; `shown` replaces it on the page. */
export const texts = <Row>(
  head: string,
  field: string,
  value: (row: Row) => string,
  {
    kind,
    shown = (row) => name(value(row)),
  }: Pick<Cells<Row>, 'kind'> & {
    shown?: (row: Row) => Markup | string
  } = {},
): Cells<Row> => ({
  head,
  ...(kind && { kind }),
  data: { name: field, kind: 'text', value },
  cells: (rows) => rows.map(shown),
})

interface Table<Row> {
  caption: string
  /** The name of its CSV file. */
  file?: string
  columns: readonly Cells<Row>[]
  rows: readonly Row[]
  total?: Row
  /** A row that remains the last one in any order. */
  isLast?: (row: Row) => boolean
  /** Replaces the link to its rows as CSV. */
  csv?: Markup | false
  order?: Order | undefined
  /** Identifies a row, so that a live update moves it instead of writing it again. */
  key?: (row: Row) => string
  /** On a phone it becomes a list instead of scrolling. */
  reflow?: boolean
}

/** A table that scrolls if the page is too narrow, with an optional total row and a link to its rows as CSV. */
export function table<Row>(content: Table<Row>): Markup {
  const { caption, file = 'rows', columns, rows, total, isLast, csv, order, key, reflow } = content
  const all = total === undefined ? rows : [...rows, total]
  const cells = columns.map((column) => column.cells(all))
  const line = (index: number, last = false, id?: string) =>
    html`<tr${last && html` data-last`}${id !== undefined && html` data-key="${id}"`}>${columns.map(({ kind, head }, place) => cell(kind, cells[place]?.[index], reflow ? head : undefined))}</tr>`
  const data = columns.flatMap((column) => column.data ?? [])
  return html`
<div class="scroll" tabindex="0" role="region" aria-label="${caption}"><table${reflow && html` class="reflow"`}>
<caption><span>${caption} ${csv ?? csvLink({ file, columns: data, rows })}</span></caption>
<thead><tr>${columns.map((column) => heading(column, order))}</tr></thead>
<tbody>${rows.map((row, index) => line(index, isLast?.(row), key?.(row)))}</tbody>
${total !== undefined && html`<tfoot>${line(rows.length)}</tfoot>`}
</table></div>`
}

function heading<Row>({ head, kind, sortable, data }: Cells<Row>, order?: Order): Markup {
  if (head === '') return html`<td${classOf(kind)}></td>`
  if (!order || !sortable || !data) return html`<th scope="col"${classOf(kind)}>${head}</th>`
  const isSorted = order.name === data.name
  const descending = isSorted ? !order.descending : sortable === 'desc'
  const sorted = isSorted && html` aria-sort="${order.descending ? 'descending' : 'ascending'}"`
  return html`<th scope="col"${classOf(kind)}${sorted}><a href="${order.href(data.name, descending)}">${head}</a></th>`
}

function cell(kind: Cells<never>['kind'], value: Cell = '', label?: string): Markup {
  const { shown, exact, sort } =
    typeof value === 'object' && 'shown' in value
      ? value
      : { shown: value, exact: undefined, sort: undefined }
  const attributes = html`${classOf(kind)}${exact !== undefined && html` title="${exact}"`}${sort !== undefined && html` data-v="${sort}"`}${label !== undefined && html` data-label="${label}"`}`
  return kind === 'name' || kind === 'message'
    ? html`<th scope="row"${attributes}>${shown}</th>`
    : html`<td${attributes}>${shown}</td>`
}

const classOf = (kind: Cells<never>['kind']) =>
  kind === undefined ? '' : html` class="${kind === 'message' ? 'name message' : kind}"`
