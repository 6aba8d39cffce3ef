import type { Facts } from './types.ts'

/** A span in its trace. */
export interface TreeSpan {
  facts: Facts
  /** In microseconds since 1970. */
  start: number
  end: number
  /** Undefined for a root, and if the parent has not arrived. */
  parent: TreeSpan | undefined
  /** The nearest ancestor that an agent SDK made, so it is not of the application or of HTTP. */
  known: TreeSpan | undefined
  /** The nearest ancestor that called a model or a tool, or ran an agent. */
  caller: TreeSpan | undefined
  /** The nearest ancestor that called a tool or ran an agent. */
  owner: TreeSpan | undefined
  /** The nearest ancestor that ran an agent. */
  agent: TreeSpan | undefined
  /** The spans below this one have greater numbers, up to `last`. */
  first: number
  last: number
}

/** Spans in order of their start, then of their ids. */
export const inOrder = (a: TreeSpan, b: TreeSpan): number =>
  a.start - b.start || compareText(a.facts.spanId, b.facts.spanId)

export const compareText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

export const isBelow = (span: TreeSpan, ancestor: TreeSpan): boolean =>
  span.first > ancestor.first && span.first <= ancestor.last

export const microseconds = (time: string): number =>
  Date.parse(`${time.slice(0, 19)}Z`) * 1000 + Number(time.slice(20, 26))

/** The spans of a trace, each after its parent, and siblings in order. Nothing depends on the order of the facts. */
export function treeOf(facts: readonly Facts[]): readonly TreeSpan[] {
  const byId = new Map<string, TreeSpan>()
  for (const one of newest(facts))
    byId.set(one.spanId, {
      facts: one,
      start: microseconds(one.start),
      end: microseconds(one.end),
      parent: undefined,
      known: undefined,
      caller: undefined,
      owner: undefined,
      agent: undefined,
      first: 0,
      last: 0,
    })
  const spans = [...byId.values()].sort(inOrder)
  for (const span of spans)
    span.parent = span.facts.parentSpanId ? byId.get(span.facts.parentSpanId) : undefined
  cutCircles(spans)
  return numbered(spans)
}

/** One for each span id: the one that ended last. The store keeps it, too. */
function newest(facts: readonly Facts[]): Iterable<Facts> {
  const byId = new Map<string, Facts>()
  for (const one of facts) {
    const other = byId.get(one.spanId)
    if (other === undefined || isNewer(one, other)) byId.set(one.spanId, one)
  }
  return byId.values()
}

const isNewer = (one: Facts, other: Facts): boolean =>
  (compareText(one.end, other.end) || compareText(sortedJson(one), sortedJson(other))) > 0

const sortedJson = (facts: Facts): string =>
  JSON.stringify(Object.entries(facts).sort(([a], [b]) => compareText(a, b)))

/** Parents can be wrong: a circle is cut where the first walk through it ends. */
function cutCircles(spans: readonly TreeSpan[]): void {
  const walkOf = new Map<TreeSpan, number>()
  spans.forEach((start, walk) => {
    let span: TreeSpan | undefined = start
    while (span !== undefined && !walkOf.has(span)) {
      walkOf.set(span, walk)
      span = span.parent
    }
    // Walks begin in order, so where a circle is cut depends on the set of spans only.
    if (span !== undefined && walkOf.get(span) === walk) span.parent = undefined
  })
}

function numbered(spans: readonly TreeSpan[]): readonly TreeSpan[] {
  const children = new Map<TreeSpan | undefined, TreeSpan[]>()
  for (const span of spans) {
    const siblings = children.get(span.parent)
    if (siblings === undefined) children.set(span.parent, [span])
    else siblings.push(span)
  }
  const found: TreeSpan[] = []
  // A stack of our own: a trace can be deeper than the stack of JavaScript.
  const stack = [...(children.get(undefined) ?? [])].reverse()
  for (let span = stack.pop(); span !== undefined; span = stack.pop()) {
    span.first = found.length
    span.last = found.length
    found.push(span)
    const below = children.get(span) ?? []
    for (let at = below.length - 1; at >= 0; at--) stack.push(below[at] as TreeSpan)
  }
  for (const span of [...found].reverse())
    if (span.parent) span.parent.last = Math.max(span.parent.last, span.last)
  correctGuesses(found)
  for (const span of found) inherit(span)
  return found
}

/** A span that only names a model is a container if a model was called below it: agents name theirs, too. */
function correctGuesses(spans: readonly TreeSpan[]): void {
  const haveCall = new Set<TreeSpan>()
  for (const span of [...spans].reverse()) {
    const hasCall = haveCall.has(span)
    if (hasCall && span.facts.guessed) span.facts = { ...span.facts, kind: 'container' }
    if (span.parent && (hasCall || span.facts.kind === 'model')) haveCall.add(span.parent)
  }
}

function inherit(span: TreeSpan): void {
  const { parent } = span
  if (parent === undefined) return
  const { kind } = parent.facts
  span.known = kind === 'other' ? parent.known : parent
  span.owner = kind === 'tool' || kind === 'agent' ? parent : parent.owner
  span.agent = kind === 'agent' ? parent : parent.agent
  span.caller = kind === 'other' || kind === 'container' ? parent.caller : parent
}
