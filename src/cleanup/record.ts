import type pg from 'pg'
import { isLockFailure, tableLocked } from '../db/migrate/lock.ts'
import * as d from '../db/query/decode.ts'
import { describe } from '../db/query/errors.ts'
import { query } from '../db/query/query.ts'
import { raw, type Statement, sql } from '../db/query/sql.ts'

/** The row of a cleanup in `wfstore_cleanups`, its log. */

export interface Begun {
  cleanupId: string
  cutoff: string
  keepLast: number | undefined
  archive: string | undefined
}

/**
 * Inserts the row of a cleanup that holds the lock. Earlier rows that are still `running` belong to killed cleanups, because
 * a running one would hold the lock.
 * @returns its start, RFC 3339 in UTC, and the cost tags of now, which it keeps
 */
export async function recordBegin(
  client: pg.ClientBase,
  begun: Begun,
): Promise<{ startedAt: string; costTags: string }> {
  await write(
    client,
    `update wfstore_cleanups set outcome = 'interrupted' where outcome = 'running'`,
    {},
  )
  const { cleanupId, cutoff, keepLast, archive } = begun
  const [row] = await write(
    client,
    sql`insert into wfstore_cleanups (cleanup_id, started_at, cutoff, keep_last, archive, cost_tags)
     select ${cleanupId}::uuid, clock_timestamp(), ${cutoff}::timestamptz, ${keepLast}::bigint, ${archive},
       coalesce((select cost_tags from wfstore_settings), '{}')
     returning ${raw(d.selectList(begunShape, 'wfstore_cleanups'))}`,
    begunShape,
  )
  return row as d.RowOf<typeof begunShape>
}

/** The cost tags as the text of an array in SQL. */
const begunShape = {
  startedAt: d.time(),
  /** As the text of an array in SQL. */
  costTags: d.text('wfstore_cleanups.cost_tags::text'),
}

/** Which of the cleanups do not run any more: those of another database are not known. */
export const endedOf =
  (client: pg.ClientBase) =>
  async (ids: string[]): Promise<string[]> => {
    const ended = sql`select cleanup_id as id from wfstore_cleanups
      where cleanup_id = any(${ids}::uuid[]) and outcome <> 'running'`
    return (await query(client, ended, { id: d.uuid() })).map(({ id }) => id)
  }

/** Stores the folder of the archive once it exists; null if it was not needed. */
export async function recordArchive(
  client: pg.ClientBase,
  cleanupId: string,
  place: string | null,
): Promise<void> {
  await write(
    client,
    sql`update wfstore_cleanups set archive = ${place} where cleanup_id = ${cleanupId}`,
    {},
  )
}

/** Closes the row. Its commit is synchronous, which also makes all batches before it durable. */
export async function recordEnd(
  client: pg.ClientBase,
  cleanupId: string,
  outcome: 'done' | 'stopped' | 'failed',
  { error, rowsProtected }: { error?: unknown; rowsProtected?: number },
): Promise<void> {
  const message = error === undefined ? null : describe(error).message
  await write(
    client,
    sql`update wfstore_cleanups set outcome = ${outcome}, ended_at = greatest(clock_timestamp(), started_at), error_message = ${message},
       rows_protected = ${rowsProtected}
     where cleanup_id = ${cleanupId}`,
    {},
  )
}

/** @throws WfstoreError locked if another session has locked the table */
const write = <S extends d.Shape>(client: pg.ClientBase, statement: Statement, shape: S) =>
  query(client, statement, shape).catch(async (error) => {
    throw isLockFailure(error) ? await tableLocked(client, 'wfstore_cleanups', error) : error
  })
