import type pg from 'pg'
import * as d from '../db/query/decode.ts'
import { query } from '../db/query/query.ts'
import { auditHistory, neededColumns, ofRows, ofSteps, usageHistory } from '../tables/histories.ts'
import { copyOut } from '../transfer/lines/copy.ts'
import { copyLines, lineOf, selectLines } from '../transfer/lines/line.ts'
import type { LineTables } from '../transfer/lines/table.ts'
import { referencesSql } from './archive/references.ts'
import type { Effect } from './effects.ts'
import { isFree, type Scope } from './guards.ts'
import { foldInto } from './history.ts'
import type { CleanupPlace } from './place.ts'
import { ENTRIES, goes, inBatch, METRICS, RUNS, type Walked } from './tables.ts'
import type { ArchiveSink, Cleaned } from './types.ts'

export interface Archiving {
  sink: ArchiveSink
  tables: LineTables
  /** Foreign keys of an application that change its rows. */
  effects: readonly Effect[]
}

export interface Deletion {
  client: pg.ClientBase
  place: CleanupPlace
  archive: Archiving | undefined
  scope: Scope
}

/** Deletes the old rows of this batch and adds them to the histories and the archive. */
export async function deleteRows(deletion: Deletion, { kind }: Walked) {
  if (kind === 'execution') return deleteRuns(deletion)
  const removed = await (kind === 'audit' ? deleteEntries(deletion) : deleteMetrics(deletion))
  return { removed, steps: 0 }
}

/** Steps are removed with their run. */
async function deleteRuns(deletion: Deletion): Promise<{ removed: number; steps: number }> {
  const { place, archive, scope } = deletion
  const history = place.history(usageHistory)
  const which = `${inBatch(RUNS, 'e')} and ${goes('e', scope.keepLast)}${isFree(scope, 'execution', 'e')}`
  const steps = 'workflow_executions e join workflow_steps s using (execution_id)'
  let archived: number | undefined
  if (archive) {
    const { line, row } = lineOf(
      archive.tables.step,
      's',
      referencesSql(archive.effects, 'step', 's'),
    )
    const text = `select ${line} as line from ${steps} cross join lateral ${row} where ${which}`
    archived = await write(deletion, archive.sink, 'step', text)
  }
  const count =
    archived === undefined
      ? await stepCounter(place, `from ${steps} where ${which}`)
      : async () => archived
  // Its snapshot still has the steps.
  const added = `${ofRows(history, 'gone')} union all ${ofSteps(history, 'gone', 'workflow_steps')}`
  const removed = await removing(
    deletion,
    'execution',
    `with gone as (delete from workflow_executions e where ${which} returning ${folded('e', neededColumns(history), archive)}), folded as (${foldInto(history, added)})`,
  )
  return { removed, steps: await count() }
}

/**
 * An audit entry is removed if its run does not exist. Each run is looked up once, because the table of runs may be much larger
 * than the batch.
 */
function deleteEntries(deletion: Deletion): Promise<number> {
  const history = deletion.place.history(auditHistory)
  return removing(
    deletion,
    'audit',
    `with kept as materialized (
       select a.execution_id
       from (select distinct execution_id from audit_logs a where ${inBatch(ENTRIES, 'a')}) a
       cross join lateral (select from workflow_executions e where e.execution_id = a.execution_id limit 1) e
     ), gone as (
       delete from audit_logs a
       where ${inBatch(ENTRIES, 'a')} and (a.execution_id is null or a.execution_id not in (select execution_id from kept))${isFree(deletion.scope, 'audit', 'a')}
       returning ${folded('a', neededColumns(history), deletion.archive)}
     ), folded as (${foldInto(history, ofRows(history, 'gone'))})`,
  )
}

const deleteMetrics = (deletion: Deletion): Promise<number> =>
  removing(
    deletion,
    'metric',
    `with gone as (delete from observability_metrics m where ${inBatch(METRICS, 'm')}${isFree(deletion.scope, 'metric', 'm')} returning ${folded('m', ['metric_id'], deletion.archive)})`,
  )

/** Reads whole rows only if there is an archive. */
const folded = (
  alias: string,
  columns: readonly string[],
  archive: Archiving | undefined,
): string => (archive ? `${alias}.*` : columns.map((column) => `${alias}.${column}`).join(', '))

/** @param statement defines a relation `gone`, with whole rows if there is an archive */
async function removing(deletion: Deletion, kind: Cleaned, statement: string): Promise<number> {
  const { place, archive } = deletion
  if (archive) {
    const references = referencesSql(archive.effects, kind, 'gone')
    const text = `${statement} ${selectLines(archive.tables[kind], 'gone', 'gone', '', references)}`
    return write(deletion, archive.sink, kind, text)
  }
  const text = `${statement} select count(*) as removed from gone`
  const [row] = await query(place.on, text, { removed: d.count() })
  return row?.removed ?? 0
}

const write = (
  { client, place }: Deletion,
  sink: ArchiveSink,
  kind: Cleaned,
  text: string,
): Promise<number> => sink.write(kind, toItsEnd(copyOut(client, copyLines(place.copied(text)))))

/** Reads a COPY to its end even if the reader stops, because the connection could not be used otherwise. */
async function* toItsEnd(source: AsyncGenerator<Buffer>): AsyncGenerator<Buffer> {
  try {
    for (;;) {
      const { value, done } = await source.next()
      if (done) return
      yield value
    }
  } finally {
    while (!(await source.next()).done);
  }
}

/**
 * Counts the steps that the cascade deletes, from the statistics of the server for this session. They may include earlier
 * transactions, but within a transaction they only increase. If track_counts is off, the steps are counted before.
 */
async function stepCounter({ on }: CleanupPlace, steps: string): Promise<() => Promise<number>> {
  const deleted = async () => {
    const [row] = await query(
      on,
      `select pg_stat_get_xact_tuples_deleted('workflow_steps'::regclass) as deleted,
              current_setting('track_counts') = 'on' as tracked`,
      { deleted: d.count(), tracked: d.boolean() },
    )
    return row ?? { deleted: 0, tracked: false }
  }
  const before = await deleted()
  if (before.tracked) return async () => (await deleted()).deleted - before.deleted
  const [row] = await query(on, `select count(*) as steps ${steps}`, { steps: d.count() })
  return async () => row?.steps ?? 0
}
