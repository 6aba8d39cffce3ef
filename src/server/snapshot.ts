import type pg from 'pg'
import type { Run } from '../db/query/query.ts'
import { run as execute, rollback } from '../db/query/transaction.ts'
import type { SiteConnection } from './site.ts'

/** Runs the queries of a page on one snapshot of the database, so that its numbers agree. */
export async function snapshot<T>(
  { client, run }: SiteConnection,
  work: (run: Run) => Promise<T>,
): Promise<T> {
  const session = client as pg.Client
  await execute(session, 'begin isolation level repeatable read read only')
  try {
    const result = await work(run)
    await execute(session, 'commit')
    return result
  } catch (error) {
    await rollback(session)
    throw error
  }
}
