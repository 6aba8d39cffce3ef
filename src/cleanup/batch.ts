import type pg from 'pg'
import { isLockFailure, tableLocked } from '../db/migrate/lock.ts'
import * as d from '../db/query/decode.ts'
import { databaseError } from '../db/query/errors.ts'
import { query } from '../db/query/query.ts'
import { raw, sql } from '../db/query/sql.ts'
import { rollback } from '../db/query/transaction.ts'
import { WfstoreError } from '../error.ts'
import { quarterOf } from '../tables/histories.ts'
import { LINE_SETTINGS } from '../transfer/lines/line.ts'
import { readTables } from '../transfer/lines/table.ts'
import { archiveColumns } from './archive/columns.ts'
import { type Guard, labelsOf, protectedColumns, protectedShape, type Scope } from './guards.ts'
import { NO_TRANSACTION_TIMEOUT } from './lock.ts'
import { type Archiving, deleteRows } from './remove.ts'
import { ahead, goes, inBatch, reasons, type Walked } from './tables.ts'

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
  /** Foreign keys of an application that keep rows. */
  guards: readonly Guard[]
}

export interface RemovedBatch {
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
  /** Rows that a foreign key of an application keeps. */
  protected: number
  protectedBy: string[]
}

/**
 * One snapshot for all statements: what is archived, counted, folded and deleted are the same rows. Where somebody
 * changes one of them meanwhile, PostgreSQL refuses the batch, and it is tried again on what is there then.
 * The commit need not wait for the disk: what a crash takes back was not deleted, and the end of a cleanup waits.
 * No batch may read or sort a whole table, whatever the statistics make the planner believe.
 * A reader of the archive that takes nothing for ten minutes ends it: VACUUM waits for its snapshot in every table.
 * Where policies hide rows from this role it is refused: the entries of a run out of sight would look like those of none.
 */
const BEGIN = `begin isolation level repeatable read read write;
  set local lock_timeout = '400ms'; set local statement_timeout = 0; set local idle_in_transaction_session_timeout = '10min';
  set local synchronous_commit = off; set local enable_seqscan = off; set local enable_sort = off;
  set local jit = off; set local work_mem = '64MB';
  set local row_security = off; set constraints all immediate;
  ${LINE_SETTINGS}`

type Stay = Pick<RemovedBatch, 'kept' | 'protected' | 'protectedBy'>
const NONE_STAY: Stay = {
  kept: { running: 0, endedLater: 0, newest: 0 },
  protected: 0,
  protectedBy: [],
}
const keptShape = { running: d.count(), endedLater: d.count(), newest: d.count() }

/**
 * Locked before there is a snapshot: to an older one, a table that ALTER TABLE has rewritten seems to be empty, and the
 * entries of a run that is kept would look like those of none.
 */
const LOCK: Record<Walked['kind'], string[]> = {
  execution: writing('workflow_executions', 'workflow_steps', 'usage_history', 'cleanups'),
  audit: [
    'lock table workflow_executions in access share mode',
    ...writing('audit_logs', 'audit_history', 'cleanups'),
  ],
  metric: writing('observability_metrics', 'cleanups'),
}

function writing(...tables: string[]): string[] {
  return tables.map((table) => `lock table ${table} in row exclusive mode`)
}

/** The archive would not have the values of a column that is added during the cleanup. */
async function assertColumns({ client }: Work, { tables }: Archiving): Promise<void> {
  const now = archiveColumns(await readTables(client))
  if (JSON.stringify(now) === JSON.stringify(archiveColumns(tables))) return
  throw new WfstoreError('schema_differs', 'the columns of a table changed during the cleanup', {
    hint: 'run it again: an archive is of one schema, and the archive has what was removed so far',
  })
}

/** Removes what is to go of the next `size` rows, in one transaction. @throws WfstoreError with nothing done */
export async function removeBatch(
  work: Work,
  walked: Walked,
  after: Position,
  size: number,
): Promise<RemovedBatch> {
  const { client, archive } = work
  try {
    await client.query(`${BEGIN}; ${LOCK[walked.kind].join('; ')}; ${NO_TRANSACTION_TIMEOUT}`)
    if (archive) await assertColumns(work, archive)
    const end = await findEnd(work, walked, after, size)
    const keepLast = work.newest !== undefined
    const scope: Scope = { guards: work.guards, keepLast, together: 'batch' }
    const deleted = await deleteRows({ client, archive, scope }, walked)
    const stay = deleted.removed < end.visited ? await reasonsOf(client, walked, scope) : NONE_STAY
    const batch = { ...end, ...deleted, ...stay }
    if (batch.kept.newest > 0 && !keepLast) throw notDeleted(batch.kept.newest)
    if (batch.removed > 0) await record(work, walked, batch)
    await archive?.sink.sync()
    await query(client, 'commit', {})
    return batch
  } catch (error) {
    await rollback(client as pg.Client)
    await archive?.sink.rollback()
    throw databaseError(error, { connection: client })
  }
}

