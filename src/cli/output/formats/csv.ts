import type { Column } from '../column.ts'
import { isNumeric, readPlain } from '../column.ts'
import { show } from '../text/escape.ts'
import { isTime } from '../text/format.ts'
import { plainText } from './plain.ts'

const LINE_END = '\r\n'
/** Control characters that are kept in a quoted cell. A lone CR is not: a terminal would overwrite the line. */
const KEPT = ['\n', '\t', '\r\n']
const NUMBER = /^-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?$/
/** Text that a spreadsheet takes for a formula, also after spaces and in full-width characters. */
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

/** Empty text is quoted to distinguish it from null, as in the CSV of PostgreSQL. */
function quoted(text: string): string {
  return text === '' || /[",;\r\n\t]|^\s|\s$/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}
