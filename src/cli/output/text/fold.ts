import { displayWidth, graphemes } from './width.ts'

/** Our own colours, between which the text stands. */
const ESCAPE = '\u001b'
const COLOUR = new RegExp(`(${ESCAPE}\\[[0-9;]*m)`)
const PLAIN = `${ESCAPE}[0m`

/** A line as a terminal of this width shows it: cut where it would go on in the next row. */
export function fold(line: string, width: number): string[] {
  const rows: string[] = []
  let row = ''
  let used = 0
  for (const [index, part] of line.split(COLOUR).entries()) {
    if (index % 2 === 1) row += part
    else if (used + displayWidth(part) <= width) {
      row += part
      used += displayWidth(part)
    } else
      for (const grapheme of graphemes(part)) {
        const wide = displayWidth(grapheme)
        if (used + wide > width && used > 0) {
          rows.push(row)
          row = ''
          used = 0
        }
        row += grapheme
        used += wide
      }
  }
  return [...rows, row]
}

/** The first `height` rows. What is cut off is said, so that nobody takes a part for the whole. */
export function crop(rows: readonly string[], height: number): string[] {
  if (rows.length <= height) return [...rows]
  const shown = rows.slice(0, Math.max(height - 1, 1))
  return [...shown, `${PLAIN}… ${rows.length - shown.length} lines more than this terminal holds`]
}

/** Of a row with colours. */
export const widthOf = (row: string): number =>
  displayWidth(
    row
      .split(COLOUR)
      .filter((_, index) => index % 2 === 0)
      .join(''),
  )