/** Counts the rows of this batch that are still there, by reason. */
async function reasonsOf(client: pg.ClientBase, walked: Walked, scope: Scope): Promise<Stay> {
  const { kind, table } = walked
  if (kind !== 'execution' && !scope.guards.some((guard) => guard.kind === kind)) return NONE_STAY
  const going = {
    execution: goes('r', scope.keepLast),
    audit: 'not exists (select from workflow_executions e where e.execution_id = r.execution_id)',
    metric: 'true',
  }[kind]
  const runs = kind === 'execution' ? reasons('r') : '0 as running, 0 as ended_later, 0 as newest'
  const [row] = await query(
    client,
    `select ${runs}, ${protectedColumns(scope, kind, 'r', going)} from ${table} r where ${inBatch(walked, 'r')}`,
    { ...keptShape, ...protectedShape },
  )
  if (!row) return NONE_STAY
  const { running, endedLater, newest } = row
  return {
    kept: { running, endedLater, newest: newest - (kind === 'execution' ? row.protected : 0) },
    protected: row.protected,
    protectedBy: labelsOf(scope, kind, row.protectedBy),
  }
}

const notDeleted = (runs: number) =>
  new WfstoreError('conflict', `the server did not delete ${runs} runs that were to go`, {
    hint: 'a trigger that an application has put on workflow_executions keeps them',
  })

/**
 * Passes a row that somebody else holds.
 * @throws WfstoreError locked where it is a table that they hold, or the cleanup's own row, as every other row would be
 * in their hands, too
 */
export async function stepOver(work: Work, walked: Walked, after: Position): Promise<RemovedBatch> {
  const { client, cleanupId } = work
  let table = ''
  try {
    await client.query(BEGIN)
    for (const lock of LOCK[walked.kind]) {
      table = lock.split(' ')[2] as string
      await query(client, lock, {})
    }
    const own = sql`select from cleanups where cleanup_id = ${cleanupId} for no key update`
    await query(client, own, {})
    const end = await findEnd(work, walked, after, 1)
    return { ...end, removed: 0, steps: 0, ...NONE_STAY }
  } catch (error) {
    if (!isLockFailure(error)) throw databaseError(error, { connection: client })
    await rollback(client as pg.Client)
    throw await tableLocked(client, table, error)
  } finally {
    await rollback(client as pg.Client)
  }
}

const endShape = { time: d.text(), id: d.uuid(), quarter: d.text() }

/** Finds the row at which the batch ends, and tells it to the statements that follow. */
async function findEnd(work: Work, walked: Walked, after: Position, size: number) {
  const { client, cutoff, newest = '[]' } = work
  await change(client, { cutoff, newest, after_time: after.time, after_id: after.id })
  const [time, id] = [raw(walked.time), raw(walked.id)]
  const [end] = await query(
    client,
    // Of the rows that OFFSET passes by nothing is made into text.
    sql`select ${time}::text as time, ${id} as id, ${raw(quarterOf(walked.time))}::text as quarter
     from (
       select ${time}, ${id} from ${raw(walked.table)} w where ${raw(ahead(walked, 'w'))}
       order by ${time}, ${id} offset ${size - 1}::bigint limit 1
     ) as w`,
    endShape,
  )
  await change(client, { upto_time: (end ?? END).time, upto_id: (end ?? END).id })
  if (end) return { next: { time: end.time, id: end.id }, quarter: end.quarter, visited: size }
  const text = `select count(*) as visited from ${walked.table} w where ${inBatch(walked, 'w')}`
  const [last] = await query(client, text, { visited: d.count() })
  return { next: null, quarter: null, visited: last?.visited ?? 0 }
}

async function change(client: pg.ClientBase, settings: Record<string, string>): Promise<void> {
  await query(
    client,
    sql`select set_config('wfstore.' || name, value, true)
     from unnest(${Object.keys(settings)}::text[], ${Object.values(settings)}::text[]) as s (name, value)`,
    {},
  )
}

/** The cleanup's own row counts what this transaction deletes. */
async function record(
  { client, cleanupId }: Work,
  { kind }: Walked,
  batch: RemovedBatch,
): Promise<void> {
  const of = (wanted: string) => (kind === wanted ? batch.removed : 0)
  const own = await query(
    client,
    sql`update cleanups set
       executions_removed = executions_removed + ${of('execution')}, steps_removed = steps_removed + ${batch.steps},
       audit_removed = audit_removed + ${of('audit')}, metrics_removed = metrics_removed + ${of('metric')}
     where cleanup_id = ${cleanupId} returning cleanup_id as id`,
    { id: d.uuid() },
  )
  if (own.length > 0) return
  throw new WfstoreError('conflict', `somebody has deleted the row ${cleanupId} of cleanups`, {
    hint: 'without it an archive cannot be restored; run it again',
  })
}
