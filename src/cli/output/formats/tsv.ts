import type { Column } from '../column.ts'
import { readPlain } from '../column.ts'
import { show } from '../text/escape.ts'
import { plainText } from './plain.ts'

export const tsvHeader = <Row>(columns: readonly Column<Row>[]): string =>
  `${columns.map(({ name }) => name).join('\t')}\n`

/** A row in a pipe: one line. Tabs and line ends in values are escaped. */
export function tsvLine<Row>(columns: readonly Column<Row>[], row: Row): string {
  return `${columns.map((column) => tsvCell(column, readPlain(column, row))).join('\t')}\n`
}

function tsvCell<Row>(column: Column<Row>, value: unknown): string {
  return show(plainText(column, value))
}
