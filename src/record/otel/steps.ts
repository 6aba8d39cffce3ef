import type { TracedCall } from './calls.ts'
import { haveEqualTotals } from './same.ts'
import { compareText, type TreeSpan } from './tree.ts'
import type { Facts, TracedStep, Usage } from './types.ts'
import { totalOf } from './usage.ts'

/** A step with the spans that it is made of. */
export interface SpansOfStep {
  step: TracedStep
  spans: readonly TreeSpan[]
}

export function modelStep({ spans, wrappers }: TracedCall): SpansOfStep {
  const all = [...spans, ...wrappers]
  const best = richest(spans) ?? richest(wrappers)
  const requestModel = first(all, ({ requestModel }) => requestModel)
  const responseModel =
    first(all, (facts) =>
      facts.responseModel === requestModel ? undefined : facts.responseModel,
    ) ?? first(all, (facts) => facts.responseModel)
  return stepOf(all, spans, {
    kind: 'model',
    provider: first(all, ({ provider }) => provider),
    requestModel,
    modelId: responseModel ?? requestModel ?? null,
    responseId: first(all, ({ responseId }) => responseId),
    usage: best?.facts.usage ?? null,
    cost: best?.facts.cost ?? first(all, ({ cost }) => cost),
  })
}

export const toolStep = (spans: readonly TreeSpan[]): SpansOfStep => {
  const toolName = first(spans, (facts) => facts.toolName)
  return stepOf(spans, spans, { kind: 'tool', toolName, ...(toolName ? { name: toolName } : {}) })
}

export const agentStep = (span: TreeSpan): SpansOfStep =>
  stepOf([span], [span], { kind: 'agent', name: span.facts.agentName ?? span.facts.name })

const EMPTY = {
  toolName: null,
  provider: null,
  requestModel: null,
  modelId: null,
  responseId: null,
  usage: null,
  cost: null,
  attempt: 0,
} as const

type OwnFields = Partial<TracedStep> & Pick<TracedStep, 'kind'>

/** @param spans those that decide status and times */
function stepOf(all: readonly TreeSpan[], spans: readonly TreeSpan[], own: OwnFields): SpansOfStep {
  const [owner] = spans as [TreeSpan]
  const failed = hasFailed(spans)
  const step: TracedStep = {
    ...EMPTY,
    spanId: owner.facts.spanId,
    spanIds: all.map(({ facts }) => facts.spanId).sort(compareText),
    name: owner.facts.name,
    status: failed ? 'failed' : 'success',
    errorMessage: failed ? first(spans, ({ errorMessage }) => errorMessage) : null,
    start: spans.reduce((a, b) => (b.start < a.start ? b : a)).facts.start,
    end: spans.reduce((a, b) => (b.end > a.end ? b : a)).facts.end,
    agentName: first(all, ({ agentName }) => agentName) ?? owner.agent?.facts.agentName ?? null,
    content: first(all, ({ content }) => content),
    ...own,
  }
  return { step, spans: all }
}

const first = <T>(spans: readonly TreeSpan[], field: (facts: Facts) => T | undefined): T | null => {
  for (const { facts } of spans) {
    const value = field(facts)
    if (value !== undefined) return value
  }
  return null
}

/** A failed span within one that succeeded with an answer is no failure of the call. */
function hasFailed(spans: readonly TreeSpan[]): boolean {
  const outermost = spans.reduce((a, b) => (b.first < a.first ? b : a)).facts
  if (outermost.status === 'success' && outermost.usage !== undefined && spans.length > 1)
    return spans.some(({ facts }) => facts.status === 'failed' && facts.usage !== undefined)
  return spans.some(({ facts }) => facts.status === 'failed')
}

/**
 * The span with the most classes, then with the most tokens. The innermost span ended first. What contradicts it and is not of the same
 * response may be a sum of several calls.
 */
function richest(spans: readonly TreeSpan[]): TreeSpan | undefined {
  const classes = (usage: Usage) => Object.values(usage).filter((count) => count !== null).length
  const innermost = spans.find(({ facts }) => facts.usage !== undefined)
  return spans.reduce((best, span) => {
    const [usage, other] = [span.facts.usage, best?.facts.usage]
    if (usage === undefined || other === undefined || !mayReplace(span.facts, innermost?.facts))
      return best
    const more = classes(usage) - classes(other) || totalOf(usage) - totalOf(other)
    return more > 0 ? span : best
  }, innermost)
}

const mayReplace = (facts: Facts, innermost: Facts | undefined): boolean =>
  innermost !== undefined &&
  (haveEqualTotals(facts, innermost) ||
    (facts.responseId !== undefined && facts.responseId === innermost.responseId))
