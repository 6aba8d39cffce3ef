import type pg from 'pg'
import { countCleanup } from './cleanup/count.ts'
import type { Environment } from './db/connect/libpq.ts'
import { lazyPool } from './db/connect/pool.ts'
import { chooseDatabase, type DatabaseChoice, type Target, urlTarget } from './db/connect/target.ts'
import type { Queryable } from './db/query/connection.ts'
import { query, type Run, runOn } from './db/query/query.ts'
import { type ReplicaOptions, replicaOn } from './db/replica/replica.ts'
import { readWhole } from './db/whole.ts'
import { WfstoreError } from './error.ts'
import { checkNames, type Names } from './options.ts'
import { auditRows } from './queries/audit/audit.ts'
import { findAuditEntry } from './queries/audit/find.ts'
import { followAudit } from './queries/audit/follow.ts'
import { toolUse } from './queries/audit/tools.ts'
import { billingOf, focusCharges } from './queries/billing/billing.ts'
import { billRows } from './queries/billing/bills.ts'
import { listCleanups } from './queries/cleanups.ts'
import { listFailures } from './queries/errors/errors.ts'
import { groupFailures } from './queries/errors/groups.ts'
import { executionRows } from './queries/executions/rows.ts'
import { stepRows } from './queries/executions/steps.ts'
import { currentMetrics } from './queries/metrics/current.ts'
import { metricRows } from './queries/metrics/metrics.ts'
import { rollupMetrics } from './queries/metrics/rollup.ts'
import { pricesOn } from './queries/prices/prices.ts'
import { settingsOf } from './queries/settings.ts'
import { checkTraces } from './queries/traces/check.ts'
import { costBy } from './queries/usage/cost.ts'
import { reportStats } from './queries/usage/report-stats.ts'
import { getStats } from './queries/usage/stats.ts'
import { openBatch } from './record/batch/batch.ts'
import { cancelExecutions, failStuckExecutions } from './record/recorder/close.ts'
import { runExecution, startExecution } from './record/recorder/recorder.ts'
import { type SpoolOptions, spooledRecorder } from './record/spool/recorder.ts'
import { type Access, foreignAccess, ownAccess, pipelinedAccess } from './store/access.ts'
import { reportsAccess, withReports } from './store/reports.ts'
import type { Store, StoreOptions } from './store/types.ts'

const OPTIONS: Names<StoreOptions> = {
  ...{ databaseUrl: true, schema: true, spool: true, pool: true },
  ...{ reportsUrl: true, reportsPool: true, maxLagMs: true, notice: true },
}

/** What a process knows about its database: its environment variables and its working folder. */
export interface Surroundings {
  env: Environment
  cwd: string
}

/** `openStore` of src/index.ts, in these surroundings. Without a URL they are read on first use. */
export function openStoreIn(surroundings: () => Surroundings, options: StoreOptions = {}): Store {
  checkNames('openStore', options, OPTIONS)
  const { databaseUrl, schema, reportsUrl, reportsPool } = options
  checkMaxLag(options)
  if ('pool' in options) {
    const extra = Object.entries({ databaseUrl, schema, reportsUrl }).find(
      ([, value]) => value,
    )?.[0]
    if (extra) {
      throw new WfstoreError('usage', `${extra} cannot be used with pool`, {
        hint: 'the pool has a database; set search_path on it, with options: "-c search_path=…"',
      })
    }
    // Without this check a pool that is undefined by mistake would select the database of the environment.
    if (typeof options.pool !== 'object' || options.pool === null)
      throw new WfstoreError('usage', 'pool is not a Pool or a Client of pg')
    if (reportsPool !== undefined && (typeof reportsPool !== 'object' || reportsPool === null))
      throw new WfstoreError('usage', 'reportsPool is not a Pool or a Client of pg')
    const foreign = options.pool as Queryable
    return opened(options, {
      ...{ primary: foreign, access: foreignAccess(foreign), close: async () => {} },
      replica: reportsPool && {
        replica: reportsPool as Queryable,
        label: 'of reportsPool',
        readOn: readWhole,
      },
    })
  }
  if (reportsPool !== undefined)
    throw new WfstoreError('usage', 'reportsPool requires pool', { hint: 'use reportsUrl' })
  const given =
    databaseUrl === undefined
      ? undefined
      : urlTarget(databaseUrl, 'databaseUrl', surroundings().env, schema)
  const pool = lazyPool(async () => given ?? ofEnvironment({ ...surroundings(), schema }))
  const target =
    reportsUrl === undefined
      ? undefined
      : urlTarget(reportsUrl, 'reportsUrl', surroundings().env, schema)
  const reports = target && lazyPool(async () => target)
  return opened(options, {
    ...{ primary: pool, access: ownAccess(pool) },
    close: async () => {
      await reports?.close()
      await pool.close()
    },
    replica: target &&
      reports && { replica: reports, label: target.label, readOn: (client) => runOn(client) },
  })
}

