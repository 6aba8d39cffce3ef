/** Numbers as the findings show them. */

const grouped = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 })

/** '12,345' */
export const number = (value: number): string => grouped.format(value)

/** '1 run', '12,345 runs' */
export const counted = (value: number, noun: string): string =>
  `${number(value)} ${noun}${value === 1 ? '' : 's'}`

const UNITS = ['B', 'kB', 'MB', 'GB', 'TB', 'PB']

/** '4.9 MB', '120 GB', in powers of 1024 like pg_size_pretty. */
export function bytes(value: number): string {
  let scaled = value
  let unit = 0
  while (unit < UNITS.length - 1 && scaled >= 1023.5) {
    scaled /= 1024
    unit++
  }
  return `${unit > 0 && scaled < 9.95 ? scaled.toFixed(1) : Math.round(scaled)} ${UNITS[unit]}`
}

/** A duration in milliseconds as '0.3 ms', '12s', '9m 12s', '2h 05m', '3d 04h'. */
export function span(ms: number): string {
  if (ms < 1000) return `${ms < 10 ? Number(ms.toFixed(1)) : Math.round(ms)} ms`
  const seconds = Math.round(ms / 1000)
  if (seconds < 60) return `${seconds}s`
  if (seconds < 3600) return two(seconds, 60, 'm', 's')
  const minutes = Math.round(ms / 60_000)
  return minutes < 1440 ? two(minutes, 60, 'h', 'm') : two(Math.round(ms / 3_600_000), 24, 'd', 'h')
}

const two = (value: number, base: number, large: string, small: string) =>
  `${Math.floor(value / base)}${large} ${String(value % base).padStart(2, '0')}${small}`

/** 'a', 'a and b', 'a, b and c' */
export const enumerate = (names: readonly string[], last = 'and'): string =>
  names.length < 2 ? names.join('') : `${names.slice(0, -1).join(', ')} ${last} ${names.at(-1)}`

/** The first few texts, and the number of the others. */
export const someOf = (texts: readonly string[], total: number, shown = 3): string =>
  [...texts.slice(0, shown), ...(total > shown ? [`and ${number(total - shown)} more`] : [])].join(
    '; ',
  )
