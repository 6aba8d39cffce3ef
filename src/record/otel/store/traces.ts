import { onRun } from '../../../db/distributed/at.ts'
import type { Run } from '../../../db/query/query.ts'
import { WfstoreError } from '../../../error.ts'
import type { ExecutionStatus } from '../../../tables/executions.ts'
import { runOf } from '../run.ts'
import type { Facts, Finding, TracedRun } from '../types.ts'
import {
  DELETE_TRACES,
  type DueTrace,
  LOCK_RUNS,
  READ_SPANS,
  RUN_SHAPE,
  SPAN_SHAPE,
  type TraceState,
  UPDATE_TRACES,
} from './due.ts'
import { endRuns, joinSteps, writeLate } from './end.ts'
import { type Call, lockCalls, lostCalls } from './owners.ts'
import { writeRuns } from './view.ts'
import type { ReconcileOptions, TraceOutcome, TraceWork } from './work.ts'

/** How a trace is left: when it is due again, and whether it is kept. */
interface Result {
  outcome: TraceOutcome
  state: TraceState
  findings?: readonly Finding[]
  next?: 'soon' | 'quiet' | 'abandon'
}

/** Writes the runs of traces that this transaction has locked. @returns an outcome for each trace */
export async function writeTraces(
  run: Run,
  due: readonly DueTrace[],
  options: ReconcileOptions,
): Promise<TraceOutcome[]> {
  const [first] = due
  if (!first) return []
  // All of them are on the shards of each of them. What other traces count is read on all shards.
  const here = onRun(run, first.traceId)
  const results = new Map<string, Result>()
  const works = await chosen(here, due, results)
  // A run that ends now or has ended must see what others that have ended count.
  const ending = works.filter(({ action }) => action !== 'view').flatMap(callsOf)
  await lockCalls(run, ending)
  const lates = works.filter(({ action }) => action === 'late')
  await joinSteps(here, lates)
  const lost = await lostCalls(run, works.flatMap(callsOf))
  for (const work of works) {
    const spans = lost.get(work.traceId)
    if (spans) work.run = runOf(work.facts, spans) ?? work.run
  }
  const views = works.filter(({ action }) => action !== 'late')
  const taken = await writeRuns(here, views, options)
  if (taken.size > 0) await assertThere(here, [...taken])
  for (const { traceId } of views.filter(({ traceId }) => taken.has(traceId)))
    results.set(traceId, { outcome: 'recorded', state: 'recorded', next: 'soon' })
  const ends = views.filter(({ traceId, action }) => action === 'end' && !taken.has(traceId))
  await endRuns(here, ends)
  for (const work of lates) await writeLate(here, work)
  for (const work of works) if (!taken.has(work.traceId)) results.set(work.traceId, leftBy(work))
  await leave(here, due, results, options)
  return due.map(({ traceId }) => results.get(traceId)?.outcome ?? 'waiting')
}

/** A trigger of an application can leave a run out without an error. Then its spans must stay. */
async function assertThere(run: Run, traces: readonly string[]): Promise<void> {
  const there = new Set(
    (await run(LOCK_RUNS({ traces }), RUN_SHAPE)).map(({ executionId }) => executionId),
  )
  const missing = traces.find((traceId) => !there.has(traceId))
  if (missing !== undefined)
    throw new WfstoreError('failed', `execution ${missing} is not added: a trigger leaves it out`)
}

