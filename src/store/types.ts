import type { RestoreOptions, RestoreResult } from '../cleanup/restore/restore.ts'
import type { CleanupCounts, CleanupOptions, CleanupResult } from '../cleanup/types.ts'
import type { Queryable } from '../db/query/connection.ts'
import type { AuditEntries, AuditEntry, AuditFilter } from '../queries/audit/audit.ts'
import type { AuditFollow } from '../queries/audit/follow.ts'
import type { ToolFilter, ToolUse } from '../queries/audit/tools.ts'
import type { Billing } from '../queries/billing/billing.ts'
import type { Bills } from '../queries/billing/bills.ts'
import type { CleanupFilter, PastCleanup } from '../queries/cleanups.ts'
import type { Failure, FailureFilter } from '../queries/errors/errors.ts'
import type { FailureGroups, GroupOptions } from '../queries/errors/groups.ts'
import type { Executions } from '../queries/executions/rows.ts'
import type { Steps } from '../queries/executions/steps.ts'
import type { CurrentOptions } from '../queries/metrics/current.ts'
import type { Metric, Metrics } from '../queries/metrics/metrics.ts'
import type { RollupOptions, RollupResult } from '../queries/metrics/rollup.ts'
import type { Prices } from '../queries/prices/prices.ts'
import type { SettingsAccess } from '../queries/settings.ts'
import type { ExecutionFilter, OneOrMore } from '../queries/table/filter.ts'
import type { ListOptions, Page } from '../queries/table/page.ts'
import type { TraceFinding, TraceFindingFilter } from '../queries/traces/check.ts'
import type { CostOptions, CostReport } from '../queries/usage/cost.ts'
import type { ReportOptions, ReportStats } from '../queries/usage/report-stats.ts'
import type { StoreStats } from '../queries/usage/stats.ts'
import type { Batch, BatchOptions } from '../record/batch/batch.ts'
import type { IngestOptions, Received, Reconciled, SettleOptions } from '../record/otel/options.ts'
import type { CloseOptions, CloseResult, FailStuckOptions } from '../record/recorder/close.ts'
import type { ExecutionRecorder, StartExecution } from '../record/recorder/types.ts'
import type { SpoolOptions } from '../record/spool/recorder.ts'
import type { ImportOptions, ImportReport } from '../transfer/import/import.ts'
import type { ImportSource } from '../transfer/lines/gzip.ts'

