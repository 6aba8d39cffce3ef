import type { Io } from '../io.ts'
import { crop, fold, widthOf } from '../output/text/fold.ts'

export const DEFAULT_WIDTH = 80
const DEFAULT_ROWS = 24

const ENTER = '\x1b[?1049h'
const LEAVE = '\x1b[?1049l'
const HIDE_CURSOR = '\x1b[?25l'
const SHOW_CURSOR = '\x1b[?25h'
/** Terminals that know it show what comes between at once; the others pass over it. */
const BEGIN_UPDATE = '\x1b[?2026h'
const END_UPDATE = '\x1b[?2026l'
const HOME = '\x1b[H'
const CLEAR_LINE = '\x1b[K'
const CLEAR_BELOW = '\x1b[J'
const PLAIN = '\x1b[0m'

export interface Screen {
  /** Puts these lines in place of those that are there. */
  draw: (lines: readonly string[]) => void
  /** Gives the terminal back as it was, with the last lines below what stood there. Nothing is drawn any more. */
  leave: () => void
}

/**
 * A screen of its own on the terminal, so that what stood there is there again afterwards. A frame is written over the last
 * one, never after a clearing, so that nothing flickers; and whole, so that it mends what somebody else wrote.
 */
export function openScreen({ stdout }: Io): Screen {
  let last: string[] | undefined
  let left = false
  return {
    draw: (lines) => {
      if (left) return
      const width = stdout.columns || DEFAULT_WIDTH
      const begin = last === undefined ? ENTER : ''
      // The prompt that comes after the last frame has a row too.
      last = crop(
        lines.flatMap((line) => fold(line, width)),
        (stdout.rows || DEFAULT_ROWS) - 1,
      )
      // In the last column the cursor stands on what it wrote, and clearing would take that away.
      const rows = last.map((row) => (widthOf(row) < width ? row + CLEAR_LINE : row))
      stdout.write(
        begin +
          BEGIN_UPDATE +
          HIDE_CURSOR +
          HOME +
          [...rows, ''].join('\r\n') +
          CLEAR_BELOW +
          END_UPDATE,
      )
    },
    leave: () => {
      if (left) return
      left = true
      if (last === undefined) return
      stdout.write(`${END_UPDATE}${LEAVE}${PLAIN}${last.join('\n')}\n${SHOW_CURSOR}`)
    },
  }
}
