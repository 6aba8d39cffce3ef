import { runOn } from '../db/query/query.ts'
import { raw } from '../db/query/sql.ts'
import { notFinite } from '../db/values/faults.ts'
import {
  areChecked,
  assertNoFaults,
  type FaultyRows,
  findFaults,
  isChecked,
} from '../db/values/find.ts'
import { type Guard, isFree, type Scope } from './guards.ts'
import type { CleanupPlace, CleanupStore } from './place.ts'
import { inSnapshot, type Planned } from './snapshot.ts'
import { CUTOFF, goes, inBatch, WALKED, type Walked } from './tables.ts'

/**
 * A row whose amount or time is not finite is not removed: in a history it would make every total NaN, and no statement could
 * repair it there. The checks of the tables refuse such rows. This reads rows only if such a check is missing or not validated.
 */

/** SQL of the rows that go. `window` limits the rows of the walked table. */
function goingRows({ kind, table }: Walked, scope: Scope, window: string): [string, string][] {
  const free = isFree(scope, kind, 'r')
  const of = (rows: string, where: string) => `from ${rows} where ${window} and ${where}${free}`
  if (kind === 'execution') {
    const where = goes('r', scope.keepLast)
    return [
      [table, `r.* ${of(`${table} r`, where)}`],
      [
        'workflow_steps',
        `s.* ${of(`${table} r join workflow_steps s using (execution_id)`, where)}`,
      ],
    ]
  }
  const isAlone = `not exists (select from workflow_executions k where k.execution_id = r.execution_id
    and not (k.start_time < ${CUTOFF} and ${goes('k', scope.keepLast)}${isFree(scope, 'execution', 'k')}))`
  return [[table, `r.* ${of(`${table} r`, kind === 'audit' ? isAlone : 'true')}`]]
}

async function findIn(
  { on }: CleanupPlace,
  walked: Walked,
  scope: Scope,
  window: string,
): Promise<FaultyRows[]> {
  const found: FaultyRows[] = []
  for (const [table, rows] of goingRows(walked, scope, window)) {
    const from = raw(`(select ${rows} and not ${isChecked(table)}) as ${table}`)
    found.push(...(await findFaults(runOn(on), notFinite(table), from)))
  }
  return found
}

/** @throws WfstoreError conflict if a row of this batch is not finite */
export async function assertBatchFinite(
  place: CleanupPlace,
  walked: Walked,
  scope: Scope,
): Promise<void> {
  const { kind, table } = walked
  const tables = kind === 'execution' ? [table, 'workflow_steps'] : [table]
  if (await areChecked(runOn(place.on), tables)) return
  const found = await findIn(place, walked, scope, inBatch(walked, 'r'))
  assertNoFaults('clean up', found, 'the batches before this one are done')
}

/** Inside a transaction with the settings of a cleanup. @throws WfstoreError conflict if a row that would go is not finite */
export async function assertAllFinite(place: CleanupPlace, scope: Scope): Promise<void> {
  const found: FaultyRows[] = []
  for (const walked of WALKED)
    found.push(...(await findIn(place, walked, scope, `r.${walked.time} < ${CUTOFF}`)))
  assertNoFaults('clean up', found)
}

/** The same before a cleanup changes anything. @throws WfstoreError conflict */
export async function assertFiniteBefore(
  store: CleanupStore,
  { guards, ...planned }: Planned & { guards: readonly Guard[] },
): Promise<void> {
  const tables = ['workflow_executions', 'workflow_steps', 'audit_logs', 'observability_metrics']
  if (await areChecked(runOn(store.client), tables)) return
  const scope: Scope = { guards, keepLast: planned.keepLast !== undefined, together: 'all' }
  await inSnapshot(store, planned, (place) => assertAllFinite(place, scope))
}
