import type { Column } from '../column.ts'
import { isNumeric, readPlain } from '../column.ts'
import { show } from '../text/escape.ts'
import { isTime } from '../text/format.ts'
import { plainText } from './plain.ts'

const LINE_END = '\r\n'
/** Data that a quoted cell can hold. A lone CR is not: a terminal would write over the line. */
const KEPT = ['\n', '\t', '\r\n']
const NUMBER = /^-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?$/
/** What a spreadsheet takes for a formula, also behind spaces and in full width. */
const FORMULA = /^(?:[\t\r\n]|\s*[=+\-@＝＋－＠])/

/** RFC 4180. */
export function csvHeader<Row>(columns: readonly Column<Row>[]): string {
  return columns.map((column) => quoted(column.name)).join(',') + LINE_END
}

export function csvLine<Row>(columns: readonly Column<Row>[], row: Row): string {
  return columns.map((column) => csvCell(column, readPlain(column, row))).join(',') + LINE_END
}

function csvCell<Row>(column: Column<Row>, value: unknown): string {
  if (value === null || value === undefined) return ''
  const text = plainText(column, value)
  if (isNumeric(column.kind) && NUMBER.test(text)) return text
  if (column.kind === 'time' && isTime(text)) return text
  const shown = show(text, KEPT)
  return quoted(FORMULA.test(shown) ? `'${shown}` : shown)
}

/** Empty text is quoted, so that it differs from nothing at all, as PostgreSQL's own CSV has it. */
function quoted(text: string): string {
  return text === '' || /[",;\r\n\t]|^\s|\s$/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}
