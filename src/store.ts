import type pg from 'pg'
import { countCleanup } from './cleanup/count.ts'
import type { RestoreOptions, RestoreResult } from './cleanup/restore/restore.ts'
import type { CleanupCounts, CleanupOptions, CleanupResult } from './cleanup/types.ts'
import type { Environment } from './db/connect/libpq.ts'
import { lazyPool } from './db/connect/pool.ts'
import { chooseDatabase, type DatabaseChoice, type Target, urlTarget } from './db/connect/target.ts'
import { isPool, type Queryable } from './db/query/connection.ts'
import type { JsonForm } from './db/query/decode.ts'
import { prepared } from './db/query/prepared.ts'
import { query, type Run } from './db/query/query.ts'
import { openSession } from './db/query/session.ts'
import { checkSchema } from './db/schema.ts'
import { WfstoreError } from './error.ts'
import { checkNames, type Names } from './options.ts'
import {
  type AuditEntries,
  type AuditEntry,
  type AuditFilter,
  auditRows,
} from './queries/audit/audit.ts'
import { findAuditEntry } from './queries/audit/find.ts'
import { type AuditFollow, followAudit } from './queries/audit/follow.ts'
import { type ToolFilter, type ToolUse, toolUse } from './queries/audit/tools.ts'
import { type Billing, billingOf, focusCharges } from './queries/billing/billing.ts'
import { type Bills, billRows } from './queries/billing/bills.ts'
import { type CleanupFilter, listCleanups, type PastCleanup } from './queries/cleanups.ts'
import { type Failure, type FailureFilter, listFailures } from './queries/errors/errors.ts'
import { type FailureGroups, type GroupOptions, groupFailures } from './queries/errors/groups.ts'
import { type Executions, executionRows } from './queries/executions/rows.ts'
import { type Steps, stepRows } from './queries/executions/steps.ts'
import { type CurrentOptions, currentMetrics } from './queries/metrics/current.ts'
import { type Metric, type Metrics, metricRows } from './queries/metrics/metrics.ts'
import { type RollupOptions, type RollupResult, rollupMetrics } from './queries/metrics/rollup.ts'
import type { ExecutionFilter, OneOrMore } from './queries/table/filter.ts'
import type { ListOptions, Page } from './queries/table/page.ts'
import { type CostOptions, type CostReport, costBy } from './queries/usage/cost.ts'
import { type ReportOptions, type ReportStats, reportStats } from './queries/usage/report-stats.ts'
import { getStats, type StoreStats } from './queries/usage/stats.ts'
import { type Batch, type BatchOptions, openBatch } from './record/batch/batch.ts'
import {
  type CloseOptions,
  type CloseResult,
  cancelExecutions,
  type FailStuckOptions,
  failStuckExecutions,
} from './record/recorder/close.ts'
import { runExecution, startExecution } from './record/recorder/recorder.ts'
import type { ExecutionRecorder, StartExecution } from './record/recorder/types.ts'
import { type SpoolOptions, spooledRecorder } from './record/spool/recorder.ts'
import type { ImportOptions, ImportReport } from './transfer/import/import.ts'
import type { ImportSource } from './transfer/lines/gzip.ts'

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
   * @throws WfstoreError usage, locked if another cleanup is running, failed if the archive cannot be written
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

export type StoreOptions =
  | {
      /** A URL such as 'postgresql://user@host:5432/database' (default: the database of the environment, as in psql). */
      databaseUrl?: string | undefined
      /** Added to the front of search_path (default: search_path of the server). */
      schema?: string | undefined
      /** If the database does not accept a write, it goes to a file and is replayed later (docs/ENGINE.md). */
      spool?: SpoolOptions | undefined
      pool?: never
    }
  | {
      /** Your own pg Pool or Client, with its search_path. `close` does not close it. */
      pool: Queryable | PgDatabase
      spool?: SpoolOptions | undefined
      databaseUrl?: undefined
      schema?: undefined
    }

const OPTIONS: Names<StoreOptions> = { databaseUrl: true, schema: true, spool: true, pool: true }

/** What a process knows about its database: its environment variables and its working folder. */
export interface Surroundings {
  env: Environment
  cwd: string
}

