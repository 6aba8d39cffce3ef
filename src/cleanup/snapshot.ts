import type pg from 'pg'
import { rollback, run } from '../db/query/transaction.ts'
import { NO_TRANSACTION_TIMEOUT } from './lock.ts'
import { newestRuns } from './newest.ts'
import { type CleanupPlace, type CleanupStore, setAt } from './place.ts'

export interface Planned {
  cutoff: string
  keepLast: number | undefined
}

/** Begins a transaction that reads a plan. */
export const BEGIN_PLAN = `begin isolation level repeatable read read only; set local statement_timeout = 0; set local row_security = off; set local time zone 'UTC'; ${NO_TRANSACTION_TIMEOUT}`

/**
 * Reads a plan at each place of the store, with the settings that the conditions of a cleanup need. Of each place all is read in
 * one snapshot.
 * @param timeoutMs limit per statement; 0 means no limit
 */
export async function readPlan<Result>(
  store: CleanupStore,
  { cutoff, keepLast }: Planned,
  read: (place: CleanupPlace) => Promise<Result>,
  timeoutMs = 0,
): Promise<Result[]> {
  const newest = keepLast === undefined ? '[]' : await newestRuns(store, keepLast)
  const results: Result[] = []
  for (const place of store.places) {
    await setAt(place, {
      ...{ 'wfstore.cutoff': cutoff, 'wfstore.newest': newest, timezone: 'UTC' },
      ...{ row_security: 'off', statement_timeout: `${timeoutMs}ms` },
    })
    results.push(await read(place))
  }
  return results
}

/** Reads a plan in a transaction of its own. */
export async function inSnapshot<Result>(
  store: CleanupStore,
  planned: Planned,
  read: (place: CleanupPlace) => Promise<Result>,
): Promise<Result[]> {
  const client = store.client as pg.Client
  try {
    await client.query(BEGIN_PLAN)
    const results = await readPlan(store, planned, read)
    await run(client, 'commit')
    return results
  } catch (error) {
    await rollback(client)
    throw error
  }
}
