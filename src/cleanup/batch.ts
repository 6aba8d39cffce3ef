import type pg from 'pg'
import { isLockFailure, tableLocked } from '../db/migrate/lock.ts'
import * as d from '../db/query/decode.ts'
import { databaseError } from '../db/query/errors.ts'
import { query } from '../db/query/query.ts'
import { raw, sql } from '../db/query/sql.ts'
import { rollback } from '../db/query/transaction.ts'
import { WfstoreError } from '../error.ts'
import { plural } from '../numbers.ts'
import { quarterOf } from '../tables/histories.ts'
import { LINE_VALUES, setLocal } from '../transfer/lines/line.ts'
import { readTables } from '../transfer/lines/table.ts'
import { archiveColumns } from './archive/columns.ts'
import { assertBatchFinite } from './finite.ts'
import { type Guard, labelsOf, protectedColumns, protectedShape, type Scope } from './guards.ts'
import { NO_TRANSACTION_TIMEOUT } from './lock.ts'
import { type CleanupPlace, type CleanupStore, setAt } from './place.ts'
import { type Archiving, deleteRows } from './remove.ts'
import { ahead, goes, inBatch, reasons, type Walked } from './tables.ts'

/** The position of a row in the walk through its table. */
export interface Position {
  time: string
  id: string
}

export const START: Position = { time: '-infinity', id: '00000000-0000-0000-0000-000000000000' }
const END: Position = { time: 'infinity', id: 'ffffffff-ffff-ffff-ffff-ffffffffffff' }

/** The state that all batches of a cleanup share. */
export interface Work extends CleanupStore {
  cleanupId: string
  cutoff: string
  /** The tags that the history keeps, as the text of an array in SQL. */
  costTags: string
  /** The oldest kept run of each workflow, as JSON. */
  newest: string | undefined
  archive: Archiving | undefined
  /** Foreign keys of an application that keep rows. */
  guards: readonly Guard[]
}

export interface RemovedBatch {
  /** The start of the next batch; null after the last one. */
  next: Position | null
  /** The start of the quarter hour that the next batch may share with this one. */
  quarter: string | null
  visited: number
  removed: number
  /** Steps of the removed runs. */
  steps: number
  /** Kept runs by reason. */
  kept: { running: number; endedLater: number; newest: number }
  /** Rows that a foreign key of an application keeps. */
  protected: number
  protectedBy: string[]
}

/**
 * All statements use one snapshot, so that the archived, counted and deleted rows are the same. If another session changes one
 * of them, PostgreSQL rejects the batch and it is retried.
 * synchronous_commit is off: rows that a crash brings back were not deleted, and the last commit of a cleanup is synchronous.
 * The planner settings keep a batch from reading or sorting a whole table, even with wrong statistics.
 * A batch ends if the reader of the archive takes nothing for ten minutes, because its snapshot blocks VACUUM in all tables.
 * With row_security off (LINE_VALUES), policies that hide rows are an error: audit entries of a hidden run would look like entries without a
 * run.
 */
const SETTINGS = {
  ...{ lock_timeout: '400ms', statement_timeout: '0' },
  ...{ idle_in_transaction_session_timeout: '10min', synchronous_commit: 'off' },
  ...{ enable_seqscan: 'off', enable_sort: 'off', jit: 'off', work_mem: '64MB' },
  ...LINE_VALUES,
}
const BEGIN = `begin isolation level repeatable read read write; ${setLocal(SETTINGS)}; set constraints all immediate`

type Stay = Pick<RemovedBatch, 'kept' | 'protected' | 'protectedBy'>
const NONE_STAY: Stay = {
  kept: { running: 0, endedLater: 0, newest: 0 },
  protected: 0,
  protectedBy: [],
}
const keptShape = { running: d.count(), endedLater: d.count(), newest: d.count() }

/**
 * The lock is taken before the snapshot: to an older snapshot, a table that ALTER TABLE has rewritten seems empty, and audit
 * entries of kept runs would look like entries without a run.
 */
const LOCK: Record<Walked['kind'], string[]> = {
  execution: writing('workflow_executions', 'workflow_steps', 'usage_history', 'wfstore_cleanups'),
  audit: [
    'lock table workflow_executions in access share mode',
    ...writing('audit_logs', 'audit_history', 'wfstore_cleanups'),
  ],
  metric: writing('observability_metrics', 'wfstore_cleanups'),
}

function writing(...tables: string[]): string[] {
  return tables.map((table) => `lock table ${table} in row exclusive mode`)
}

/**
 * A change of a table takes its lock on the coordinator first, so it is enough to lock there: LOCK TABLE of a distributed table
 * would take it on all servers. The insert of no row makes Citus commit in two phases: otherwise the shards of the batch would
 * commit before the coordinator, which counts the batch, and a crash between would leave a batch that is not counted. For the same
 * reason the commit of the coordinator is synchronous.
 */
const ON_COORDINATOR = `set local citus.enable_ddl_propagation = off; set local synchronous_commit = on;
  insert into audit_history (execution_id) select null::uuid where false`

/** Begins the transaction of a batch. */
async function begin(work: Work, { kind }: Walked, place: CleanupPlace): Promise<void> {
  const { client } = work
  const distributed = place.layout === 'distributed'
  const first = distributed ? [ON_COORDINATOR] : []
  await client.query([BEGIN, ...first, ...LOCK[kind], NO_TRANSACTION_TIMEOUT].join('; '))
  if (!distributed) return
  await setAt(place, SETTINGS)
  await query(place.on, NO_TRANSACTION_TIMEOUT, {})
}