const DEFAULT_MAX_LAG_MS = 30_000

function checkMaxLag({ maxLagMs = 0 }: StoreOptions): void {
  if (typeof maxLagMs !== 'number' || !(maxLagMs >= 0))
    throw new WfstoreError('usage', 'maxLagMs is not a number of milliseconds', {
      hint: 'use a number such as 30_000, or Infinity',
    })
}

interface Parts {
  primary: Queryable
  access: Access
  close: () => Promise<void>
  replica:
    | (Pick<ReplicaOptions, 'replica' | 'label'> & { readOn: (client: pg.ClientBase) => Run })
    | undefined
}

function opened(options: StoreOptions, { primary, access, close, replica }: Parts): Store {
  const store = storeOn(access, close, options.spool)
  if (!replica) return connected({ primary }, store)
  const { maxLagMs = DEFAULT_MAX_LAG_MS, notice } = options
  const { readOn, ...where } = replica
  const reads = { ...where, primary, maxLagMs }
  const reports = reportsAccess(access, { replica: replicaOn(reads), readOn, notice })
  return connected(
    { primary, replica: reads },
    withReports(
      store,
      storeOn(reports, async () => {}),
    ),
  )
}

/** What a store is connected to. */
export interface Connections {
  primary: Queryable
  replica?: ReplicaOptions
}

const connections = new WeakMap<Store, Connections>()
function connected(to: Connections, store: Store): Store {
  connections.set(store, to)
  return store
}

/** The connections of a store that `openStoreIn` has returned; undefined for any other object. */
export const connectionsOf = (store: Store): Connections | undefined => connections.get(store)

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

/** A store on one connection that pipelines statements. `close` ends the connection. @internal */
export function storeOnClient(client: pg.Client): ClientStore {
  const access = pipelinedAccess(client)
  return { ...storeOn(access, () => client.end()), query: access.read }
}

/** A store on a connection whose schema is checked. `close` leaves it open. @internal */
export function storeOnGiven({ client, run }: { client: pg.ClientBase; run: Run }): ClientStore {
  const access = { ...ownAccess(client, 'text'), read: run }
  return { ...storeOn(access, async () => {}), query: run }
}

function storeOn(access: Access, close: () => Promise<void>, spool?: SpoolOptions): Store {
  const { check, read, write, record, onSession, onOneConnection, inTransaction } = access
  const spooled = spool && spooledRecorder(record, spool)
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
      focus: async function* (scope) {
        await check()
        yield* onOneConnection((client) =>
          focusCharges((statement, shape) => query(client, statement, shape), scope),
        )
      },
    },
    prices: pricesOn(read, write, async (work) => {
      await check()
      return onSession(work)
    }),
    settings: settingsOf(read, write),
    getStats: (userId) => getStats(read, userId),
    cost: (options) => costBy(read, options),
    stats: (options) => reportStats(read, options),
    startExecution: (options) =>
      spooled ? spooled.startExecution(options) : startExecution(record, options),
    run: (options, work) =>
      spooled ? spooled.run(options, work) : runExecution(record, options, work),
    batch: (options) => openBatch(record, options),
    ingest: async (request, options) => {
      const { ingestRequest } = await import('./record/otel/store/ingest.ts')
      return ingestRequest(inTransaction, request, options)
    },
    traces: {
      settle: async (options) => {
        const { settle } = await import('./record/otel/store/ingest.ts')
        return settle(inTransaction, options)
      },
      check: (options) => checkTraces(read, options),
    },
    export: async function* (filter) {
      const { exportLines } = await import('./transfer/export/export.ts')
      yield* onOneConnection((client) => exportLines(client, filter))
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
