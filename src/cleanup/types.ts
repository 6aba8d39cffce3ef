import type { RowKind } from '../tables/tables.ts'

/** What a cleanup removes, in this order. Steps go with their runs; bills stay for ever. */
export const CLEANED = ['execution', 'step', 'audit', 'metric'] as const satisfies RowKind[]
export type Cleaned = (typeof CLEANED)[number]
export type Removed = Record<Cleaned, number>

export interface CleanupOptions {
  /** Removes what is older than so many days of 24 hours: a whole number from 1 to 36,500. Either this or `before`. */
  days?: number | undefined
  /** Removes what is older than this instant, which is not in the future. */
  before?: string | Date | undefined
  /** Keeps the newest so many runs of every workflow, whatever their age. */
  keepLast?: number | undefined
  /** Where the rows go before they are deleted. */
  archive?: ArchiveSink | undefined
  /** Rows that one transaction looks at, at most; 20,000 unless given. It takes fewer where a batch was slow. */
  batchSize?: number | undefined
  /** Milliseconds between two batches. Without it a tenth of the time that the batch took, more while a replica lags. */
  pauseMs?: number | undefined
  /** No batch begins after so many milliseconds. */
  maxDurationMs?: number | undefined
  /** Told after every batch. */
  progress?: ((removed: Readonly<Removed>) => void) | undefined
  /** No batch begins once it is aborted. */
  signal?: AbortSignal | undefined
  /** What somebody who watches is told: waiting for a lock, for a replica. */
  notice?: ((line: string) => void) | undefined
}

/** Rows older than the cutoff that stay, by reason. Entries stay with their run. */
export interface Kept {
  execution: {
    /** They have not ended. */
    running: number
    /** They began before the cutoff and ended after it. */
    endedLater: number
    /** They are among the newest of their workflow. */
    newest: number
    /** Another session has them locked: they are left for the next cleanup. */
    locked: number
  }
  audit: { runKept: number; locked: number }
  metric: { locked: number }
}

export interface CleanupCounts {
  /** RFC 3339 in UTC. */
  cutoff: string
  remove: Removed
  kept: Kept
}

export interface CleanupResult {
  cleanupId: string
  cutoff: string
  keepLast: number | null
  /** `stopped`: by maxDurationMs or the signal, before all was removed. */
  outcome: 'done' | 'stopped'
  removed: Removed
  /** Of what was looked at, which is all where the outcome is done. */
  kept: Kept
  /** What a further cleanup with this cutoff would remove; null where nothing is left, or the signal left no time to count. */
  left: Removed | null
  archive: ArchiveSummary | null
  seconds: number
  rowsPerSecond: number
  batches: number
  /** Tables of which so many rows are dead now that VACUUM would make room for new ones. */
  vacuum: string[]
}

/** Lines are durable before the rows that they hold are deleted. */
export interface ArchiveSink {
  /** As `cleanups.archive` has it: the folder, or '-'. */
  place: string
  /** Called once, before the first row is deleted. */
  open: (cleanup: ArchiveHead) => Promise<void>
  /** Whole lines of one kind in chunks that end anywhere. Gives their number when it can take more. */
  write: (kind: Cleaned, chunks: AsyncIterable<Buffer>) => Promise<number>
  /** Resolves when all that was written is on the disk, or has been handed to the pipe. */
  sync: () => Promise<void>
  /** Takes back what was written since the last sync: its rows were not deleted. */
  rollback: () => Promise<void>
  /** Writes the manifest, after which the archive is complete. */
  finish: () => Promise<ArchiveSummary>
  /** Leaves an archive as it is, whole as far as it was synced. */
  abandon: () => Promise<void>
}

export interface ArchiveHead {
  cleanupId: string
  startedAt: string
  cutoff: string
  keepLast: number | null
  /** Newest migration of the database. */
  schema: string
  /** What a line of each kind holds, by the names and types of the database. */
  columns: Record<Cleaned, ArchiveColumn[]>
}

export interface ArchiveColumn {
  name: string
  /** As format_type says it: 'timestamp with time zone'. */
  type: string
}

export interface ArchiveSummary {
  place: string
  files: { name: string; kind: Cleaned; lines: number; bytes: number; sha256: string }[]
  lines: Removed
  bytes: number
}
