import type { Io } from '../io.ts'
import { crop, fold, widthOf } from '../output/text/fold.ts'

export const DEFAULT_WIDTH = 80
const DEFAULT_ROWS = 24

const ENTER = '\x1b[?1049h'
const LEAVE = '\x1b[?1049l'
const HIDE_CURSOR = '\x1b[?25l'
const SHOW_CURSOR = '\x1b[?25h'
/** Terminals that support it show the whole update at once; others ignore it. */
const BEGIN_UPDATE = '\x1b[?2026h'
const END_UPDATE = '\x1b[?2026l'
const HOME = '\x1b[H'
const CLEAR_LINE = '\x1b[K'
const CLEAR_BELOW = '\x1b[J'
const PLAIN = '\x1b[0m'

export interface Screen {
  /** Replaces the lines on the screen. */
  draw: (lines: readonly string[]) => void
  /** Restores the terminal and prints the last lines below its content. Later calls of `draw` do nothing. */
  leave: () => void
}

/**
 * Uses the alternate screen of the terminal, so that its content is restored afterwards. A frame overwrites the last one
 * without clearing, to avoid flicker. It is always complete, to overwrite output of other programs.
 */
export function openScreen({ stdout }: Io): Screen {
  let last: string[] | undefined
  let left = false
  return {
    draw: (lines) => {
      if (left) return
      const width = stdout.columns || DEFAULT_WIDTH
      const begin = last === undefined ? ENTER : ''
      // Leave a row for the prompt after the last frame.
      last = crop(
        lines.flatMap((line) => fold(line, width)),
        (stdout.rows || DEFAULT_ROWS) - 1,
      )
      // After a full row the cursor is still on the last character, which clearing would erase.
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
