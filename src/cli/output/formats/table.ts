import type { Column, Kind } from '../column.ts'
import { headerOf, isNumeric, readValue } from '../column.ts'
import type { Cell } from '../text/cell.ts'
import type { Locale } from '../text/cells.ts'
import { terminalCells } from '../text/cells.ts'
import { fitColumns } from '../text/fit.ts'
import { drawBars } from '../text/marks.ts'
import type { Paint } from '../text/style.ts'
import { displayWidth, truncate } from '../text/width.ts'

export interface TableStyle extends Locale {
  width: number
  paint: Paint
  /** The columns are from --columns: none is left out on a narrow terminal. */
  picked: boolean
  /** false for --no-headers. */
  headers: boolean
}

export interface Table {
  /** One line, or none. */
  header: string[]
  lines: string[]
  /** The headers of columns that do not fit the terminal. */
  hidden: string[]
}

interface Drawn {
  header: string
  cells: Cell[]
  width: number
  right: boolean
}

const GAP = '  '
const DEFAULT_PRIORITY = 5
/** The minimum width of JSON. */
const JSON_MIN = 12
/** A bar uses the width that the other columns leave, within these limits. */
const BAR_MIN = 6
const BAR_MAX = 30
/** A timeline has at least this part of the terminal: a quarter. */
const SPAN_PART = 4

export async function drawTable<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  style: TableStyle,
  total?: Row,
): Promise<Table> {
  const all = total === undefined ? rows : [...rows, total]
  const measured = columns.map((column) => measure(column, all, style))
  const widths = fitColumns(measured, style.width, GAP.length, style.picked)
  const alone = !style.picked && widths.filter((width) => width !== undefined).length === 1
  const drawn: Drawn[] = []
  const hidden: string[] = []
  for (const [index, column] of measured.entries()) {
    const width = widths[index]
    const { bar } = column
    if (bar) {
      // A bar shows the same as other columns, so it can be left out without a note.
      if (width === undefined) continue
      const room = Math.min(width + left(widths, style.width), bar.most)
      const cells = bar.draw(rows.length, room)
      drawn.push({ header: bar.headerIn(room), width: room, cells, right: false })
    } else if (width === undefined) hidden.push(column.name)
    // A single column that is too wide is shortened, but not a number, which would be wrong.
    else if (alone && !column.right) {
      drawn.push({ ...column, width: Math.min(width, style.width) })
    } else drawn.push({ ...column, width })
  }
  if (total !== undefined) for (const column of drawn) column.cells = setApart(column, rows.length)
  const count = rows.length + (total === undefined ? 0 : 2)
  const [header = '', ...lines] = await layOut(drawn, count, style.paint)
  return { header: style.headers ? [header] : [], lines, hidden }
}

const left = (widths: readonly (number | undefined)[], room: number): number => {
  const kept = widths.filter((width) => width !== undefined)
  return Math.max(0, room - kept.reduce((sum, width) => sum + width + GAP.length, -GAP.length))
}

/** Adds a line above the total. */
function setApart({ cells, width }: Drawn, count: number): Cell[] {
  const total = cells[count]
  // The total has no bar.
  if (!total) return cells
  return [
    ...cells.slice(0, count),
    { text: '-'.repeat(width), tone: 'dim' },
    { ...total, tone: total.tone ?? 'bold' },
  ]
}

function measure<Row>(column: Column<Row>, rows: readonly Row[], style: TableStyle) {
  const flex = column.flex ?? (isJson(column.kind) ? { min: JSON_MIN } : undefined)
  const header = style.headers ? headerOf(column) : ''
  const bar = column.kind === 'bar' ? measureBar(column, rows, style.width) : undefined
  const cells = bar ? [] : terminalCells(column, rows, style)
  // Shorten flexible cells to the terminal first: measuring long text is slow.
  if (flex) for (const cell of cells) cell.text = truncate(cell.text, style.width)
  const natural =
    bar?.least ?? cells.reduce((max, cell) => Math.max(max, displayWidth(cell.text)), header.length)
  const least = bar?.least ?? flex?.min
  return {
    header,
    name: headerOf(column),
    cells,
    bar,
    natural,
    min: least ? Math.min(natural, Math.max(least, header.length)) : natural,
    priority: column.priority ?? DEFAULT_PRIORITY,
    right: isNumeric(column.kind),
  }
}

interface Bars {
  least: number
  most: number
  headerIn: (width: number) => string
  draw: (count: number, width: number) => Cell[]
}

function measureBar<Row>(column: Column<Row>, rows: readonly Row[], width: number): Bars {
  const { span, ascii = false } = column
  const header = headerOf(column)
  if (!span) {
    const values = rows.map((row) => Number(readValue(column, row) ?? 0))
    return {
      least: BAR_MIN,
      most: BAR_MAX,
      headerIn: () => header,
      draw: (count, room) => drawBars(values.slice(0, count), room, ascii),
    }
  }
  const [first] = rows
  const end = first === undefined ? '' : span.end(first)
  return {
    least: Math.max(header.length + end.length + 1, Math.floor(width / SPAN_PART)),
    most: Number.POSITIVE_INFINITY,
    headerIn: (room) => header + end.padStart(room - header.length),
    draw: (count, room) => rows.slice(0, count).map((row) => span.draw(row, room)),
  }
}

const isJson = (kind: Kind) => kind === 'json' || kind === 'rows'

/** The time of cli-table3 is quadratic in the number of rows. Widths are fixed, so slices can be drawn one by one. */
const SLICE = 100
const PLACEHOLDER = 'x'
/** As wide as its placeholder. */
const NOTHING: Cell = { text: ' ' }

async function layOut(columns: readonly Drawn[], count: number, paint: Paint): Promise<string[]> {
  const { default: CliTable } = await import('cli-table3')
  const lines: Cell[][] = [columns.map(({ header }) => ({ text: header, tone: 'bold' }))]
  for (let row = 0; row < count; row++) {
    lines.push(columns.map(({ cells }) => cells[row] ?? NOTHING))
  }
  const result: string[] = []
  for (let start = 0; start < lines.length; start += SLICE) {
    const slice = lines
      .slice(start, start + SLICE)
      .map((line) => line.map((cell, at) => fitCell(cell, columns[at]?.width ?? 0)))
    const table = new CliTable({
      chars: NO_BORDER,
      style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
      colWidths: columns.map(({ width }) => width),
      colAligns: columns.map(({ right }) => (right ? 'right' : 'left')),
    })
    table.push(...slice.map((line) => line.map(placeholderOf)))
    for (const [index, text] of table.toString().split('\n').entries()) {
      result.push(replacePlaceholders(text, slice[index] ?? [], paint))
    }
  }
  return result
}

const fitCell = (cell: Cell, width: number): Cell => ({ ...cell, text: truncate(cell.text, width) })

/**
 * cli-table3 measures with Unicode data of 2019 and counts combining marks as letters. So it draws placeholders of the
 * right width, which are then replaced by the cells.
 */
const placeholderOf = (cell: Cell) => PLACEHOLDER.repeat(Math.max(1, displayWidth(cell.text)))

function replacePlaceholders(line: string, cells: readonly Cell[], paint: Paint): string {
  let next = 0
  const filled = line.replace(/x+/g, () => {
    const cell = cells[next++]
    if (!cell) return ''
    // An empty cell has a placeholder of width 1.
    return paint(cell.tone, cell.text) + (displayWidth(cell.text) === 0 ? ' ' : '')
  })
  return filled.trimEnd()
}

const NO_BORDER = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
  middle: GAP,
}
