import type { Cell } from './cell.ts'
import { statusTone } from './style.ts'

const EIGHTHS = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉']
const HEIGHTS = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█']
const ASCII_HEIGHTS = ['_', '.', ':', '-', '=', '+', '*', '#']

/** Whether the locale allows only ASCII. Without a locale, most terminals support UTF-8. */
export function plainLocale(env: Record<string, string | undefined>): boolean {
  const locale = env.LC_ALL || env.LC_CTYPE || env.LANG || ''
  if (/^(C|POSIX)$/.test(locale)) return true
  return /\../.test(locale) && !/\.utf-?8/i.test(locale)
}

/** A bar for each value; the largest has the full width. A value above 0 is always visible. */
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

/** A mark for each value. Only 0 has the lowest height. */
export function sparkline(values: readonly number[], ascii: boolean): string {
  const heights = ascii ? ASCII_HEIGHTS : HEIGHTS
  const largest = values.reduce((max, value) => Math.max(max, value), 0)
  return values
    .map((value) => heights[value > 0 ? Math.ceil((value / largest) * (heights.length - 1)) : 0])
    .join('')
}

/** The time of a step within its run. `open` means unfinished. */
export interface StepSpan {
  status: string
  startMs: number | null
  endMs: number | null
  open: boolean
  spanMs: number
}

/** Fill characters by status, so that colour is not the only difference: [blocks, ASCII]. */
const FILLS = new Map<string, readonly [string, string]>([
  ['failed', ['▒', 'x']],
  ['waiting', ['·', '.']],
  ['folded', ['░', '-']],
])

/** A bar from start to end, at least one cell wide. An end outside the run is marked at the edge. */
export function drawSpan(
  { status, startMs, endMs, open, spanMs }: StepSpan,
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
