import { WfstoreError } from '../../error.ts'
import { formatDuration } from '../../numbers.ts'
import type { Lag } from './lag.ts'

/** 'read from the replica ops@replica:5432/app, 2 s behind' */
export const readNote = (label: string, lag: Lag): string =>
  `read from the replica ${label}, ${lagText(lag)}`

export const lagText = (lag: Lag): string =>
  'ms' in lag ? `${secondsOf(lag.ms)} behind` : `lag not known: ${lag.unknown}`

/** Why the primary answers instead of a replica. */
export const refusedNote = (label: string, why: string): string =>
  `read from the primary: the replica ${label} ${why}`

/** Why a replica with this lag is not used; undefined if it is. */
export function refusalOf(lag: Lag, maxLagMs: number): string | undefined {
  if (maxLagMs === Number.POSITIVE_INFINITY) return undefined
  if ('unknown' in lag) return `has no known lag: ${lag.unknown}; use --max-lag any to read from it`
  if (lag.ms <= maxLagMs) return undefined
  const because = lag.because === undefined ? '' : ` (${lag.because})`
  return `is up to ${secondsOf(lag.ms)} behind${because}, more than ${formatDuration(maxLagMs)}`
}

export const unusable = (error: unknown): string =>
  `cannot be used: ${error instanceof WfstoreError ? error.message : String(error)}`

/** Whole seconds, rounded up: 0 s means that nothing is missing. */
const secondsOf = (ms: number): string => {
  const seconds = Math.ceil(ms / 1000)
  return seconds < 600 ? `${seconds} s` : formatDuration(seconds * 1000)
}
