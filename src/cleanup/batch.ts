import type pg from 'pg'
import * as d from '../db/decode.ts'
import { databaseError } from '../db/errors.ts'
import { isLockFailure } from '../db/lock.ts'
import { query } from '../db/query.ts'
import { rollback } from '../db/transaction.ts'
import { WfstoreError } from '../error.ts'
import { ARCHIVE_SETTINGS } from './archive/lines.ts'
import { type Archiving, deleteRows } from './remove.ts'
import { ahead, inBatch, quarterOf, reasons, type Walked } from './tables.ts'

/** The key of a row in the walk through its table. */
export interface Position {
  time: string
  id: string
}

export const START: Position = { time: '-infinity', id: '00000000-0000-0000-0000-000000000000' }
const END: Position = { time: 'infinity', id: 'ffffffff-ffff-ffff-ffff-ffffffffffff' }

/** What all batches of a cleanup share. */
export interface Work {
  client: pg.ClientBase
  cleanupId: string
  cutoff: string
  /** The oldest run of every workflow that is kept, as JSON. */
  newest: string | undefined
  archive: Archiving | undefined
}

export interface Batch {
  /** Where the next one begins; null where this was the last. */
  next: Position | null
  /** Begins the quarter of an hour that the next batch may share with this one. */
  quarter: string | null
  visited: number
  removed: number
  /** Those of the runs that were removed. */
  steps: number
  /** Runs that stay, by reason. */
  kept: { running: number; endedLater: number; newest: number }
}

/**
 * One snapshot for all statements: what is archived, counted, folded and deleted are the same rows. Where somebody
 * changes one of them meanwhile, PostgreSQL refuses the batch, and it is tried again on what is there then.
 * The commit need not wait for the disk: what a crash takes back was not deleted, and the end of a cleanup waits.
 * No batch may read or sort a whole table, whatever the statistics make the planner believe.
 * Where policies hide rows from this role it is refused: the entries of a run out of sight would look like those of none.
 */
const BEGIN = `begin isolation level repeatable read read write;
  set local lock_timeout = '400ms'; set local statement_timeout = 0; set local idle_in_transaction_session_timeout = 0;
  set local synchronous_commit = off; set local enable_seqscan = off; set local enable_sort = off;
  set local jit = off; set local work_mem = '64MB';
  set local row_security = off;
  ${ARCHIVE_SETTINGS}`

const NONE_KEPT = { running: 0, endedLater: 0, newest: 0 }
const keptShape = { running: d.count(), endedLater: d.count(), newest: d.count() }

/** Removes what is to go of the next `size` rows, in one transaction. @throws WfstoreError with nothing done */
export async function removeBatch(
  work: Work,
  walked: Walked,
  after: Position,
  size: number,
): Promise<Batch> {
  const { client, archive } = work
  try {
    await client.query(BEGIN)
    const end = await findEnd(work, walked, after, size)
    const keepLast = work.newest !== undefined
    const deleted = await deleteRows({ client, archive, keepLast }, walked)
    const kept =
      walked.kind === 'execution' && deleted.removed < end.visited
        ? await query(
            client,
            `select ${reasons('e')} from workflow_executions e where ${inBatch(walked, 'e')}`,
            [],
            keptShape,
          )
        : []
    const batch = { ...end, ...deleted, kept: kept[0] ?? NONE_KEPT }
    if (batch.removed > 0) await record(work, walked, batch)
    await archive?.sink.sync()
    await query(client, 'commit', [], {})
    return batch
  } catch (error) {
    await rollback(client as pg.Client)
    await archive?.sink.rollback()
    throw databaseError(error)
  }
}

/**
 * Passes a row that somebody else holds.
 * @throws WfstoreError locked where it is the table that they hold, as every other row would be in their hands, too
 */
export async function stepOver(work: Work, walked: Walked, after: Position): Promise<Batch> {
  try {
    await work.client.query(BEGIN)
    await query(work.client, `lock table ${tablesOf(walked)} in row exclusive mode`, [], {})
    const end = await findEnd(work, walked, after, 1)
    return { ...end, removed: 0, steps: 0, kept: NONE_KEPT }
  } catch (error) {
    if (!isLockFailure(error)) throw databaseError(error)
    throw new WfstoreError('locked', `another session has locked the table ${walked.table}`, {
      hint: 'run it again when that has ended, an index being built for instance',
      cause: error,
    })
  } finally {
    await rollback(work.client as pg.Client)
  }
}

const tablesOf = ({ kind, table }: Walked) =>
  kind === 'execution' ? `${table}, workflow_steps` : table

const endShape = { time: d.text(), id: d.uuid(), quarter: d.text() }

/** Finds the row at which the batch ends, and tells it to the statements that follow. */
async function findEnd(work: Work, walked: Walked, after: Position, size: number) {
  const { client, cutoff, newest = '[]' } = work
  await change(client, { cutoff, newest, after_time: after.time, after_id: after.id })
  const [end] = await query(
    client,
    // Of the rows that OFFSET passes by nothing is made into text.
    `select ${walked.time}::text as time, ${walked.id} as id, ${quarterOf(walked.time)}::text as quarter
     from (
       select ${walked.time}, ${walked.id} from ${walked.table} w where ${ahead(walked, 'w')}
       order by ${walked.time}, ${walked.id} offset $1::bigint limit 1
     ) as w`,
    [size - 1],
    endShape,
  )
  await change(client, { upto_time: (end ?? END).time, upto_id: (end ?? END).id })
  if (end) return { next: { time: end.time, id: end.id }, quarter: end.quarter, visited: size }
  const text = `select count(*) as visited from ${walked.table} w where ${inBatch(walked, 'w')}`
  const [last] = await query(client, text, [], { visited: d.count() })
  return { next: null, quarter: null, visited: last?.visited ?? 0 }
}

async function change(client: pg.ClientBase, settings: Record<string, string>): Promise<void> {
  await query(
    client,
    `select set_config('wfstore.' || name, value, true) from unnest($1::text[], $2::text[]) as s (name, value)`,
    [Object.keys(settings), Object.values(settings)],
    {},
  )
}

/** The cleanup's own row counts what this transaction deletes. */
async function record({ client, cleanupId }: Work, { kind }: Walked, batch: Batch): Promise<void> {
  const of = (wanted: string) => (kind === wanted ? batch.removed : 0)
  await query(
    client,
    `update cleanups set
       executions_removed = executions_removed + $2, steps_removed = steps_removed + $3,
       audit_removed = audit_removed + $4, metrics_removed = metrics_removed + $5
     where cleanup_id = $1`,
    [cleanupId, of('execution'), batch.steps, of('audit'), of('metric')],
    {},
  )
}
