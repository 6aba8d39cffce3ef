import * as d from '../../../db/query/decode.ts'
import type { Run } from '../../../db/query/query.ts'
import { WfstoreError } from '../../../error.ts'
import { type BatchRow, type BatchStep, labelOf, makeRow, stepContent } from '../../batch/rows.ts'
import { OUTCOME, statementOf } from '../../batch/write.ts'
import { derivedId } from '../../recorder/identity.ts'
import { billOf } from '../../recorder/lookups.ts'
import { endRunning } from '../../recorder/recorder.ts'
import type { TracedStep } from '../types.ts'
import { KEEP_HASHES } from './due.ts'
import { END_RUNS } from './end-statements.ts'
import { entryRows, type StepRow, UNKNOWN } from './rows.ts'
import { stepRows } from './view.ts'
import { LATE_STEPS, RENAME_RUN, START_ENTRIES, STEP_ENTRIES } from './view-statements.ts'
import type { TraceWork } from './work.ts'

const NO_ROOT = 'its root span did not arrive'

/** Ends runs that are written: audit entries, status, bill and its lines. */
export async function endRuns(run: Run, works: readonly TraceWork[]): Promise<void> {
  if (works.length === 0) return
  await addEntries(run, works)
  const ends = works.map(endOf)
  const rows = ends.map(({ executionId, status, errorMessage, endTime }) => ({
    execution_id: executionId,
    status,
    error_message: errorMessage,
    end_time: endTime,
    bill: billOf(executionId),
    entry: derivedId('workflow_end', executionId),
  }))
  const ended = await run(END_RUNS({ runs: JSON.stringify(rows) }), { executionId: d.uuid() })
  const done = new Set(ended.map(({ executionId }) => executionId))
  for (const end of ends)
    if (!done.has(end.executionId) && !(await endRunning(run, end)))
      throw new WfstoreError('failed', `execution ${end.executionId} could not be finished`)
}

function endOf({ traceId, run: { root, status, errorMessage, end } }: TraceWork) {
  const of = { executionId: traceId, endTime: end }
  return root === 'ended'
    ? { ...of, status, errorMessage }
    : { ...of, status: 'failed' as const, errorMessage: NO_ROOT }
}

/** The audit entries of the starts of runs and of their steps. */
async function addEntries(run: Run, works: readonly TraceWork[]): Promise<void> {
  const starts = works.map(({ traceId }) => ({
    execution_id: traceId,
    log_id: derivedId('workflow_start', traceId),
  }))
  await run(START_ENTRIES({ runs: JSON.stringify(starts) }), {})
  const entries = works.flatMap((work) => entriesOf(work, stepRows(work), work.run.steps))
  if (entries.length > 0) await run(STEP_ENTRIES({ entries: JSON.stringify(entries) }), {})
}

const entriesOf = (
  { traceId }: TraceWork,
  rows: readonly StepRow[],
  steps: readonly TracedStep[],
) =>
  rows.flatMap((row, place) =>
    entryRows(traceId.replaceAll('-', ''), steps[place] as TracedStep, row),
  )

/**
 * A late span can describe a call that is a step already. It is noted as counted, so that its response id counts in no other trace.
 */
export async function joinSteps(run: Run, works: readonly TraceWork[]): Promise<void> {
  const joined = works.flatMap((work) => {
    const spans = work.run.steps.flatMap(({ spanIds }) => {
      const hash = spanIds.map((spanId) => work.hashes.get(spanId)).find(Boolean)
      return hash === undefined
        ? []
        : spanIds
            .filter((spanId) => !work.hashes.has(spanId))
            .map((span_id) => ({ trace_id: work.traceId, span_id, step_hash: hash }))
    })
    if (spans.length > 0)
      work.hashes = new Map([
        ...work.hashes,
        ...spans.map(({ span_id, step_hash }) => [span_id, step_hash] as const),
      ])
    return spans
  })
  if (joined.length > 0) await run(KEEP_HASHES({ spans: JSON.stringify(joined) }), {})
}

/**
 * Adds the steps of spans that have arrived after the end of their run, as a batch does: the bill grows, or gets a correction if its
 * month is closed. Steps that are counted do not change.
 */
export async function writeLate(run: Run, work: TraceWork): Promise<void> {
  const { traceId, state, hashes, run: traced } = work
  // A person has ended the run while its steps were only a view.
  if (state === 'running') await addEntries(run, [work])
  const all = stepRows(work)
  const places = traced.steps.flatMap(({ spanIds }, place) =>
    spanIds.some((spanId) => hashes.has(spanId)) ? [] : [place],
  )
  const steps = places.map((place) => traced.steps[place] as TracedStep)
  const rows = places.map((place) => all[place] as StepRow)
  if (rows.length > 0) {
    await addSteps(run, rows)
    await run(LATE_STEPS({ steps: JSON.stringify(rows) }), {})
    const entries = entriesOf(work, rows, steps)
    await run(STEP_ENTRIES({ entries: JSON.stringify(entries) }), {})
    const spans = rows.flatMap(({ step_hash }, place) =>
      (steps[place]?.spanIds ?? []).map((span_id) => ({ trace_id: traceId, span_id, step_hash })),
    )
    await run(KEEP_HASHES({ spans: JSON.stringify(spans) }), {})
  }
  if (state !== 'abandoned' || traced.root !== 'ended') return
  await run(
    RENAME_RUN({
      executionId: traceId,
      workflowName: traced.workflowName ?? UNKNOWN,
      status: traced.status,
      errorMessage: traced.errorMessage,
      endTime: traced.end,
    }),
    {},
  )
}

/** By the statement of a batch. The run is locked, so its bill is visible if it has one. */
async function addSteps(run: Run, rows: readonly StepRow[]): Promise<void> {
  const now = performance.now()
  const batch = rows.map((row) => {
    const at = Math.min(Date.parse(row.end_time), Date.now())
    return { ...makeRow(stepContent(batchStep(row))), at }
  })
  const statement = statementOf(batch, now, true)
  for (const { n, known } of await run(statement, OUTCOME))
    if (n !== null && !known)
      throw new WfstoreError('failed', `${labelOf(batch[n] as BatchRow)} could not be recorded`)
}

const batchStep = (row: StepRow): BatchStep => ({
  executionId: row.execution_id,
  stepId: row.step_id,
  stepNumber: row.step_number,
  stepName: row.step_name,
  status: row.status,
  startTime: row.start_time,
  endTime: row.end_time,
  tokens: row.tokens,
  ...given({
    stepDescription: row.step_description,
    toolName: row.tool_name,
    toolParameters: row.tool_parameters,
    result: row.result,
    errorMessage: row.error_message,
    provider: row.provider,
    modelId: row.model_id,
    cost: row.cost,
  }),
})

/** The values that are not null. */
const given = <T extends object>(values: T) =>
  Object.fromEntries(Object.entries(values).filter(([, value]) => value !== null)) as {
    [Name in keyof T]?: NonNullable<T[Name]>
  }
