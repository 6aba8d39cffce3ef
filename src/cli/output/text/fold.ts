import { displayWidth, graphemes } from './width.ts'

/** Colour codes of wfstore in a line. */
const ESCAPE = '\u001b'
const COLOUR = new RegExp(`(${ESCAPE}\\[[0-9;]*m)`)
const PLAIN = `${ESCAPE}[0m`

/** Splits a line into the rows of a terminal of this width. */
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

/** The first `height` rows. The last row tells how many are missing. */
export function crop(rows: readonly string[], height: number): string[] {
  if (rows.length <= height) return [...rows]
  const shown = rows.slice(0, Math.max(height - 1, 1))
  return [...shown, `${PLAIN}… ${rows.length - shown.length} more lines do not fit this terminal`]
}

/** The width of a row with colours. */
export const widthOf = (row: string): number =>
  displayWidth(
    row
      .split(COLOUR)
      .filter((_, index) => index % 2 === 0)
      .join(''),
  )
