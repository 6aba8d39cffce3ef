import type { CleanupCounts, CleanupResult, Kept, Removed } from '../../../cleanup/types.ts'
import { formatDuration } from '../../output/text/format.ts'

const number = (count: number): string => count.toLocaleString('en')

/** '1 run', '12,345 runs'. */
export const counted = (count: number, noun: string): string =>
  `${number(count)} ${count === 1 ? noun : noun.replace(/y$/, 'ie').concat('s')}`

/** Seconds are enough for a line; JSON has the cutoff whole. */
export const cutoffText = (cutoff: string): string => cutoff.replace(/\.\d+Z$/, 'Z')

export const removedRows = (removed: Readonly<Removed>): number =>
  removed.execution + removed.step + removed.audit + removed.metric

/** '486,283 runs, 1,458,849 steps, 2,431,415 audit entries and 0 metrics' */
export const removedWords = ({ execution, step, audit, metric }: Readonly<Removed>): string =>
  `${counted(execution, 'run')}, ${counted(step, 'step')}, ${counted(audit, 'audit entry')} and ${counted(metric, 'metric')}`

/** Of what stays by its rules. What is locked stays by accident, and is said apart. */
export function keptWords({ execution, audit }: Kept): string {
  const parts = [
    [execution.running, (n: number) => `${number(n)} running`],
    [execution.endedLater, (n: number) => `${number(n)} that ended later`],
    [
      execution.newest,
      (n: number) => `${number(n)} newest of ${n === 1 ? 'its workflow' : 'their workflows'}`,
    ],
    [audit.runKept, (n: number) => `${counted(n, 'audit entry')} of kept runs`],
  ] as const
  return parts
    .filter(([count]) => count > 0)
    .map(([count, words]) => words(count))
    .join(', ')
}

/** What is asked before a cleanup on a terminal. */
export function questionOf({ cutoff, remove, kept }: CleanupCounts, archive?: string): string {
  const { execution, step, audit, metric } = remove
  const keeps = keptWords(kept)
  const what = `removes ${counted(execution, 'run')} with ${counted(step, 'step')}, ${counted(audit, 'audit entry')} and ${counted(metric, 'metric')} that are older than ${cutoffText(cutoff)}`
  return `${[
    what,
    ...(keeps === '' ? [] : [`keeps ${keeps}`]),
    ...(archive === undefined
      ? []
      : [`writes them to ${archive === '-' ? 'stdout' : archive} first`]),
    'bills stay',
  ].join('; ')}. Go on?`
}

/** The one line that a cleanup says of itself. */
export function resultLine(result: CleanupResult, interrupted = false): string {
  const { removed, kept, left, cutoff, archive, seconds, rowsPerSecond, outcome } = result
  const rows = removedRows(removed)
  const done =
    rows === 0
      ? `removed nothing older than ${cutoffText(cutoff)}`
      : `removed ${removedWords(removed)} older than ${cutoffText(cutoff)} in ${formatDuration(seconds * 1000)} (${number(Math.round(rowsPerSecond))} rows/s)`
  const keeps = keptWords(kept)
  const files =
    archive === null || rows === 0
      ? []
      : [`archived in ${placeText(archive.place)} (${filesText(archive)})`]
  return [
    done,
    ...(keeps === '' ? [] : [`kept ${keeps}`]),
    ...files,
    ...(outcome === 'stopped'
      ? [
          `stopped ${interrupted ? 'by a signal' : 'by --max-duration'}${left === null ? '' : `, left ${removedWords(left)}`}`,
        ]
      : []),
  ].join('; ')
}

const placeText = (place: string) => (place === '-' ? 'stdout' : place)

const filesText = ({ place, files, bytes }: NonNullable<CleanupResult['archive']>) =>
  place === '-' ? sizeText(bytes) : `${counted(files.length, 'file')}, ${sizeText(bytes)}`

/** Rows that stay because another session has them locked; '' where none does. */
export function lockedWords({ execution, audit, metric }: Kept): string {
  const parts = [
    [execution.locked, 'run'],
    [audit.locked, 'audit entry'],
    [metric.locked, 'metric'],
  ] as const
  return parts
    .filter(([count]) => count > 0)
    .map(([count, noun]) => counted(count, noun))
    .join(', ')
}

const UNITS = ['B', 'kB', 'MB', 'GB', 'TB']

/** '84 MB', in powers of 1024 as PostgreSQL has them. */
export function sizeText(bytes: number): string {
  let scaled = bytes
  let unit = 0
  while (unit < UNITS.length - 1 && scaled >= 1023.5) {
    scaled /= 1024
    unit++
  }
  return `${unit > 0 && scaled < 9.95 ? scaled.toFixed(1) : Math.round(scaled)} ${UNITS[unit]}`
}
