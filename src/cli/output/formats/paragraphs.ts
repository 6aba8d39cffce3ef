import type { Column } from '../column.ts'
import { readValue } from '../column.ts'
import { terminalCells } from '../text/cells.ts'
import { displayWidth } from '../text/width.ts'
import type { TableStyle } from './table.ts'

const GAP = '  '
/** Indentation of lines below a row. */
const INDENT = '    '
/** The minimum width of long text. */
const NARROWEST = 24

/**
 * Draws rows whose long columns are wrapped and never shortened. The first long column is next to the short columns, or
 * below them if there is no room; the others are below it. There is no header.
 */
export function drawParagraphs<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  style: TableStyle,
): string[] {
  const isLong = ({ wrap, kind }: Column<Row>) => wrap !== undefined || kind === 'json'
  const short = columns
    .filter((column) => !isLong(column))
    .map((column) => {
      const cells = terminalCells(column, rows, style)
      return { cells, width: Math.max(...cells.map(({ text }) => displayWidth(text))) }
    })
  const long = columns.filter(isLong).map((column) => ({
    mark: column.wrap ?? '',
    texts: terminalCells(column, rows, style).map(({ text }, row) =>
      readValue(column, rows[row] as Row) === null ? undefined : text,
    ),
  }))
  return rows.flatMap((_, row) => {
    const cells = short.map(({ cells, width }) => {
      const { text = '', tone } = cells[row] ?? {}
      return style.paint(tone, text) + ' '.repeat(width - displayWidth(text)) + GAP
    })
    const left = short.reduce((sum, { width }) => sum + width + GAP.length, 0)
    const [first, ...below] = long
    const text = first?.texts[row] ?? ''
    const fits = displayWidth(text) <= style.width - left
    const longest = Math.max(...text.split(' ').map(displayWidth))
    const tight = !fits && (style.width - left < NARROWEST || longest > style.width - left)
    const texts = wrap(text, tight ? INDENT.length : left, style.width)
    return [
      ...(tight
        ? [cells.join(''), ...texts.map((line) => INDENT + line)]
        : texts.map((part, line) => `${line === 0 ? cells.join('') : ' '.repeat(left)}${part}`)),
      ...below.flatMap(({ mark, texts }) => {
        const text = texts[row]
        if (text === undefined) return []
        const room = INDENT.length + displayWidth(mark)
        return wrap(text, room, style.width).map(
          (part, line) =>
            INDENT +
            (line === 0 ? style.paint('dim', mark) : ' '.repeat(displayWidth(mark))) +
            style.paint('cyan', part),
        )
      }),
    ].map((line) => line.trimEnd())
  })
}

/** Breaks text at spaces. A word longer than a line is not broken, so that it can be copied. */
export function wrap(text: string, indent: number, width: number): string[] {
  const room = Math.max(width - indent, Math.min(NARROWEST, width))
  const lines: string[] = []
  let line = ''
  for (const word of text.split(' ')) {
    const longer = line === '' ? word : `${line} ${word}`
    if (line !== '' && displayWidth(longer) > room) {
      lines.push(line)
      line = word
    } else line = longer
  }
  return [...lines, line]
}
