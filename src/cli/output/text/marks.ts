import type { Cell } from './cell.ts'
import { statusTone } from './style.ts'

const EIGHTHS = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉']
const HEIGHTS = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█']
const ASCII_HEIGHTS = ['_', '.', ':', '-', '=', '+', '*', '#']

/** Does the locale say that a terminal cannot show more than ASCII? Where it says nothing, most can. */
export function plainLocale(env: Record<string, string | undefined>): boolean {
  const locale = env.LC_ALL || env.LC_CTYPE || env.LANG || ''
  if (/^(C|POSIX)$/.test(locale)) return true
  return /\../.test(locale) && !/\.utf-?8/i.test(locale)
}

/** A bar for each value, the largest as long as there is room; what is more than nothing is seen. */
export function drawBars(values: readonly number[], width: number, ascii: boolean): Cell[] {
  const largest = values.reduce((max, value) => Math.max(max, value), 0)
  const steps = ascii ? 1 : 8
  return values.map((value) => {
    if (!(value > 0)) return { text: ' ' }
    const length = Math.max(1, Math.round((value / largest) * width * steps))
    if (ascii) return { text: '#'.repeat(length), tone: 'cyan' }
    const text = '█'.repeat(Math.floor(length / 8)) + EIGHTHS[length % 8]
    return { text, tone: 'cyan' }
  })
}

/** A mark for each value, one height for nothing at all and the others for more. */
export function sparkline(values: readonly number[], ascii: boolean): string {
  const heights = ascii ? ASCII_HEIGHTS : HEIGHTS
  const largest = values.reduce((max, value) => Math.max(max, value), 0)
  return values
    .map((value) => heights[value > 0 ? Math.ceil((value / largest) * (heights.length - 1)) : 0])
    .join('')
}

/** A step of a run: where it stands in the time of the whole. `open` is one that has not ended. */
export interface Span {
  status: string
  startMs: number | null
  endMs: number | null
  open: boolean
  spanMs: number
}

/** By status, so that no more is told by colour alone: [blocks, ASCII]. */
const FILLS = new Map<string, readonly [string, string]>([
  ['failed', ['▒', 'x']],
  ['waiting', ['·', '.']],
  ['folded', ['░', '-']],
])

/** A bar from its start to its end, of one cell at least; what reaches beyond the whole has a mark at that edge. */
export function drawSpan(
  { status, startMs, endMs, open, spanMs }: Span,
  width: number,
  ascii: boolean,
): Cell {
  if (startMs === null || endMs === null || width < 1) return { text: ' ' }
  const pick = ([block, plain]: readonly [string, string]) => (ascii ? plain : block)
  const cell = (ms: number) => (spanMs > 0 ? Math.round((ms / spanMs) * width) : 0)
  const from = Math.min(Math.max(cell(startMs), 0), width - 1)
  const till = Math.min(Math.max(cell(endMs), from + 1), width)
  const marks = Array<string>(till - from).fill(pick(FILLS.get(status) ?? ['█', '#']))
  if (endMs < startMs) marks.fill('?')
  else {
    if (cell(startMs) < 0) marks[0] = pick(['◂', '<'])
    if (open || cell(endMs) > width) marks[marks.length - 1] = pick(['▸', '>'])
  }
  return { text: ' '.repeat(from) + marks.join(''), tone: statusTone(status) ?? 'dim' }
}
