import type pg from 'pg'
import { isLockFailure, tableLocked } from '../db/migrate/lock.ts'
import * as d from '../db/query/decode.ts'
import { describe } from '../db/query/errors.ts'
import { query } from '../db/query/query.ts'
import { raw, type Statement, sql } from '../db/query/sql.ts'

/** The row of a cleanup in `cleanups`, for whoever asks later how it went. */

export interface Begun {
  cleanupId: string
  cutoff: string
  keepLast: number | undefined
  archive: string | undefined
}

/**
 * Opens the row of a cleanup that holds the lock. What an earlier one left open was killed, or it would hold the lock.
 * @returns when it began, RFC 3339 in UTC
 */
export async function recordBegin(client: pg.ClientBase, begun: Begun): Promise<string> {
  await write(client, `update cleanups set outcome = 'interrupted' where outcome = 'running'`, {})
  const { cleanupId, cutoff, keepLast, archive } = begun
  const [row] = await write(
    client,
    sql`insert into cleanups (cleanup_id, started_at, cutoff, keep_last, archive)
     values (${cleanupId}, clock_timestamp(), ${cutoff}, ${keepLast}, ${archive})
     returning ${raw(d.selectList(startedShape, 'cleanups'))}`,
    startedShape,
  )
  return (row as d.RowOf<typeof startedShape>).startedAt
}

const startedShape = { startedAt: d.time() }

/** The folder that the archive has made for itself, once it is there; null where it was not needed. */
export async function recordArchive(
  client: pg.ClientBase,
  cleanupId: string,
  place: string | null,
): Promise<void> {
  await write(
    client,
    sql`update cleanups set archive = ${place} where cleanup_id = ${cleanupId}`,
    {},
  )
}

/** Closes the row. Its commit waits for the disk, and with it for all batches before it. */
export async function recordEnd(
  client: pg.ClientBase,
  cleanupId: string,
  outcome: 'done' | 'stopped' | 'failed',
  error?: unknown,
): Promise<void> {
  const message = error === undefined ? null : describe(error).message
  await write(
    client,
    sql`update cleanups set outcome = ${outcome}, ended_at = clock_timestamp(), error_message = ${message}
     where cleanup_id = ${cleanupId}`,
    {},
  )
}

/** @throws WfstoreError locked where another session has the table */
const write = <S extends d.Shape>(client: pg.ClientBase, statement: Statement, shape: S) =>
  query(client, statement, shape).catch(async (error) => {
    throw isLockFailure(error) ? await tableLocked(client, 'cleanups', error) : error
  })
