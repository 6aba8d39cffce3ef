import type { Column } from '../column.ts'
import { readValue } from '../column.ts'
import { terminalCells } from '../text/cells.ts'
import { displayWidth } from '../text/width.ts'
import { wrap } from './paragraphs.ts'
import { drawTable, type Table, type TableStyle } from './table.ts'

const INDENT = '    '

/**
 * Draws a table whose long columns are below each row, wrapped and never shortened.
 * @param earlier rows that are already drawn: the new ones are aligned with them
 */
export async function drawBelow<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  style: TableStyle,
  earlier: readonly Row[] = [],
): Promise<Table> {
  const short = columns.filter(({ below }) => below === undefined)
  const indent = short.length > 0 ? INDENT : ''
  const { header, lines, hidden } =
    short.length > 0
      ? await drawTable(short, [...earlier, ...rows], style)
      : { header: [], lines: [], hidden: [] }
  const long = columns.flatMap((column) => {
    const { below } = column
    return below === undefined ? [] : [{ column, below, cells: terminalCells(column, rows, style) }]
  })
  const drawn = rows.flatMap((row, index) => [
    ...lines.slice(earlier.length + index, 1 + earlier.length + index),
    ...long.flatMap(({ column, below: { mark = '', tone }, cells }) => {
      if ((readValue(column, row) ?? '') === '') return []
      const room = indent.length + displayWidth(mark)
      const painted = mark === '' ? '' : style.paint('dim', mark)
      return wrap(cells[index]?.text ?? '', room, style.width).map(
        (part, line) =>
          indent +
          (line === 0 ? painted : ' '.repeat(displayWidth(mark))) +
          style.paint(tone, part),
      )
    }),
  ])
  return { header, lines: drawn, hidden }
}

/** The number of earlier rows that decide the widths, so that small batches do not move the columns. */
const REMEMBERED = 100

/** Yields the lines that each batch adds to the table. The header and the hidden columns come only once. */
export async function* followTable<Row>(
  columns: readonly Column<Row>[],
  batches: AsyncIterable<readonly Row[]>,
  style: TableStyle,
): AsyncGenerator<Table> {
  let earlier: Row[] = []
  let begun = false
  for await (const rows of batches) {
    if (rows.length === 0) continue
    const table = await drawBelow(columns, rows, style, earlier)
    yield begun ? { ...table, header: [], hidden: [] } : table
    begun = true
    earlier = [...earlier, ...rows].slice(-REMEMBERED)
  }
}