/** Without this check, the archive would miss the values of a column that is added during the cleanup. */
async function assertColumns({ client }: Work, { tables }: Archiving): Promise<void> {
  const now = archiveColumns(await readTables(client))
  if (JSON.stringify(now) === JSON.stringify(archiveColumns(tables))) return
  throw new WfstoreError('schema_differs', 'the columns of a table changed during the cleanup', {
    hint: 'run it again; all rows that were removed so far are in the archive',
  })
}

/** Visits the next `size` rows and removes the old ones, in one transaction. @throws WfstoreError; nothing is changed */
export async function removeBatch(
  work: Work,
  place: CleanupPlace,
  walked: Walked,
  after: Position,
  size: number,
): Promise<RemovedBatch> {
  const { client, archive } = work
  try {
    await begin(work, walked, place)
    if (archive) await assertColumns(work, archive)
    const end = await findEnd(work, place, walked, after, size)
    const keepLast = work.newest !== undefined
    const scope: Scope = { guards: work.guards, keepLast, together: 'batch' }
    await assertBatchFinite(place, walked, scope)
    const deleted = await deleteRows({ client, place, archive, scope }, walked)
    const stay = deleted.removed < end.visited ? await reasonsOf(place, walked, scope) : NONE_STAY
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
async function reasonsOf({ on }: CleanupPlace, walked: Walked, scope: Scope): Promise<Stay> {
  const { kind, table } = walked
  if (kind !== 'execution' && !scope.guards.some((guard) => guard.kind === kind)) return NONE_STAY
  const going = {
    execution: goes('r', scope.keepLast),
    audit: 'not exists (select from workflow_executions e where e.execution_id = r.execution_id)',
    metric: 'true',
  }[kind]
  const runs = kind === 'execution' ? reasons('r') : '0 as running, 0 as ended_later, 0 as newest'
  const [row] = await query(
    on,
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
  new WfstoreError('conflict', `the server did not delete ${plural(runs, 'run')}`, {
    hint: 'check the triggers that the application has on workflow_executions',
  })

/**
 * Skips a row that another session has locked.
 * @throws WfstoreError locked if the session has locked the table or the row of this cleanup
 */
export async function stepOver(
  work: Work,
  place: CleanupPlace,
  walked: Walked,
  after: Position,
): Promise<RemovedBatch> {
  const { client, cleanupId } = work
  let table = ''
  try {
    await client.query(place.layout === 'single' ? BEGIN : `${BEGIN}; ${ON_COORDINATOR}`)
    for (const lock of LOCK[walked.kind]) {
      table = lock.split(' ')[2] as string
      await query(client, lock, {})
    }
    const own = sql`select from wfstore_cleanups where cleanup_id = ${cleanupId} for no key update`
    await query(client, own, {})
    const end = await findEnd(work, place, walked, after, 1)
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

/** Finds the last row of the batch and stores its position in settings for the next statements. */
async function findEnd(
  work: Work,
  place: CleanupPlace,
  walked: Walked,
  after: Position,
  size: number,
) {
  const { cutoff, costTags: cost_tags, newest = '[]' } = work
  const at = { after_time: after.time, after_id: after.id }
  await change(place, { cutoff, cost_tags, newest, ...at })
  const [time, id] = [raw(walked.time), raw(walked.id)]
  const [end] = await query(
    place.on,
    // The rows that OFFSET skips are not converted to text.
    sql`select ${time}::text as time, ${id} as id, ${raw(quarterOf(walked.time))}::text as quarter
     from (
       select ${time}, ${id} from ${raw(walked.table)} w where ${raw(ahead(walked, 'w'))}
       order by ${time}, ${id} offset ${size - 1}::bigint limit 1
     ) as w`,
    endShape,
  )
  await change(place, { upto_time: (end ?? END).time, upto_id: (end ?? END).id })
  if (end) return { next: { time: end.time, id: end.id }, quarter: end.quarter, visited: size }
  const text = `select count(*) as visited from ${walked.table} w where ${inBatch(walked, 'w')}`
  const [last] = await query(place.on, text, { visited: d.count() })
  return { next: null, quarter: null, visited: last?.visited ?? 0 }
}

const change = (place: CleanupPlace, settings: Record<string, string>) =>
  setAt(
    place,
    Object.fromEntries(Object.entries(settings).map(([name, value]) => [`wfstore.${name}`, value])),
  )

/** Adds the deleted rows to the counts in the row of this cleanup. */
async function record(
  { client, cleanupId }: Work,
  { kind }: Walked,
  batch: RemovedBatch,
): Promise<void> {
  const of = (wanted: string) => (kind === wanted ? batch.removed : 0)
  const own = await query(
    client,
    sql`update wfstore_cleanups set
       executions_removed = executions_removed + ${of('execution')}, steps_removed = steps_removed + ${batch.steps},
       audit_removed = audit_removed + ${of('audit')}, metrics_removed = metrics_removed + ${of('metric')}
     where cleanup_id = ${cleanupId} returning cleanup_id as id`,
    { id: d.uuid() },
  )
  if (own.length > 0) return
  throw new WfstoreError('conflict', `row ${cleanupId} of wfstore_cleanups was deleted`, {
    hint: 'run it again; the archive of this cleanup cannot be restored without this row',
  })
}
