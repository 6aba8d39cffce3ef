import * as d from '../../../db/query/decode.ts'
import type { Run } from '../../../db/query/query.ts'
import { KEEP_HASHES } from './due.ts'
import { stepIdOf } from './ids.ts'
import { type Defaults, executionRow, type StepRow, stepRow } from './rows.ts'
import { ADD_RUNS, ADD_UP, DESCRIBE_RUNS, DROP_STEPS, WRITE_STEPS } from './view-statements.ts'
import type { TraceWork } from './work.ts'

/**
 * Writes runs that are running as their spans show them now: the run, its steps and its totals.
 * @returns the runs that an engine has started meanwhile, under the same id; they are not written
 */
export async function writeRuns(
  run: Run,
  works: readonly TraceWork[],
  defaults: Defaults,
): Promise<Set<string>> {
  const rowOf = (work: TraceWork) => executionRow(work.traceId, work.run, defaults)
  const [fresh, known] = [
    works.filter(({ status }) => !status),
    works.filter(({ status }) => status),
  ]
  const taken = new Set(fresh.map(({ traceId }) => traceId))
  if (fresh.length > 0) {
    const added = await run(ADD_RUNS({ runs: JSON.stringify(fresh.map(rowOf)) }), {
      executionId: d.uuid(),
    })
    for (const { executionId } of added) taken.delete(executionId)
  }
  if (known.length > 0) await run(DESCRIBE_RUNS({ runs: JSON.stringify(known.map(rowOf)) }), {})
  const ours = works.filter(({ traceId }) => !taken.has(traceId))
  await writeSteps(run, ours)
  return taken
}

async function writeSteps(run: Run, works: readonly TraceWork[]): Promise<void> {
  const changes = works.map(changesOf)
  const changed = changes.flatMap(({ changed }) => changed)
  const dropped = changes.flatMap(({ dropped }) => dropped)
  const hashes = changes.flatMap(({ hashes }) => hashes)
  if (dropped.length > 0) await run(DROP_STEPS({ steps: JSON.stringify(dropped) }), {})
  if (changed.length > 0) await run(WRITE_STEPS({ steps: JSON.stringify(changed) }), {})
  if (hashes.length > 0) await run(KEEP_HASHES({ spans: JSON.stringify(hashes) }), {})
  const runs = works.map(({ traceId }) => traceId)
  if (changed.length + dropped.length > 0) await run(ADD_UP({ runs }), {})
}

/** The rows of all steps of a run, in order. */
export const stepRows = ({ traceId, run: { steps } }: TraceWork): StepRow[] =>
  steps.map((step, place) => stepRow(traceId, step, place + 1))

/** What differs from the steps that are written. */
function changesOf(work: TraceWork) {
  const { traceId, facts, hashes, run } = work
  const now = new Map<string, string>()
  const changed: StepRow[] = []
  const owners = new Set<string>()
  for (const [place, row] of stepRows(work).entries()) {
    const step = run.steps[place]
    if (!step) continue
    owners.add(step.spanId)
    for (const spanId of step.spanIds) now.set(spanId, row.step_hash)
    if (hashes.get(step.spanId) !== row.step_hash) changed.push(row)
  }
  const dropped = [...hashes.keys()]
    .filter((spanId) => !owners.has(spanId))
    .map((spanId) => ({ execution_id: traceId, step_id: stepIdOf(traceId, spanId) }))
  const spans = facts
    .filter(({ spanId }) => now.get(spanId) !== hashes.get(spanId))
    .map(({ spanId }) => ({
      trace_id: traceId,
      span_id: spanId,
      step_hash: now.get(spanId) ?? null,
    }))
  return { changed, dropped, hashes: spans }
}