/** The queries and the recorder of wfstore over one database. */
export interface Store {
  executions: Executions & {
    /** Cancels runs, each with its bill and an audit entry that names the user. @throws WfstoreError not_found, usage */
    cancel: (ids: readonly string[], options?: CloseOptions) => Promise<CloseResult>
    /** Marks runs as failed that have had no write for the given time. @throws WfstoreError usage */
    failStuck: (options: FailStuckOptions) => Promise<CloseResult>
  }
  steps: Steps
  audit: AuditEntries & {
    /** Finds an entry by its id or at least the first 8 characters of it. @throws WfstoreError usage, not_found */
    find: (id: string) => Promise<AuditEntry>
    /** A reader of entries as they are committed. @throws WfstoreError usage, at once */
    follow: (filter?: AuditFilter) => AuditFollow
  }
  metrics: Metrics & {
    /** Computes metrics from runs and audit entries; repeatable. @throws WfstoreError usage, conflict (another zone), locked */
    rollup: (options: RollupOptions) => Promise<RollupResult>
    /** The newest value of each type, user and dimensions. @throws WfstoreError usage */
    current: (options?: CurrentOptions) => Promise<Metric[]>
  }
  billing: Bills & Billing
  prices: Prices
  /** What the database keeps for all who use it, such as the tags of which totals survive cleanup. */
  settings: SettingsAccess
  /**
   * Totals of all users, of one or of several, including runs that cleanup has removed; zeros on an empty store.
   * totalCost is US dollars as a number, totalCostExact as a decimal; averageExecutionTime is milliseconds.
   */
  getStats: (userId?: OneOrMore) => Promise<StoreStats>
  errors: {
    /** Errors: failed and partial runs, newest first, each once. @throws WfstoreError usage */
    list: (options?: FailureFilter & ListOptions<Failure>) => Promise<Page<Failure>>
    /** Errors grouped by the fingerprint of their messages, compared with the time before. @throws WfstoreError usage */
    groups: (options?: GroupOptions) => Promise<FailureGroups>
  }
  /** Calls, failures, durations (milliseconds) and cost (US dollars) of each tool, without removed entries. @throws WfstoreError usage */
  tools: (filter?: ToolFilter) => Promise<ToolUse[]>
  /**
   * Cost of runs by one or several dimensions, including runs that cleanup has removed.
   * @throws WfstoreError usage
   */
  cost: (options: CostOptions) => Promise<CostReport>
  /** `getStats` with success rate, percentiles (milliseconds, without removed runs) and days. @throws WfstoreError usage */
  stats: (options?: ReportOptions) => Promise<ReportStats>
  /**
   * Records a run as it happens: its steps, audit entries, totals and bill.
   * @throws WfstoreError usage, conflict if the id was started with other values; with a spool only usage, from every call
   */
  startExecution: (options: StartExecution) => Promise<ExecutionRecorder>
  /**
   * Records a run around `work`: it starts the run, calls `work`, and finishes the run as success, or as failed with the message
   * of the error if `work` throws. An AbortError makes it cancelled. Call `run.finish` or `run.cancel` in `work` for another end.
   * A repeat with the id of a run that has not finished continues it.
   * @returns what `work` returns
   * @throws the error of `work`; WfstoreError as `startExecution`, and conflict if the run with this id has already finished: then
   * `work` is not called
   */
  run: <T>(options: StartExecution, work: (run: ExecutionRecorder) => T | Promise<T>) => Promise<T>
  /**
   * A writer for engines that write a lot. It collects audit entries and finished steps, and acknowledges each row when it
   * is committed. Close it before the store.
   */
  batch: (options?: BatchOptions) => Batch
  /**
   * Keeps the spans of an ExportTraceServiceRequest of OpenTelemetry: an object of OTLP/JSON, or bytes. They are committed when it
   * resolves, and a span that comes again changes nothing. `traces.settle` writes their runs.
   * @throws WfstoreError usage for another request
   */
  ingest: (request: object, options?: IngestOptions) => Promise<Received>
  traces: {
    /**
     * Writes runs from the spans that have arrived, and ends those of which nothing more is expected. Call it every few seconds while
     * spans arrive; several processes can. With `quietMs: 0` it ends all runs whose root has ended.
     * @throws WfstoreError usage
     */
    settle: (options?: SettleOptions) => Promise<Reconciled>
    /** What is wrong with traces, or was left out: lost calls, steps without tokens or price. @throws WfstoreError usage */
    check: (options?: TraceFindingFilter & ListOptions<TraceFinding>) => Promise<Page<TraceFinding>>
  }
  /**
   * Exports the matching runs with their steps, audit entries and bills as JSON lines (docs/IMPORT.md). Without a filter
   * also metrics, and audit entries and bills without a run. Reads one snapshot on a separate connection.
   * @throws WfstoreError usage, with the first chunk
   */
  export: (filter?: ExecutionFilter) => AsyncGenerator<Buffer>
  /**
   * Imports the output of `export`, all of it or nothing. Rows that exist are skipped.
   * @throws WfstoreError usage; the message names the first invalid line
   */
  import: (source: ImportSource, options?: ImportOptions) => Promise<ImportReport>
  /**
   * Removes old finished runs with their steps, audit entries and metrics. Totals do not change (docs/CLEANUP.md). It needs
   * a session, so it cannot use a pooler in transaction mode. Times are RFC 3339 in UTC.
   * @throws WfstoreError usage, conflict if it would remove the newest finished run and allowAll is not set, locked if
   * another cleanup is running, failed if the archive cannot be written
   */
  cleanup: (options: CleanupOptions) => Promise<CleanupResult>
  cleanups: {
    /** Past cleanups, newest first. @throws WfstoreError usage */
    list: (options?: CleanupFilter & ListOptions<PastCleanup>) => Promise<Page<PastCleanup>>
    /** Counts what a cleanup would remove and keep. @throws WfstoreError usage */
    count: (options: CleanupOptions) => Promise<CleanupCounts>
  }
  /**
   * Restores a whole archive or nothing; totals do not change. `place` is a folder of one or more archives, the file of a
   * stream, or '-' for `stdin`.
   * @throws WfstoreError usage, failed if it is damaged, conflict if it is from another database, locked
   */
  restore: (place: string, options?: RestoreOptions) => Promise<RestoreResult>
  /** Closes the connections of the store, but not your own pool. If the store is used again, it reconnects. */
  close: () => Promise<void>
}

/** A pg Pool or Client of any version of pg. Its own types are not needed. */
export interface PgDatabase {
  query(text: string, values?: unknown[]): Promise<{ rows: unknown[] }>
}

/** How a store reads from a replica. */
interface ReplicaOptions {
  /** How far the replica may be behind, in milliseconds, else the primary answers; Infinity for any lag (default: 30,000). */
  maxLagMs?: number | undefined
  /** Called with a line for people for each read of a report: where it reads from, and how far that is behind. */
  notice?: ((line: string) => void) | undefined
}

export type StoreOptions =
  | (ReplicaOptions & {
      /** A URL such as 'postgresql://user@host:5432/database' (default: the database of the environment, as in psql). */
      databaseUrl?: string | undefined
      /** Added to the front of search_path (default: search_path of the server). */
      schema?: string | undefined
      /** The URL of a replica for reports and lists (docs/SCALE.md). What is found by its id is read from the primary. */
      reportsUrl?: string | undefined
      /** If the database does not accept a write, it goes to a file and is replayed later (docs/ENGINE.md). */
      spool?: SpoolOptions | undefined
      pool?: never
      reportsPool?: never
    })
  | (ReplicaOptions & {
      /** Your own pg Pool or Client, with its search_path. `close` does not close it. */
      pool: Queryable | PgDatabase
      /** Your own pg Pool or Client of a replica for reports and lists. */
      reportsPool?: Queryable | PgDatabase | undefined
      spool?: SpoolOptions | undefined
      databaseUrl?: undefined
      schema?: undefined
      reportsUrl?: undefined
    })
