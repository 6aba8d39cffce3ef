import { InvalidArgumentError } from 'commander'

/** Seconds. */
export const UNITS: Readonly<Record<string, number>> = {
  s: 1,
  m: 60,
  h: 3600,
  d: 86_400,
  w: 604_800,
}

/** A duration on the command line. */
export interface Duration {
  text: string
  ms: number
}

/** Parses an option value such as 90s, 10m, 6h, 2d or 1w. */
export function parseSpan(text: string): Duration {
  const [, count, unit] = /^(\d{1,6})([smhdw])$/.exec(text) ?? []
  const ms = Number(count) * (UNITS[unit ?? ''] ?? 0) * 1000
  if (!(ms > 0)) throw new InvalidArgumentError('It must be a duration such as 90s, 10m, 6h or 2d')
  return { text, ms }
}
