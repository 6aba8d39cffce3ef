import type { Cell } from './terminal.ts'

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
