import type { RowKind } from '../tables/tables.ts'

/** What a cleanup removes, in this order. Steps are removed with their runs. Bills are never removed. */
export const CLEANED = ['execution', 'step', 'audit', 'metric'] as const satisfies RowKind[]
export type Cleaned = (typeof CLEANED)[number]
export type Removed = Record<Cleaned, number>

export interface CleanupOptions {
  /** Remove rows older than this number of days of 24 hours, from 1 to 36,500. Either this or `before` is required. */
  days?: number | undefined
  /** Remove rows older than this time, which must not be in the future. */
  before?: string | Date | undefined
  /** Keep this number of the newest runs of each workflow, regardless of age. */
  keepLast?: number | undefined
  /** Allow it to remove even the newest finished run, which a wrong clock or cutoff would do (default: false). */
  allowAll?: boolean | undefined
  /** The archive that gets the rows before they are deleted. */
  archive?: ArchiveSink | undefined
  /** Maximum number of rows that a transaction visits (default: 20,000). Slow batches get smaller. */
  batchSize?: number | undefined
  /** Milliseconds between two batches (default: a tenth of the time of the last batch, more while a replica lags). */
  pauseMs?: number | undefined
  /** No batch starts after this number of milliseconds. */
  maxDurationMs?: number | undefined
  /** Called after each batch. */
  progress?: ((removed: Readonly<Removed>) => void) | undefined
  /** No batch starts after it is aborted. */
  signal?: AbortSignal | undefined
  /** Called with messages for a user who watches, such as waiting for a lock or for a replica. */
  notice?: ((line: string) => void) | undefined
  /** Called before work begins with what makes this cleanup slow, and with what no restore brings back. */
  warning?: ((line: string) => void) | undefined
}

/**
 * Rows older than the cutoff that are kept, by reason. Audit entries are kept with their run.
 * `Locked` is null before a cleanup: which rows another session will have locked is not known.
 */
export interface Kept<Locked extends number | null = number> {
  execution: {
    /** Unfinished runs. */
    running: number
    /** Runs that started before the cutoff and ended after it. */
    endedLater: number
    /** Runs among the newest of their workflow. */
    newest: number
    /** Old enough to be removed, but a foreign key of an application protects them. */
    protected: number
    /** Runs locked by another session. The next cleanup removes them. */
    locked: Locked
  }
  audit: { runKept: number; protected: number; locked: Locked }
  metric: { protected: number; locked: Locked }
  /** The foreign keys that protect rows: 'feedback_execution_id_fkey of feedback'. */
  protectedBy: string[]
  /** The sessions that hold locked rows: 'pid 4711 (engine), in a transaction since …'. */
  lockedBy: string[]
}

export interface CleanupCounts {
  /** RFC 3339 in UTC. */
  cutoff: string
  remove: Removed
  /** Runs that it removes and that have no bill; reconcile no longer finds them then. */
  unbilled: number
  kept: Kept<null>
  /** The newest finished run, and the clock of the server, if it removes even this run; null if it keeps it. */
  newestRun: { startTime: string; serverTime: string } | null
  /** All rows that are still there after the cleanup, old or new; null if there was no time to count them. */
  remain: Removed | null
}

export interface CleanupResult {
  cleanupId: string
  cutoff: string
  keepLast: number | null
  /** `stopped`: ended by maxDurationMs or the signal before everything was removed. */
  outcome: 'done' | 'stopped'
  removed: Removed
  /** Counts of the visited rows: all rows if the outcome is `done`. */
  kept: Kept
  /** What another cleanup with this cutoff would remove; null if nothing, or if the signal left no time to count. */
  left: Removed | null
  archive: ArchiveSummary | null
  seconds: number
  rowsPerSecond: number
  batches: number
  /** Tables in which VACUUM would free much space. */
  vacuum: string[]
}

/** JSON lines, or Parquet files that are made of them. */
export type ArchiveFormat = 'jsonl' | 'parquet'

/** Lines are durable before their rows are deleted. */
export interface ArchiveSink {
  /** As in `wfstore_cleanups.archive`: the folder, '-', or the path of a device or a FIFO. */
  place: string
  /** A stream, which always gets an end. */
  isStream?: boolean
  /** Called once, before the first row is deleted. */
  open: (cleanup: ArchiveHead) => Promise<void>
  /** Writes complete lines of one kind. Chunks may end anywhere. Resolves to the number of lines when it can accept more. */
  write: (kind: Cleaned, chunks: AsyncIterable<Buffer>) => Promise<number>
  /** Resolves when everything is on disk or in the pipe. */
  sync: () => Promise<void>
  /** Discards what was written since the last sync: its rows were not deleted. */
  rollback: () => Promise<void>
  /** Writes the manifest, which completes the archive. */
  finish: () => Promise<ArchiveSummary>
  /** Leaves the archive incomplete; it is correct up to the last sync. */
  abandon: () => Promise<void>
  /**
   * Called after a cleanup with a finished archive: converts it, and what killed cleanups have left in the same folder.
   * @param ended gives those of the cleanups that do not run any more
   */
  convert?: (ended: (cleanupIds: string[]) => Promise<string[]>) => Promise<ArchiveSummary>
}

export interface ArchiveHead {
  cleanupId: string
  startedAt: string
  cutoff: string
  keepLast: number | null
  /** The newest migration of the database. */
  schema: string
  /** The columns of each kind of line, with the names and types of the database. */
  columns: Record<Cleaned, ArchiveColumn[]>
}

export interface ArchiveColumn {
  name: string
  /** As in format_type: 'timestamp with time zone'. */
  type: string
}

export interface ArchivedFile {
  name: string
  kind: Cleaned
  lines: number
  bytes: number
  sha256: string
  /** Of a Parquet file: the SHA-256 of its lines. */
  linesSha256?: string
  /** Of a Parquet file: the columns that are text, because their type cannot hold each of their values exactly. */
  textColumns?: string[]
}

export interface ArchiveSummary {
  place: string
  files: ArchivedFile[]
  lines: Removed
  bytes: number
}

/** What a restore did with the references of one table of the application to the restored rows. */
export interface RestoredReferences {
  /** Quoted. */
  table: string
  /** The columns that the cleanup set to NULL. */
  columns: string[]
  /** Rows whose columns are set again. */
  restored: number
  /** Rows that were deleted or got another value after the cleanup, which stays. */
  changed: number
  /** Why none could be set; null if they could. */
  problem: string | null
}