/** `openStore` of src/index.ts, in these surroundings. Without a URL they are read on first use. */
export function openStoreIn(surroundings: () => Surroundings, options: StoreOptions = {}): Store {
  checkNames('openStore', options, OPTIONS)
  const { databaseUrl, schema, spool } = options
  if ('pool' in options) {
    const extra = databaseUrl !== undefined ? 'databaseUrl' : schema !== undefined && 'schema'
    if (extra) {
      throw new WfstoreError('usage', `${extra} cannot be used with pool`, {
        hint: 'the pool has a database; set search_path on it, with options: "-c search_path=…"',
      })
    }
    // Without this check a pool that is undefined by mistake would select the database of the environment.
    if (typeof options.pool !== 'object' || options.pool === null)
      throw new WfstoreError('usage', 'pool is not a Pool or a Client of pg')
    return storeOn(options.pool as Queryable, async () => {}, { spool })
  }
  const given =
    databaseUrl === undefined
      ? undefined
      : urlTarget(databaseUrl, 'databaseUrl', surroundings().env, schema)
  const pool = lazyPool(async () => given ?? ofEnvironment({ ...surroundings(), schema }))
  return storeOn(pool, pool.close, { spool })
}

/** The database that the connection rules of the command line choose. @throws WfstoreError no_database */
async function ofEnvironment(choice: DatabaseChoice): Promise<Target> {
  try {
    return await chooseDatabase(choice)
  } catch (error) {
    if (!(error instanceof WfstoreError) || error.code !== 'no_database') throw error
    throw new WfstoreError('no_database', `databaseUrl is undefined, and ${error.message}`, {
      hint: 'set DATABASE_URL to a URL such as postgresql://user@host:5432/database',
      cause: error,
    })
  }
}

/** A store on one connection, and what runs a statement on it. */
export interface ClientStore extends Store {
  query: Run
}

/**
 * A store on one connection that pipelines statements: the schema check is sent together with the first query, without a
 * round trip of its own. JSON columns are their text, with all digits. `close` ends the connection.
 * @internal
 */
export function storeOnClient(client: pg.Client): ClientStore {
  const checked = checkedOnce(client)
  const run: Run = async (statement, shape) => {
    const checking = checked()
    const rows = query(client, statement, shape, AS_TEXT)
    // On a wrong schema the query fails too; the error of the check is clearer.
    rows.catch(() => {})
    await checking
    return rows
  }
  return {
    ...storeOn(client, () => client.end(), { checked, read: run, json: AS_TEXT.json }),
    query: run,
  }
}

const AS_TEXT = { json: 'text' } as const

/** Checks the schema until it is right. */
function checkedOnce(database: Queryable): () => Promise<void> {
  let checked: Promise<void> | undefined
  return () => {
    checked ??= checkSchema(database).catch((error) => {
      // The next query checks again: the schema may have been migrated.
      checked = undefined
      throw error
    })
    return checked
  }
}

interface StoreParts {
  checked?: () => Promise<void>
  read?: Run
  json?: JsonForm
  spool?: SpoolOptions | undefined
}

function storeOn(
  database: Queryable,
  close: () => Promise<void>,
  { checked: check = checkedOnce(database), read: given, json = 'value', spool }: StoreParts = {},
): Store {
  /** Check the schema before a write: a write must not run on a wrong schema. */
  const write: Run = async (statement, shape) => {
    await check()
    return query(database, statement, shape, { json })
  }
  const read = given ?? write
  const recording = isPool(database) ? prepared(database) : write
  const record: Run = async (statement, shape) => {
    await check()
    return recording(statement, shape)
  }
  const spooled = spool && spooledRecorder(record, spool)
  async function* onOneConnection<T>(rows: (run: Run) => AsyncGenerator<T>): AsyncGenerator<T> {
    await check()
    const { client, release } = await openSession(database)
    let whole = false
    try {
      yield* rows((statement, shape) => query(client, statement, shape))
      whole = true
    } finally {
      release(!whole)
    }
  }
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
      failStuck: (options) => failStuckExecutions(write, options),
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
    billing: {
      ...billRows(read, write),
      ...billingOf(read, write),
      focus: (scope) => onOneConnection((run) => focusCharges(run, scope)),
    },
    getStats: (userId) => getStats(read, userId),
    cost: (options) => costBy(read, options),
    stats: (options) => reportStats(read, options),
    startExecution: (options) =>
      spooled ? spooled.startExecution(options) : startExecution(record, options),
    run: (options, work) =>
      spooled ? spooled.run(options, work) : runExecution(record, options, work),
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
