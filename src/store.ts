import type pg from 'pg'
import { countCleanup } from './cleanup/count.ts'
import type { RestoreOptions, RestoreResult } from './cleanup/restore/restore.ts'
import type { CleanupCounts, CleanupOptions, CleanupResult } from './cleanup/types.ts'
import type { Environment } from './db/connect/libpq.ts'
import { lazyPool } from './db/connect/pool.ts'
import { chooseDatabase, urlTarget } from './db/connect/target.ts'
import { prepared } from './db/query/prepared.ts'
import { query, type Run } from './db/query/query.ts'
import { isPool, openSession, type Queryable } from './db/query/session.ts'
import { checkSchema } from './db/schema.ts'
import { WfstoreError } from './error.ts'
import {
  type AuditEntries,
  type AuditEntry,
  type AuditFilter,
  auditRows,
} from './queries/audit/audit.ts'
import { findAuditEntry } from './queries/audit/find.ts'
import { type AuditFollow, followAudit } from './queries/audit/follow.ts'
import { type ToolFilter, type ToolUse, toolUse } from './queries/audit/tools.ts'
import { type Billing, billingOf } from './queries/billing/billing.ts'
import { type Bills, billRows } from './queries/billing/bills.ts'
import { type CleanupFilter, listCleanups, type PastCleanup } from './queries/cleanups.ts'
import { type Failure, type FailureFilter, listFailures } from './queries/errors/errors.ts'
import { type FailureGroups, type GroupOptions, groupFailures } from './queries/errors/groups.ts'
import { type Executions, executionRows } from './queries/executions/rows.ts'
import { type Steps, stepRows } from './queries/executions/steps.ts'
import { type CurrentOptions, currentMetrics } from './queries/metrics/current.ts'
import { type Metric, type Metrics, metricRows } from './queries/metrics/metrics.ts'
import { type RollupOptions, type RollupResult, rollupMetrics } from './queries/metrics/rollup.ts'
import type { ExecutionFilter } from './queries/table/filter.ts'
import type { Page, PageOptions } from './queries/table/page.ts'
import { type CostOptions, type CostReport, costBy } from './queries/usage/cost.ts'
import { type ReportOptions, type ReportStats, reportStats } from './queries/usage/report-stats.ts'
import { getStats, type StoreStats } from './queries/usage/stats.ts'
import { type Batch, type BatchOptions, openBatch } from './record/batch/batch.ts'
import {
  type CloseOptions,
  type CloseResult,
  cancelExecutions,
  type FailStaleOptions,
  failStaleExecutions,
} from './record/recorder/close.ts'
import {
  type ExecutionRecorder,
  type StartExecution,
  startExecution,
} from './record/recorder/recorder.ts'
import { type SpoolOptions, spooledRecorder } from './record/spool/recorder.ts'
import type { ImportOptions, ImportReport } from './transfer/import/import.ts'
import type { Source } from './transfer/import/lines.ts'

