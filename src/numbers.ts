/** How messages and tables write numbers, sizes and durations. */

/** '12,345' */
export const formatNumber = (value: number | bigint): string =>
  String(typeof value === 'bigint' ? value : Math.round(value)).replace(/\B(?=(?:\d{3})+$)/g, ',')

/** '1 run', '12,345 runs', '2 entries' */
export const plural = (count: number | bigint, noun: string): string =>
  `${formatNumber(count)} ${count === 1 ? noun : `${noun.replace(/(?<![aeiou])y$/, 'ie')}s`}`

const UNITS = ['B', 'kB', 'MB', 'GB', 'TB', 'PB']

/** '4.9 MB', '120 GB', in powers of 1024 as pg_size_pretty has them. */
export function formatBytes(bytes: number): string {
  let scaled = bytes
  let unit = 0
  while (unit < UNITS.length - 1 && scaled >= 1023.5) {
    scaled /= 1024
    unit++
  }
  return `${unit > 0 && scaled < 9.95 ? scaled.toFixed(1) : Math.round(scaled)} ${UNITS[unit]}`
}

/** `340ms`, `3.6s`, `1m 17s`, `2h 05m`, `3d 04h`: two units, rounded before the unit is chosen. */
export function formatDuration(value: unknown): string {
  const ms = typeof value === 'number' ? value : Number(value)
  if (!Number.isFinite(ms)) return String(value)
  return ms < 0 ? `-${elapsed(-ms)}` : elapsed(ms)
}

function elapsed(ms: number): string {
  if (Math.round(ms) < 1000) return `${ms < 10 ? Number(ms.toFixed(1)) : Math.round(ms)}ms`
  if (Math.round(ms / 100) < 600) return `${(ms / 1000).toFixed(1)}s`
  const seconds = Math.round(ms / 1000)
  if (seconds < 3600) return two(seconds, 60, 'm', 's')
  const minutes = Math.round(ms / 60_000)
  return minutes < 1440 ? two(minutes, 60, 'h', 'm') : two(Math.round(ms / 3_600_000), 24, 'd', 'h')
}

const two = (value: number, base: number, large: string, small: string) =>
  `${Math.floor(value / base)}${large} ${String(value % base).padStart(2, '0')}${small}`
