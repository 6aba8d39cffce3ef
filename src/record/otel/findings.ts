import type { SpansOfStep } from './steps.ts'
import { isBelow, type TreeSpan } from './tree.ts'
import type { Finding, FindingCode } from './types.ts'
import { totalOf } from './usage.ts'

/** The number of findings of a code that are named; the rest are counted. */
const NAMED = 100
/** The number of levels to search for what two spans of one call have in common. */
const FARTHEST = 1_000

/**
 * @param spans each after its parent
 * @param steps all of the trace, with those that count in another trace
 */
export function findingsOf(
  spans: readonly TreeSpan[],
  steps: readonly SpansOfStep[],
  lost: ReadonlySet<string>,
  hasRoot: boolean,
): readonly Finding[] {
  const counted = (code: FindingCode, found: readonly Finding[]): readonly Finding[] =>
    found.length <= NAMED
      ? found
      : [...found.slice(0, NAMED), { code, detail: `${found.length - NAMED} more` }]
  return [
    ...(hasRoot ? [] : [{ code: 'no_root' } as const]),
    ...(spans.some(({ facts }) => facts.sampled) ? [{ code: 'sampled' } as const] : []),
    ...counted('calls_lost', lostCalls(spans, steps)),
    ...counted('no_usage', withoutUsage(steps, lost)),
    ...counted('counted_elsewhere', elsewhere(steps, lost)),
  ]
}

const withoutUsage = (steps: readonly SpansOfStep[], lost: ReadonlySet<string>): Finding[] =>
  steps
    .filter(({ step }) => step.kind === 'model' && step.status === 'success' && step.usage === null)
    .filter(({ step }) => !isLost(step.spanIds, lost))
    .map(({ step }) => ({ code: 'no_usage', spanId: step.spanId }))

const elsewhere = (steps: readonly SpansOfStep[], lost: ReadonlySet<string>): Finding[] =>
  steps
    .filter(({ step }) => isLost(step.spanIds, lost))
    .map(({ step }) => ({
      code: 'counted_elsewhere',
      spanId: step.spanId,
      ...(step.responseId === null ? {} : { detail: `response ${step.responseId}` }),
    }))

export const isLost = (spanIds: readonly string[], lost: ReadonlySet<string>): boolean =>
  lost.size > 0 && spanIds.some((id) => lost.has(id))

/** That a container reports less is no fault: some repeat only the last call. */
function lostCalls(spans: readonly TreeSpan[], steps: readonly SpansOfStep[]): Finding[] {
  const below = tokensBelow(spans, steps)
  return spans.flatMap((span) => {
    const { usage, kind, spanId, name } = span.facts
    if (usage === undefined || kind === 'model') return []
    const [reports, has] = [totalOf(usage), below.get(span) ?? 0]
    return reports <= has
      ? []
      : [
          {
            code: 'calls_lost',
            spanId,
            detail: `${name} reports ${reports} tokens, its calls ${has}`,
          },
        ]
  })
}

/** The tokens of the calls below each span. */
function tokensBelow(
  spans: readonly TreeSpan[],
  steps: readonly SpansOfStep[],
): Map<TreeSpan, number> {
  const below = new Map<TreeSpan, number>()
  const add = (span: TreeSpan | undefined, tokens: number) => {
    if (span) below.set(span, (below.get(span) ?? 0) + tokens)
  }
  for (const { step, spans: own } of steps) {
    if (step.usage === null) continue
    const members = new Set<TreeSpan | undefined>(own)
    const tops = own.filter(({ parent }) => !members.has(parent)).sort((a, b) => a.first - b.first)
    tops.forEach(({ parent }, place) => {
      add(parent, totalOf(step.usage))
      // Above both spans of one call it counts once.
      const other = tops[place - 1]
      if (other) add(commonAncestor(other, parent), -totalOf(step.usage))
    })
  }
  for (const span of [...spans].reverse()) add(span.parent, below.get(span) ?? 0)
  return below
}

/** The nearest span that both are below, if it is not too far. */
function commonAncestor(span: TreeSpan, other: TreeSpan | undefined): TreeSpan | undefined {
  let above = span.parent
  for (let level = 0; above && other && level < FARTHEST; level++) {
    if (above === other || isBelow(other, above)) return above
    above = above.parent
  }
  return undefined
}