/** The queries and the recorder of wfstore over one database. */
export interface Store {
  executions: Executions & {
    /** Closes runs as cancelled, each with its bill and an audit entry of who did it. @throws WfstoreError not_found, usage */
    cancel: (ids: readonly string[], options?: CloseOptions) => Promise<CloseResult>
    /** Closes as failed the runs that nothing was written to for so long. @throws WfstoreError usage */
    failStale: (options: FailStaleOptions) => Promise<CloseResult>
  }
  steps: Steps
  audit: AuditEntries & {
    /** By its id or its first 8 or more characters. @throws WfstoreError usage, not_found */
    find: (id: string) => Promise<AuditEntry>
    /** Entries as they are committed. @throws WfstoreError usage */
    follow: (filter?: AuditFilter) => AuditFollow
  }
  metrics: Metrics & {
    /** Fills the table from runs and audit entries; repeatable. @throws WfstoreError usage, conflict (another zone), locked */
    rollup: (options: RollupOptions) => Promise<RollupResult>
    /** The newest value of each type, user and dimensions. @throws WfstoreError usage */
    current: (options?: CurrentOptions) => Promise<Metric[]>
  }
  billing: Bills & Billing
  /**
   * Totals of everybody, or of one user, over live runs and those that cleanup has removed; zeros on an empty store.
   * totalCost is US dollars as a number, totalCostExact as a decimal; averageExecutionTime is milliseconds.
   */
  getStats: (userId?: string) => Promise<StoreStats>
  errors: {
    /** Failed audit entries and failed or partial runs, newest first. @throws WfstoreError usage */
    list: (options?: FailureFilter & PageOptions) => Promise<Page<Failure>>
    /** The same by fingerprint, compared with the window before. @throws WfstoreError usage */
    groups: (options?: GroupOptions) => Promise<FailureGroups>
  }
  /** Each tool's calls, failures, durations (milliseconds) and cost (US dollars), of what is kept. @throws WfstoreError usage */
  tools: (filter?: ToolFilter) => Promise<ToolUse[]>
  /**
   * What runs cost, by one or several dimensions, over live runs and those that cleanup has removed.
   * @throws WfstoreError usage
   */
  cost: (options: CostOptions) => Promise<CostReport>
  /** `getStats` with success rate, percentiles (milliseconds, over the runs that are kept) and days. @throws WfstoreError usage */
  stats: (options?: ReportOptions) => Promise<ReportStats>
  /**
   * Records a run as it happens: its steps, audit entries, totals and bill.
   * @throws WfstoreError usage, conflict where the id was started otherwise; with a spool, usage alone, of every call
   */
  startExecution: (options: StartExecution) => Promise<ExecutionRecorder>
  /**
   * A writer for engines that write a lot: it gathers audit entries and finished steps, and acknowledges each row
   * when it is committed. Close it before the store.
   */
  batch: (options?: BatchOptions) => Batch
  /**
   * The runs that a filter names, with their steps, audit entries and bills, as JSON lines (docs/IMPORT.md); without a
   * filter also audit entries and bills of no run, and metrics. Of one moment, on a connection of its own.
   */
  export: (filter?: ExecutionFilter) => AsyncGenerator<Buffer>
  /**
   * Takes in what `export` gives, all of it or nothing; what is there already is not written again.
   * @throws WfstoreError usage, which names the first invalid line
   */
  import: (source: Source, options?: ImportOptions) => Promise<ImportReport>
  /**
   * Removes ended runs, their steps, audit entries of no kept run, and metrics; no total changes (docs/CLEANUP.md). On one
   * session of the server, so not through a pooler in transaction mode. Times are RFC 3339 in UTC.
   * @throws WfstoreError usage, locked where another cleanup is at it, failed where the archive cannot be written
   */
  cleanup: (options: CleanupOptions) => Promise<CleanupResult>
  cleanups: {
    /** Past cleanups, the newest first. @throws WfstoreError usage */
    list: (options?: CleanupFilter & PageOptions) => Promise<Page<PastCleanup>>
    /** What a cleanup would remove and keep. @throws WfstoreError usage */
    count: (options: CleanupOptions) => Promise<CleanupCounts>
  }
  /**
   * Brings back all of an archive (a folder, one of several, a stream's file, '-' for `stdin`) or nothing; no total changes.
   * @throws WfstoreError usage, failed where it is damaged, conflict where it is of another database, locked
   */
  restore: (place: string, options?: RestoreOptions) => Promise<RestoreResult>
  /** Ends the connections that the store has made, not a pool of yours. Used again, it connects anew. */
  close: () => Promise<void>
}

/** What a pg Pool or Client has, of any version of pg: its own types are not needed to use ours. */
export interface PgDatabase {
  query(text: string, values?: unknown[]): Promise<{ rows: unknown[] }>
}

export type StoreOptions =
  | {
      databaseUrl: string
      /** First in the search path; the server's own search path unless given. */
      schema?: string | undefined
      /** Recording never breaks a run: what the database does not take goes to a file, and is replayed (docs/ENGINE.md). */
      spool?: SpoolOptions | undefined
    }
  | {
      /** A pg Pool or Client of yours, which stays yours: `close` does not end it. Its search path counts. */
      pool: Queryable | PgDatabase
      schema?: undefined
      spool?: SpoolOptions | undefined
    }

/**
 * A store for an application: it connects when first used and keeps a pool that lets the process end.
 * @throws WfstoreError usage where the URL is none, or the spool is in use or cannot be opened; every query:
 * unreachable, access_denied, database_missing, schema_missing, schema_behind, schema_ahead
 */
