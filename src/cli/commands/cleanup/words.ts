import type { CleanupCounts, CleanupResult, Kept, Removed } from '../../../cleanup/types.ts'
import { formatBytes, formatDuration, formatNumber, plural } from '../../../numbers.ts'

/** Seconds are enough for a line; JSON has the cutoff whole. */
export const cutoffText = (cutoff: string): string => cutoff.replace(/\.\d+Z$/, 'Z')

export const removedRows = (removed: Readonly<Removed>): number =>
  removed.execution + removed.step + removed.audit + removed.metric

/** '486,283 runs, 1,458,849 steps, 2,431,415 audit entries and 0 metrics' */
export const removedWords = ({ execution, step, audit, metric }: Readonly<Removed>): string =>
  `${plural(execution, 'run')}, ${plural(step, 'step')}, ${plural(audit, 'audit entry')} and ${plural(metric, 'metric')}`

/** Of what stays by its rules. What is locked stays by accident, and is said apart. */
export function keptWords({ execution, audit }: Kept): string {
  const parts = [
    [execution.running, (n: number) => `${formatNumber(n)} running`],
    [execution.endedLater, (n: number) => `${formatNumber(n)} that ended later`],
    [
      execution.newest,
      (n: number) => `${formatNumber(n)} newest of ${n === 1 ? 'its workflow' : 'their workflows'}`,
    ],
    [audit.runKept, (n: number) => `${plural(n, 'audit entry')} of kept runs`],
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
  const what = `removes ${plural(execution, 'run')} with ${plural(step, 'step')}, ${plural(audit, 'audit entry')} and ${plural(metric, 'metric')} that are older than ${cutoffText(cutoff)}`
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
      : `removed ${removedWords(removed)} older than ${cutoffText(cutoff)} in ${formatDuration(seconds * 1000)} (${formatNumber(Math.round(rowsPerSecond))} rows/s)`
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
  place === '-' ? formatBytes(bytes) : `${plural(files.length, 'file')}, ${formatBytes(bytes)}`

/** Rows that stay because another session has them locked; '' where none does. */
export function lockedWords({ execution, audit, metric }: Kept): string {
  const parts = [
    [execution.locked, 'run'],
    [audit.locked, 'audit entry'],
    [metric.locked, 'metric'],
  ] as const
  return parts
    .filter(([count]) => count > 0)
    .map(([count, noun]) => plural(count, noun))
    .join(', ')
}
