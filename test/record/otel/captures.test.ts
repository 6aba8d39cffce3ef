// Real SDKs sent these spans; the expected tokens are from the log of the model server.
import { describe, expect, it } from 'vitest'
import { runOf } from '../../../src/record/otel/run.ts'
import type { Facts, TracedRun, TracedStep, Usage } from '../../../src/record/otel/types.ts'
import { totalOf } from '../../../src/record/otel/usage.ts'
import {
  CAPTURES,
  type ExpectedStep,
  expectedOf,
  factsByTrace,
  spansOfCapture,
  type Tokens,
} from './captures.ts'

const CLASSES = ['input', 'output', 'cacheRead', 'cacheWrite', 'reasoning'] as const

/** NULL is right where 0 is expected, but 0 is wrong where NULL is expected. */
const asExpected = (usage: Usage | null, expected: Tokens) =>
  Object.fromEntries(
    CLASSES.map((name) => [name, usage?.[name] ?? (expected[name] === 0 ? 0 : null)]),
  )

const sumOf = (steps: readonly TracedStep[]) => ({
  ...Object.fromEntries(
    CLASSES.map((name) => [name, steps.reduce((sum, { usage }) => sum + (usage?.[name] ?? 0), 0)]),
  ),
  total: steps.reduce((sum, { usage }) => sum + totalOf(usage), 0),
})

const stepAsExpected = (step: TracedStep, expected: ExpectedStep) => ({
  kind: step.kind,
  spanIds: step.spanIds,
  ...(expected.name === undefined ? {} : { name: step.name }),
  ...(expected.model === undefined ? {} : { model: step.modelId, responseId: step.responseId }),
  status: expected.status === null ? null : step.status,
  ...(expected.tokens ? { tokens: asExpected(step.usage, expected.tokens) } : {}),
})

/** The traces that arrived first own their calls. */
function runsOf(traces: Map<string, Facts[]>): Map<string, TracedRun> {
  const owned = new Set<string>()
  const runs = new Map<string, TracedRun>()
  for (const [traceId, facts] of traces) {
    const ids = facts.flatMap(({ spanId, responseId }) =>
      responseId === undefined ? [] : [{ spanId, responseId }],
    )
    const lost = ids.filter(({ responseId }) => owned.has(responseId))
    const run = runOf(facts, new Set(lost.map(({ spanId }) => spanId)))
    if (run) runs.set(traceId, run)
    for (const { responseId } of ids) owned.add(responseId)
  }
  return runs
}

describe.each(CAPTURES)('%s', async (capture) => {
  const { runs: expectedRuns, tracesWithoutTokens = [] } = expectedOf(capture)
  const runs = runsOf(factsByTrace(await spansOfCapture(capture)))

  it('has these runs and no other tokens', () => {
    const withTokens = [...runs].filter(([id]) => !tracesWithoutTokens.includes(id))
    expect(withTokens.map(([id]) => id).sort()).toEqual(
      expectedRuns.map(({ traceId }) => traceId).sort(),
    )
    for (const traceId of tracesWithoutTokens)
      expect(sumOf(runs.get(traceId)?.steps ?? []).total).toBe(0)
  })

  it.each(expectedRuns)('$traceId has its name, status, times, steps and tokens', (expected) => {
    const run = runs.get(expected.traceId) as TracedRun
    if (expected.name !== null) expect(run.workflowName).toBe(expected.name)
    expect(run.root).toBe(expected.rootMissing ? 'missing' : 'ended')
    expect(run).toMatchObject({
      status: expected.status,
      userId: expected.userId,
      sessionId: expected.sessionId,
      start: expected.start,
      end: expected.end,
    })
    expect(run.errorMessage ?? '').toContain(expected.errorContains ?? '')
    const models = run.steps.flatMap(({ modelId }) => modelId ?? [])
    expect([...new Set(models)].sort()).toEqual([...expected.models].sort())
    expect(run.steps.map(({ spanIds }) => spanIds)).toEqual(
      expected.steps.map(({ spanIds }) => spanIds),
    )
    expect(
      run.steps.map((step, place) => stepAsExpected(step, expected.steps[place] as ExpectedStep)),
    ).toEqual(
      expected.steps.map(({ kind, spanIds, name, model, responseId, status, tokens }) => ({
        kind,
        spanIds,
        ...(name === undefined ? {} : { name }),
        ...(model === undefined ? {} : { model, responseId }),
        status,
        ...(tokens ? { tokens } : {}),
      })),
    )
    expect(sumOf(run.steps)).toEqual(expected.totals)
    for (const [model, totals] of Object.entries(expected.totalsByModel))
      expect(sumOf(run.steps.filter(({ modelId }) => modelId === model))).toEqual(totals)
  })
})