export function openStore(options: StoreOptions): Store {
  if ('pool' in options) {
    if (options.schema !== undefined) {
      throw new WfstoreError('usage', 'a pool of yours has a search path of its own', {
        hint: 'leave schema out, and give the pool options: "-c search_path=…"',
      })
    }
    const pool = options.pool as Queryable
    return storeOn(pool, async () => {}, { spool: options.spool })
  }
  const target = urlTarget(options.databaseUrl, 'databaseUrl', {}, options.schema)
  const pool = lazyPool(async () => target)
  return storeOn(pool, pool.close, { spool: options.spool })
}

/** A store on the database that the connection rules of the command line choose, when it is first used. */
export function openStoreOf(surroundings: () => { env: Environment; cwd: string }): Store {
  const pool = lazyPool(async () => chooseDatabase(surroundings()))
  return storeOn(pool, pool.close)
}

/**
 * A store over one connection that takes statements ahead (`pipeline`): the check of the schema travels with the
 * first query and so costs no round trip of its own. `close` ends the connection.
 * @internal
 */
export const storeOnClient = (client: pg.Client): Store =>
  storeOn(client, () => client.end(), { ahead: true })

function storeOn(
  database: Queryable,
  close: () => Promise<void>,
  { ahead = false, spool }: { ahead?: boolean; spool?: SpoolOptions | undefined } = {},
): Store {
  let checked: Promise<void> | undefined
  const check = () => {
    checked ??= checkSchema(database).catch((error) => {
      // Asked again by the next query: somebody may have migrated meanwhile.
      checked = undefined
      throw error
    })
    return checked
  }
  /** What is refused for its schema must not have been done. */
  const write: Run = async (text, values, shape) => {
    await check()
    return query(database, text, values, shape)
  }
  const readAhead: Run = async (text, values, shape) => {
    const checking = check()
    const rows = query(database, text, values, shape)
    // A query on a schema that is not ours fails in its own words; the check says it better.
    rows.catch(() => {})
    await checking
    return rows
  }
  const read = ahead ? readAhead : write
  const recording = isPool(database) ? prepared(database) : write
  const record: Run = async (text, values, shape) => {
    await check()
    return recording(text, values, shape)
  }
  const spooled = spool && spooledRecorder(record, spool)
  const onSession = async <T>(work: (client: pg.ClientBase) => Promise<T>): Promise<T> => {
    const { client, release } = await openSession(database)
    try {
      return await work(client)
    } finally {
      release(false)
    }
  }
  return {
    executions: {
      ...executionRows(read, write),
      cancel: (ids, options) => cancelExecutions(write, ids, options),
      failStale: (options) => failStaleExecutions(write, options),
    },
    steps: stepRows(read, write),
    audit: {
      ...auditRows(read, write),
      find: (id) => findAuditEntry(read, id),
      follow: (filter) => followAudit(read, filter),
    },
    errors: {
      list: (options) => listFailures(read, options),
      groups: (options) => groupFailures(read, options),
    },
    tools: (filter) => toolUse(read, filter),
    metrics: {
      ...metricRows(read, write),
      rollup: (options) => rollupMetrics(write, options),
      current: (options) => currentMetrics(read, options),
    },
    billing: { ...billRows(read, write), ...billingOf(read, write) },
    getStats: (userId) => getStats(read, userId),
    cost: (options) => costBy(read, options),
    stats: (options) => reportStats(read, options),
    startExecution: (options) =>
      spooled ? spooled.startExecution(options) : startExecution(record, options),
    batch: (options) => openBatch(record, options),
    export: async function* (filter) {
      const { exportLines } = await import('./transfer/export/export.ts')
      const { client, release } = await openSession(database)
      let whole = false
      try {
        yield* exportLines(client, filter)
        whole = true
      } finally {
        release(!whole)
      }
    },
    import: async (source, options) => {
      const { importLines } = await import('./transfer/import/import.ts')
      return onSession((client) => importLines(client, source, options))
    },
    cleanup: async (options) => {
      const { cleanup } = await import('./cleanup/cleanup.ts')
      return onSession((client) => cleanup(client, options))
    },
    cleanups: {
      list: (options) => listCleanups(read, options),
      count: (options) => onSession((client) => countCleanup(client, options)),
    },
    restore: async (place, options) => {
      const { restoreArchive } = await import('./cleanup/restore/restore.ts')
      return onSession((client) => restoreArchive(client, place, options))
    },
    close: async () => {
      await spooled?.close()
      await close()
    },
  }
}
