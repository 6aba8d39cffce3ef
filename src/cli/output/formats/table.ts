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
  /** The columns were asked for by name: none is left out, however narrow the terminal. */
  picked: boolean
}

export interface Table {
  lines: string[]
  /** The headers of the columns that the terminal is too narrow for. */
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
/** JSON can be long in any row. */
const JSON_MIN = 12
/** A bar takes what room the other columns leave, within these. */
const BAR_MIN = 6
const BAR_MAX = 30
/** What is drawn over a span of time has this part of the terminal, and what the other columns leave. */
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
      // A bar says nothing that the columns beside it do not say: it goes without a note, and gets what they leave.
      if (width === undefined) continue
      const room = Math.min(width + left(widths, style.width), bar.most)
      const cells = bar.draw(rows.length, room)
      drawn.push({ header: bar.headerIn(room), width: room, cells, right: false })
    } else if (width === undefined) hidden.push(column.header)
    // What is left alone and still too wide is cut, but not a number: half of it would be a wrong one.
    else if (alone && !column.right) {
      drawn.push({ ...column, width: Math.min(width, style.width) })
    } else drawn.push({ ...column, width })
  }
  if (total !== undefined) for (const column of drawn) column.cells = setApart(column, rows.length)
  const count = rows.length + (total === undefined ? 0 : 2)
  return { lines: await layOut(drawn, count, style.paint), hidden }
}

const left = (widths: readonly (number | undefined)[], room: number): number => {
  const kept = widths.filter((width) => width !== undefined)
  return Math.max(0, room - kept.reduce((sum, width) => sum + width + GAP.length, -GAP.length))
}

/** The total below a line of its own. */
function setApart({ cells, width }: Drawn, count: number): Cell[] {
  const total = cells[count]
  // A bar of everything would be as long as it can be.
  if (!total) return cells
  return [
    ...cells.slice(0, count),
    { text: '-'.repeat(width), tone: 'dim' },
    { ...total, tone: total.tone ?? 'bold' },
  ]
}

function measure<Row>(column: Column<Row>, rows: readonly Row[], style: TableStyle) {
  const flex = column.flex ?? (isJson(column.kind) ? { min: JSON_MIN } : undefined)
  const header = headerOf(column)
  const bar = column.kind === 'bar' ? measureBar(column, rows, style.width) : undefined
  const cells = bar ? [] : terminalCells(column, rows, style)
  // A cell that can be cut never takes more than the terminal; knowing that early saves measuring it.
  if (flex) for (const cell of cells) cell.text = truncate(cell.text, style.width)
  const natural =
    bar?.least ?? cells.reduce((max, cell) => Math.max(max, displayWidth(cell.text)), header.length)
  const least = bar?.least ?? flex?.min
  return {
    header,
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

/** cli-table3 compares every row with every row before it; widths are known, so a slice at a time will do. */
const SLICE = 100
const STAND_IN = 'x'
/** As wide as its stand-in. */
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
    table.push(...slice.map((line) => line.map(standIn)))
    for (const [index, text] of table.toString().split('\n').entries()) {
      result.push(fillIn(text, slice[index] ?? [], paint))
    }
  }
  return result
}

const fitCell = (cell: Cell, width: number): Cell => ({ ...cell, text: truncate(cell.text, width) })

/**
 * cli-table3 measures with tables of 2019 and takes combining marks of most scripts for letters. So it lays
 * out letters, as many as the cell is wide, and the cells take their places in what it has drawn.
 */
const standIn = (cell: Cell) => STAND_IN.repeat(Math.max(1, displayWidth(cell.text)))

function fillIn(line: string, cells: readonly Cell[], paint: Paint): string {
  let next = 0
  const filled = line.replace(/x+/g, () => {
    const cell = cells[next++]
    if (!cell) return ''
    // A cell without width has a stand-in too.
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
