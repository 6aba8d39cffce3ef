import type { Column } from '../column.ts'
import { headerOf, labelOf, nestedRows, readValue, visibleColumns } from '../column.ts'
import { terminalCells } from '../text/cells.ts'
import { show } from '../text/escape.ts'
import { jsonValue } from './json.ts'
import { wrap } from './paragraphs.ts'
import type { TableStyle } from './table.ts'

/** Cells between a label and its value. */
const GAP = 2

export interface TerminalRecord {
  lines: string[]
  notes: string[]
}

/** A record on a terminal: labels and values, then a table with a title for nested rows. */
export async function recordTerminal<Row>(
  columns: readonly Column<Row>[],
  row: Row,
  style: TableStyle,
): Promise<TerminalRecord> {
  const { values, sections } = divide(columns, row)
  const labels = values.map((column) => labelOf(column))
  const widest = Math.max(0, ...labels.map((label) => label.length))
  const notes: string[] = []
  const lines = values.flatMap((column, index) => {
    const label = style.paint('bold', labels[index] ?? '')
    const value = readValue(column, row)
    if (column.below && column.kind === 'json' && value !== null)
      return [label, ...jsonValue(column, value, '  ').split('\n')].map((line, at) =>
        at === 1 ? `  ${line}` : line,
      )
    const gap = ' '.repeat(widest - (labels[index]?.length ?? 0) + GAP)
    const [cell] = terminalCells(column, [row], { ...style, precision: 'zone', wholeIds: true })
    const indent = widest + GAP
    return wrap(cell?.text ?? '', indent, style.width).map((part, at) =>
      `${at === 0 ? label + gap : ' '.repeat(indent)}${style.paint(cell?.tone, part)}`.trimEnd(),
    )
  })
  for (const { column, nested, rows } of sections) {
    if (rows.length === 0 && column.terminalOnly) continue
    if (lines.length > 0) lines.push('')
    lines.push(style.paint('bold', labelOf(column)))
    if (rows.length === 0) {
      lines.push(style.paint('dim', 'none'))
      continue
    }
    // Steps of a run can be seconds apart.
    const { drawTable } = await import('./table.ts')
    const table = await drawTable(nested, rows, { ...style, precision: 'seconds', picked: false })
    lines.push(...table.header, ...table.lines)
    for (const text of column.foot?.(row) ?? []) lines.push(...wrap(show(text), 0, style.width))
    if (table.hidden.length > 0) notes.push(hiddenInside(column, table.hidden, style.width))
  }
  return { lines, notes }
}

/** The note about columns that do not fit the terminal. */
export const hiddenNote = (hidden: readonly string[], width: number): string =>
  `hidden at width ${width}: ${hidden.join(', ')} (use --columns to select columns, -o json for all)`

/** The same for nested rows, whose columns --columns cannot select. */
function hiddenInside<Row>(column: Column<Row>, hidden: readonly string[], width: number): string {
  const where = column.terminalOnly ? 'a wider terminal' : '-o json'
  return `hidden at width ${width} in ${headerOf(column)}: ${hidden.join(', ')} (use ${where} for all)`
}

function divide<Row>(columns: readonly Column<Row>[], row: Row) {
  return {
    values: columns.filter((column) => column.kind !== 'rows'),
    sections: columns
      .filter((column) => column.kind === 'rows')
      .map((column) => {
        const { columns: inner, rows } = nestedRows(column, readValue(column, row))
        const hasValue = (one: Column<unknown>) =>
          rows.some((each) => readValue(one, each) !== null)
        const nested = visibleColumns(inner, undefined, 'terminal').filter(
          (one) => !one.unlessEmpty || hasValue(one),
        )
        return { column, nested, rows }
      }),
  }
}
