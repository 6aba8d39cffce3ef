import type pg from 'pg'
import { query } from '../db/query/query.ts'
import { sql } from '../db/query/sql.ts'
import { rollback, run } from '../db/query/transaction.ts'
import { NO_TRANSACTION_TIMEOUT } from './lock.ts'
import { newestRuns } from './newest.ts'

export interface Planned {
  cutoff: string
  keepLast: number | undefined
}

/** Reads in one snapshot, with the settings that the conditions of a cleanup need. */
export async function inSnapshot<Result>(
  client: pg.ClientBase,
  { cutoff, keepLast }: Planned,
  read: () => Promise<Result>,
): Promise<Result> {
  try {
    await client.query(
      `begin isolation level repeatable read read only; set local statement_timeout = 0; set local row_security = off; set local time zone 'UTC'; ${NO_TRANSACTION_TIMEOUT}`,
    )
    const newest = keepLast === undefined ? '[]' : await newestRuns(client, keepLast)
    await query(
      client,
      sql`select set_config('wfstore.cutoff', ${cutoff}, true), set_config('wfstore.newest', ${newest}, true)`,
      {},
    )
    const result = await read()
    await run(client as pg.Client, 'commit')
    return result
  } catch (error) {
    await rollback(client as pg.Client)
    throw error
  }
}
