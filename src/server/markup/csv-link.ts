import type { Column } from '../../cli/output/column.ts'
import { csvHeader, csvLine } from '../../cli/output/formats/csv.ts'
import { html, type Markup } from './markup.ts'

/** A CSV file inside the page, as the command line writes it: all digits, and no cell is a formula. */
export interface Csv<Row> {
  /** The name of the file, without `.csv`. */
  file: string
  columns: readonly Column<Row>[]
  rows: readonly Row[]
}

/** A link that saves a CSV file. It needs neither a script nor a network. */
export function csvLink<Row>({ file, columns, rows }: Csv<Row>): Markup {
  const text = csvHeader(columns) + rows.map((row) => csvLine(columns, row)).join('')
  const data = text.replace(/[^\w ,.:;-]+/gu, encodeURIComponent)
  return html`<a class="csv" download="${file}.csv" href="data:text/csv;charset=utf-8,${data}">CSV</a>`
}
