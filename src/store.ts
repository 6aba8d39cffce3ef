import type pg from 'pg'
import { chooseDatabase, urlTarget } from './db/connect.ts'
import type { Environment } from './db/libpq.ts'
import { lazyPool } from './db/pool.ts'
import { type Queryable, query, type Run } from './db/query.ts'
import { checkSchema } from './db/schema.ts'
import { WfstoreError } from './error.ts'
import { type AuditEntries, auditRows } from './queries/audit.ts'
import { type Bills, billRows } from './queries/bills.ts'
import { type Executions, executionRows } from './queries/execution-writes.ts'
import { type Metrics, metricRows } from './queries/metrics.ts'
import { getStats, type StoreStats } from './queries/stats.ts'
import { type Steps, stepRows } from './queries/steps.ts'
import { type Batch, type BatchOptions, openBatch } from './record/batch.ts'
import {
  type CloseOptions,
  type CloseResult,
  cancelExecutions,
  type FailStaleOptions,
  failStaleExecutions,
} from './record/close.ts'
import { type ExecutionRecorder, type StartExecution, startExecution } from './record/recorder.ts'

/** The queries and the recorder of wfstore over one database. */
export interface Store {
  executions: Executions & {
    /** Closes runs as cancelled, each with its bill and an audit entry of who did it. @throws WfstoreError not_found, usage */
    cancel: (ids: readonly string[], options?: CloseOptions) => Promise<CloseResult>
    /** Closes as failed the runs that nothing was written to for so long. @throws WfstoreError usage */
    failStale: (options: FailStaleOptions) => Promise<CloseResult>
  }
  steps: Steps
  audit: AuditEntries
  metrics: Metrics
  billing: Bills
  /**
   * Totals of everybody, or of one user, over live runs and those that cleanup has removed; zeros on an empty store.
   * totalCost is US dollars as a number, totalCostExact as a decimal; averageExecutionTime is milliseconds.
   */
  getStats: (userId?: string) => Promise<StoreStats>
  /**
   * Records a run as it happens: its steps, audit entries, totals and bill.
   * @throws WfstoreError usage, conflict where the id was started otherwise
   */
  startExecution: (options: StartExecution) => Promise<ExecutionRecorder>
  /**
   * A writer for engines that write a lot: it gathers audit entries and finished steps, and acknowledges each row
   * when it is committed. Close it before the store.
   */
  batch: (options?: BatchOptions) => Batch
  /** Ends the connections that the store has made, not a pool of yours. Used again, it connects anew. */
  close: () => Promise<void>
}

export type StoreOptions =
  | {
      databaseUrl: string
      /** First in the search path; the server's own search path unless given. */
      schema?: string | undefined
    }
  | {
      /** A pg Pool or Client of yours, which stays yours: `close` does not end it. Its search path counts. */
      pool: Queryable
      schema?: undefined
    }

/**
 * A store for an application: it connects when first used and keeps a pool that lets the process end.
 * @throws WfstoreError usage where the URL is none; every query: unreachable, access_denied, database_missing,
 * schema_missing, schema_behind, schema_ahead
 */
export function openStore(options: StoreOptions): Store {
  if ('pool' in options) {
    if (options.schema !== undefined) {
      throw new WfstoreError('usage', 'a pool of yours has a search path of its own', {
        hint: 'leave schema out, and give the pool options: "-c search_path=…"',
      })
    }
    return storeOn(options.pool, async () => {})
  }
  const target = urlTarget(options.databaseUrl, 'databaseUrl', {}, options.schema)
  const pool = lazyPool(async () => target)
  return storeOn(pool, pool.close)
}

/** A store on the database that the connection rules of the command line choose, when it is first used. */
export function openStoreOf(surroundings: () => { env: Environment; cwd: string }): Store {
  const pool = lazyPool(async () => chooseDatabase(surroundings()))
  return storeOn(pool, pool.close)
}

/**
 * A store over one connection that takes statements ahead (`pipeline`): the check of the schema travels with the
 * first query and so costs no round trip of its own. `close` ends the connection.
 */
export const storeOnClient = (client: pg.Client): Store =>
  storeOn(client, () => client.end(), { ahead: true })

function storeOn(
  database: Queryable,
  close: () => Promise<void>,
  { ahead } = { ahead: false },
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
  return {
    executions: {
      ...executionRows(read, write),
      cancel: (ids, options) => cancelExecutions(write, ids, options),
      failStale: (options) => failStaleExecutions(write, options),
    },
    steps: stepRows(read, write),
    audit: auditRows(read, write),
    metrics: metricRows(read, write),
    billing: billRows(read, write),
    getStats: (userId) => getStats(read, userId),
    startExecution: (options) => startExecution(write, options),
    batch: (options) => openBatch(write, options),
    close,
  }
}
