import { newestRunWords } from '../../../cleanup/newest-run-words.ts'
import type { CleanupCounts, CleanupResult, Kept, Removed } from '../../../cleanup/types.ts'
import { formatBytes, formatDuration, formatNumber, plural } from '../../../numbers.ts'

/** Without fractions of a second; JSON has the exact cutoff. */
export const cutoffText = (cutoff: string): string => cutoff.replace(/\.\d+Z$/, 'Z')

export const removedRows = (removed: Readonly<Removed>): number =>
  removed.execution + removed.step + removed.audit + removed.metric

/** '486,283 runs, 1,458,849 steps, 2,431,415 audit entries and 0 metrics' */
export const removedWords = ({ execution, step, audit, metric }: Readonly<Removed>): string =>
  `${plural(execution, 'run')}, ${plural(step, 'step')}, ${plural(audit, 'audit entry')} and ${plural(metric, 'metric')}`

/** Rows that are kept by the rules. Locked rows are reported separately. */
export function keptWords({ execution, audit, metric, protectedBy }: Kept<number | null>): string {
  const parts = [
    [execution.running, (n: number) => `${formatNumber(n)} running`],
    [execution.endedLater, (n: number) => `${formatNumber(n)} ended after the cutoff`],
    [
      execution.newest,
      (n: number) => `${formatNumber(n)} newest of ${n === 1 ? 'its workflow' : 'their workflows'}`,
    ],
    [audit.runKept, (n: number) => `${plural(n, 'audit entry')} of kept runs`],
    [
      execution.protected + audit.protected + metric.protected,
      (n: number) => `${formatNumber(n)} protected by ${protectedBy.join(', ')}`,
    ],
  ] as const
  return parts
    .filter(([count]) => count > 0)
    .map(([count, words]) => words(count))
    .join(', ')
}

/** What `billing --reconcile` no longer finds. */
export const unbilledWords = ({ unbilled }: CleanupCounts): string =>
  `${formatNumber(unbilled)} of these runs ${unbilled === 1 ? 'has' : 'have'} no bill; afterwards billing --reconcile no longer lists ${unbilled === 1 ? 'it' : 'them'}`

/** The confirmation prompt of a cleanup. */
export function questionOf(counts: CleanupCounts, archive?: string): string {
  const { cutoff, remove, kept } = counts
  const keeps = keptWords(kept)
  const newest = newestRunWords(counts)
  return [
    `This removes ${removedWords(remove)} older than ${cutoffText(cutoff)}.`,
    ...(newest === undefined ? [] : [`Warning: ${newest}.`]),
    ...(counts.unbilled === 0 ? [] : [`${unbilledWords(counts)}.`]),
    ...(keeps === '' ? [] : [`Kept: ${keeps}.`]),
    ...(archive === undefined ? [] : [`It first archives them in ${placeText(archive)}.`]),
    'Bills are kept. Continue?',
  ].join(' ')
}

/** The result of a cleanup in one line. */
export function resultLine(result: CleanupResult, interrupted = false): string {
  const { removed, kept, left, cutoff, archive, seconds, rowsPerSecond, outcome } = result
  const rows = removedRows(removed)
  const done =
    rows === 0
      ? `${outcome === 'done' && lockedWords(kept) === '' ? 'nothing to remove' : 'removed nothing'} older than ${cutoffText(cutoff)}`
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
          `stopped ${interrupted ? 'by a signal' : 'by --max-duration'}${left === null ? '' : `, remaining: ${removedWords(left)}`}`,
        ]
      : []),
  ].join('; ')
}

const placeText = (place: string) => (place === '-' ? 'stdout' : place)

const filesText = ({ files, bytes }: NonNullable<CleanupResult['archive']>) =>
  files.length === 0 ? formatBytes(bytes) : `${plural(files.length, 'file')}, ${formatBytes(bytes)}`

/** Rows that are kept because another session has locked them; '' if there are none. */
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
