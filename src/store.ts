import pg from 'pg'
import { urlTarget } from './db/connect.ts'
import { type Queryable, query } from './db/query.ts'
import { checkSchema } from './db/schema.ts'
import {
  type Execution,
  type ExecutionWithSteps,
  getExecution,
  type ListOptions,
  listExecutions,
  listRunning,
  type Page,
  type Run,
} from './queries/executions.ts'

/** The queries of wfstore over one database. */
export interface Store {
  executions: {
    /** A page of runs, newest first. @throws WfstoreError usage for a cursor of another query */
    list: (options: ListOptions) => Promise<Page<Execution>>
    /** A page of the runs that have not finished, the longest-running first. */
    running: (options: ListOptions) => Promise<Page<Execution>>
    /** One run and its steps, by its id or the first 8 or more characters of it. @throws WfstoreError not_found */
    get: (id: string) => Promise<ExecutionWithSteps>
  }
  close: () => Promise<void>
}

/** A database by its URL, or by a pool of yours, which stays yours: `close` does not end it. */
export type StoreOptions = { databaseUrl: string } | { pool: Queryable }

/**
 * A store for an application: it connects when first used and keeps a pool.
 * @throws WfstoreError usage where the URL is none; every query: unreachable, access_denied, database_missing,
 * schema_missing, schema_behind, schema_ahead
 */
export function openStore(options: StoreOptions): Store {
  if ('pool' in options) return storeOn(options.pool, async () => {})
  const target = urlTarget(options.databaseUrl, 'databaseUrl', {})
  const pool = new pg.Pool({ ...target.config, allowExitOnIdle: true })
  // A connection lost while idle is replaced by the pool; without a listener Node would end the process.
  pool.on('error', () => {})
  return storeOn(pool, () => pool.end())
}

/**
 * A store over one connection, on which the check of the schema travels with the first query and so costs no
 * round trip of its own. `close` ends the connection.
 */
export const storeOnClient = (client: pg.Client): Store => storeOn(client, () => client.end())

function storeOn(database: Queryable, close: () => Promise<void>): Store {
  let checked: Promise<void> | undefined
  const run: Run = async (text, values, shape) => {
    checked ??= checkSchema(database).catch((error) => {
      // Asked again by the next query: somebody may have migrated meanwhile.
      checked = undefined
      throw error
    })
    const rows = query(database, text, values, shape)
    // A query on a schema that is not ours fails in its own words; the check says it better.
    rows.catch(() => {})
    await checked
    return rows
  }
  return {
    executions: {
      list: (options) => listExecutions(run, options),
      running: (options) => listRunning(run, options),
      get: (id) => getExecution(run, id),
    },
    close,
  }
}