/** Reads the traces and decides what is done with each. Those whose run is not written now are in `results`. */
async function chosen(
  run: Run,
  due: readonly DueTrace[],
  results: Map<string, Result>,
): Promise<TraceWork[]> {
  const traces = due.map(({ traceId }) => traceId)
  const runs = new Map(
    (await run(LOCK_RUNS({ traces }), RUN_SHAPE)).map((row) => [row.executionId, row]),
  )
  const spans = new Map<string, { facts: Facts[]; hashes: Map<string, string> }>()
  for (const row of await run(READ_SPANS({ traces }), SPAN_SHAPE)) {
    const of = spans.get(row.traceId) ?? { facts: [], hashes: new Map<string, string>() }
    of.facts.push(JSON.parse(row.facts) as Facts)
    if (row.stepHash !== null) of.hashes.set(row.spanId, row.stepHash)
    spans.set(row.traceId, of)
  }
  const works: TraceWork[] = []
  for (const trace of due) {
    const found = runs.get(trace.traceId)
    const { facts, hashes } = spans.get(trace.traceId) ?? { facts: [], hashes: new Map() }
    const result = waits(trace, found)
    if (result) {
      results.set(trace.traceId, result)
      continue
    }
    const traced = runOf(facts)
    const decided = traced ? decide(trace, found?.status, traced) : withoutRun(trace)
    if (typeof decided !== 'string') results.set(trace.traceId, decided)
    else if (traced)
      works.push({
        traceId: trace.traceId,
        state: trace.state,
        status: found?.status,
        isQuiet: trace.isQuiet,
        facts,
        hashes: found ? hashes : new Map(),
        action: decided,
        run: traced,
      })
  }
  return works
}

/** A trace whose run cannot be written now, or was removed. */
function waits({ state }: DueTrace, found: { isLocked: boolean } | undefined): Result | undefined {
  if (found && !found.isLocked) return { outcome: 'waiting', state, next: 'soon' }
  const hadRun = state === 'recorded' || state === 'ended' || state === 'abandoned'
  return !found && hadRun ? { outcome: 'removed', state } : undefined
}

/** Spans without a call of a model, a tool or an agent are no run, once nothing more arrives. */
const withoutRun = ({ state, isQuiet }: DueTrace): Result => {
  if (state !== 'received') return { outcome: 'waiting', state }
  return isQuiet ? { outcome: 'removed', state } : { outcome: 'waiting', state, next: 'quiet' }
}

function decide(
  { state, isQuiet, isAbandoned }: DueTrace,
  status: ExecutionStatus | undefined,
  { root, findings }: TracedRun,
): TraceWork['action'] | Result {
  if (state === 'recorded' || (state === 'received' && status !== undefined))
    return { outcome: 'recorded', state: 'recorded', findings }
  if (status === undefined || status === 'running')
    return (root === 'ended' ? isQuiet : isAbandoned) ? 'end' : 'view'
  // A late step is final, so all its spans shall be there.
  return isQuiet ? 'late' : { outcome: 'waiting', state, next: 'quiet' }
}

/** The calls of models that another trace may count. What a run that has ended counts stays there. */
const callsOf = ({ traceId, facts, hashes, action }: TraceWork): Call[] =>
  facts
    .filter(({ kind, spanId }) => kind === 'model' && !(action === 'late' && hashes.has(spanId)))
    .map((facts) => ({ traceId, facts }))

function leftBy({ action, state, run: { root, findings } }: TraceWork): Result {
  if (action === 'view')
    return {
      outcome: 'running',
      state: 'running',
      findings,
      next: root === 'ended' ? 'quiet' : 'abandon',
    }
  if (action === 'end')
    return { outcome: 'ended', state: root === 'ended' ? 'ended' : 'abandoned', findings }
  const isAbandoned = state === 'abandoned' && root !== 'ended'
  return { outcome: 'late', state: isAbandoned ? 'abandoned' : 'ended', findings }
}

async function leave(
  run: Run,
  due: readonly DueTrace[],
  results: ReadonlyMap<string, Result>,
  options: ReconcileOptions,
): Promise<void> {
  const kept = [...results].filter(([, { outcome }]) => outcome !== 'removed')
  const rows = kept.map(([trace_id, { state, findings, next }]) => ({
    trace_id,
    state,
    next,
    findings,
  }))
  await run(UPDATE_TRACES({ ...options, traces: JSON.stringify(rows) }), {})
  if (kept.length === due.length) return
  const traces = [...results].filter(([, { outcome }]) => outcome === 'removed')
  await run(DELETE_TRACES({ traces: traces.map(([traceId]) => traceId) }), {})
}
