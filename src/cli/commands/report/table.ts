import { html, type Markup } from './markup.ts'
import { amounts } from './numbers.ts'

export interface Cells<Row> {
  head: string
  /** All cells of the column together, to align amounts. */
  cells: (rows: readonly Row[]) => (Markup | string)[]
  /** Numbers are right-aligned; a name or a message is the heading of its row; a bar and a colour mark have no text. */
  kind?: 'number' | 'name' | 'message' | 'bar' | 'mark'
}

export const numbers = <Row>(head: string, of: (row: Row) => Markup | string): Cells<Row> => ({
  head,
  cells: (rows) => rows.map(of),
  kind: 'number',
})

export const amountsOf = <Row>(head: string, of: (row: Row) => string): Cells<Row> => ({
  head,
  cells: (rows) => amounts(rows.map(of)),
  kind: 'number',
})

/** A table that scrolls if the page is too narrow, with an optional total row. */
export function table<Row>(
  caption: string,
  columns: readonly Cells<Row>[],
  rows: readonly Row[],
  total?: Row,
): Markup {
  const all = total === undefined ? rows : [...rows, total]
  const cells = columns.map((column) => column.cells(all))
  const line = (index: number) =>
    html`<tr>${columns.map(({ kind }, place) => cell(kind, cells[place]?.[index]))}</tr>`
  return html`
<div class="scroll" tabindex="0" role="region" aria-label="${caption}"><table>
<caption>${caption}</caption>
<thead><tr>${columns.map(heading)}</tr></thead>
<tbody>${rows.map((_, index) => line(index))}</tbody>
${total !== undefined && html`<tfoot>${line(rows.length)}</tfoot>`}
</table></div>`
}

const heading = ({ head, kind }: Pick<Cells<never>, 'head' | 'kind'>) =>
  head === '' ? html`<td${classOf(kind)}></td>` : html`<th scope="col"${classOf(kind)}>${head}</th>`

function cell(kind: Cells<never>['kind'], value: Markup | string | undefined): Markup {
  return kind === 'name' || kind === 'message'
    ? html`<th scope="row"${classOf(kind)}>${value}</th>`
    : html`<td${classOf(kind)}>${value}</td>`
}

const classOf = (kind: Cells<never>['kind']) =>
  kind === undefined ? '' : html` class="${kind === 'message' ? 'name message' : kind}"`
