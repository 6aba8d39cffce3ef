import { withAttempts } from './attempts.ts'
import { callsOf } from './calls.ts'
import { findingsOf, isLost } from './findings.ts'
import { agentStep, modelStep, type SpansOfStep, toolStep } from './steps.ts'
import { compareText, inOrder, type TreeSpan, treeOf } from './tree.ts'
import type { Facts, TracedRun, TracedStep } from './types.ts'

/**
 * The run that the spans of a trace describe; undefined if none of them called a model or a tool, or ran an agent. It is a function of
 * the set of spans: their order and repetition change nothing.
 * @param lost ids of model spans whose call counts in another trace
 */
export function runOf(
  facts: readonly Facts[],
  lost: ReadonlySet<string> = new Set(),
): TracedRun | undefined {
  const spans = treeOf(facts)
  if (!spans.some(({ facts: { kind } }) => kind === 'model' || kind === 'tool' || kind === 'agent'))
    return undefined
  const ordered = [...spans].sort(inOrder)
  const roots = rootsOf(ordered)
  const found = stepsOf(ordered, spans)
  const steps = withAttempts(found.filter(({ step }) => !isLost(step.spanIds, lost)))
  const [root] = roots
  const any = <T>(field: (facts: Facts) => T | undefined): T | null =>
    firstOf([...roots, ...ordered], field)
  return {
    root: root ? 'ended' : 'missing',
    workflowName:
      root?.facts.runName ??
      any(({ workflowName }) => workflowName) ??
      any((one) => one.serviceName),
    userId: any(({ userId }) => userId) ?? any(({ defaultUser }) => defaultUser),
    sessionId: any(({ sessionId }) => sessionId),
    mode: any(({ mode }) => mode) ?? any(({ defaultMode }) => defaultMode),
    tags: tagsOf([...roots, ...ordered]),
    modelId: found.find(({ step }) => step.kind === 'model')?.step.modelId ?? null,
    parentTraceId: root?.facts.linkedTraceId ?? null,
    ...outcomeOf(roots, ordered, steps),
    steps,
    findings: findingsOf(spans, found, lost, root !== undefined),
  }
}

/** Spans without a parent, or else those whose parent is in another process. A parent that has not arrived yet is neither. */
function rootsOf(ordered: readonly TreeSpan[]): readonly TreeSpan[] {
  const roots = ordered.filter(({ facts }) => facts.parentSpanId === undefined)
  return roots.length > 0
    ? roots
    : ordered.filter((span) => span.parent === undefined && span.facts.remoteParent === true)
}

const firstOf = <T>(
  spans: readonly TreeSpan[],
  field: (facts: Facts) => T | undefined,
): T | null => {
  for (const { facts } of spans) {
    const value = field(facts)
    if (value !== undefined) return value
  }
  return null
}

/** The first span that has a tag wins. */
function tagsOf(spans: readonly TreeSpan[]): Record<string, string> {
  const tags = new Map<string, string>()
  for (const { facts } of spans)
    for (const [tag, value] of Object.entries(facts.tags ?? {}))
      if (!tags.has(tag)) tags.set(tag, value)
  return Object.fromEntries(tags)
}

function outcomeOf(
  roots: readonly TreeSpan[],
  ordered: readonly TreeSpan[],
  steps: readonly TracedStep[],
): Pick<TracedRun, 'status' | 'errorMessage' | 'start' | 'end'> {
  const spans = roots.length > 0 ? roots : ordered
  const times = {
    start: (spans[0] as TreeSpan).facts.start,
    end: spans.reduce((a, b) => (b.end > a.end ? b : a)).facts.end,
  }
  const deciding: readonly { status: string; errorMessage?: string | null }[] =
    roots.length > 0 ? roots.map(({ facts }) => facts) : steps
  const failed = deciding.filter(({ status }) => status === 'failed')
  if (failed.length === 0) return { status: 'success', errorMessage: null, ...times }
  // The last failure is the one that ended the run.
  const last = [...ordered.map(({ facts }) => facts), ...steps].reverse()
  const message =
    [...failed, ...last].find(({ errorMessage }) => errorMessage)?.errorMessage ?? null
  return { status: 'failed', errorMessage: message, ...times }
}

/** The steps in order of their start, then of their span ids. */
function stepsOf(ordered: readonly TreeSpan[], spans: readonly TreeSpan[]): readonly SpansOfStep[] {
  const agents = ordered.filter(
    ({ facts, owner }) =>
      facts.kind === 'agent' && owner?.facts.kind === 'agent' && !isSameAgent(facts, owner.facts),
  )
  return [
    ...callsOf(ordered).map(modelStep),
    ...toolCallsOf(spans).map(toolStep),
    ...agents.map(agentStep),
  ].sort(
    ({ step: a }, { step: b }) => compareText(a.start, b.start) || compareText(a.spanId, b.spanId),
  )
}

/** Two instrumentations see one agent. */
const isSameAgent = (inner: Facts, outer: Facts): boolean =>
  inner.agentName === outer.agentName && inner.scope !== outer.scope

/** A tool call that two instrumentations see is one: their spans are nested and name the same tool. So is one that goes over MCP. */
function toolCallsOf(spans: readonly TreeSpan[]): readonly (readonly TreeSpan[])[] {
  const calls = new Map<TreeSpan, TreeSpan[]>()
  for (const span of spans) {
    if (span.facts.kind !== 'tool') continue
    const outer = span.known
    const isSame =
      outer?.facts.kind === 'tool' &&
      outer.facts.toolName === span.facts.toolName &&
      (outer.facts.scope !== span.facts.scope || span.facts.name.startsWith('tools/call'))
    const call = isSame ? (calls.get(outer) as TreeSpan[]) : []
    call.push(span)
    calls.set(span, call)
  }
  return [...new Set(calls.values())].map((call) =>
    call.sort((a, b) => a.end - b.end || compareText(a.facts.spanId, b.facts.spanId)),
  )
}
