import { haveEqualTotals, haveSameModel, isSameResponse } from './same.ts'
import { compareText, inOrder, isBelow, type TreeSpan } from './tree.ts'

/** The spans that describe one call of a model. */
export interface TracedCall {
  /** In order of their end, so that the first is the one that arrived first. */
  spans: readonly TreeSpan[]
  /** Spans around several attempts, of which this is the last. Their usage counts only if no attempt has usage. */
  wrappers: readonly TreeSpan[]
}

interface Group {
  spans: TreeSpan[]
  wrappers: TreeSpan[]
  scopes: Set<string | undefined>
  ids: Set<string>
}
type Groups = Map<TreeSpan, Group>

/** JavaScript cuts start times to milliseconds, but not end times. */
const ROUNDING = 1_000
/** Clocks differ. */
const TOLERANCE = 1_000_000
/** The number of calls at a time that a call is compared with. */
const AT_A_TIME = 512

/** The calls of models. A call that two instrumentations see is one. */
export function callsOf(spans: readonly TreeSpan[]): readonly TracedCall[] {
  const models = spans.filter(({ facts }) => facts.kind === 'model').sort(inOrder)
  const groups: Groups = new Map(models.map((span) => [span, groupOf(span)]))
  const nested = nestedIn(models)
  const innerOf = (span: TreeSpan) => distinct(nested.get(span) ?? [], groups)
  mergeSameIds(models, groups)
  for (const outer of nested.keys())
    if (innerOf(outer).length === 1) for (const inner of innerOf(outer)) merge(groups, outer, inner)
  mergeUnderTwoScopes(
    models.filter((span) => innerOf(span).length < 2),
    groups,
  )
  // The deepest first.
  for (const outer of [...nested.keys()].sort((a, b) => b.first - a.first))
    wrap(outer, innerOf(outer), groups)
  return [...new Set(groups.values())].map(({ spans, wrappers }) => ({
    spans: spans.sort((a, b) => a.end - b.end || compareText(a.facts.spanId, b.facts.spanId)),
    wrappers,
  }))
}

const groupOf = (span: TreeSpan): Group => ({
  spans: [span],
  wrappers: [],
  scopes: new Set([span.facts.scope]),
  ids: new Set(span.facts.responseId === undefined ? [] : [span.facts.responseId]),
})

/** One span of each group. */
const distinct = (spans: readonly TreeSpan[], groups: Groups): TreeSpan[] => [
  ...new Map(spans.map((span) => [groups.get(span), span])).values(),
]

function merge(groups: Groups, one: TreeSpan, other: TreeSpan): void {
  const [a, b] = [groups.get(one) as Group, groups.get(other) as Group]
  if (a === b) return
  const [into, from] = a.spans.length >= b.spans.length ? [a, b] : [b, a]
  for (const span of [...from.spans, ...from.wrappers]) groups.set(span, into)
  for (const span of from.spans) into.spans.push(span)
  for (const span of from.wrappers) into.wrappers.push(span)
  for (const scope of from.scopes) into.scopes.add(scope)
  for (const id of from.ids) into.ids.add(id)
}

/** The model spans directly below each model span. With a tool or an agent between them they are two calls. */
function nestedIn(models: readonly TreeSpan[]): Map<TreeSpan, TreeSpan[]> {
  const nested = new Map<TreeSpan, TreeSpan[]>()
  for (const span of models) {
    const outer = span.caller
    if (outer?.facts.kind !== 'model') continue
    const isSame =
      span.known === outer ||
      (hasUsage(span) && hasUsage(outer) && haveEqualTotals(span.facts, outer.facts))
    if (!isSame) continue
    const inner = nested.get(outer)
    if (inner === undefined) nested.set(outer, [span])
    else inner.push(span)
  }
  return nested
}

const hasUsage = ({ facts }: TreeSpan): boolean => facts.usage !== undefined

function mergeSameIds(models: readonly TreeSpan[], groups: Groups): void {
  const byId = new Map<string, TreeSpan[]>()
  for (const span of models) {
    const id = span.facts.responseId
    if (id === undefined) continue
    const same = byId.get(id) ?? []
    byId.set(id, same)
    const found = same.find((other) => isSameAnswer(other, span))
    if (found) merge(groups, found, span)
    same.push(span)
    if (same.length > AT_A_TIME) same.shift()
  }
}

const isSameAnswer = (first: TreeSpan, second: TreeSpan): boolean =>
  isSameResponse(first.facts, second.facts, second.start <= first.end + TOLERANCE)

/** Two instrumentations, such as of a framework and of its client, see the same call. One interval holds the other. */
function mergeUnderTwoScopes(models: readonly TreeSpan[], groups: Groups): void {
  if (new Set(models.map(({ facts }) => facts.scope)).size < 2) return
  let open: TreeSpan[] = []
  for (const span of [...models].sort(
    (a, b) => a.start - b.start || b.end - a.end || inOrder(a, b),
  )) {
    open = open.filter(({ end }) => end + ROUNDING >= span.start)
    let best: TreeSpan | undefined
    for (const other of open)
      if (isSameCall(other, span, groups) && !(best && slack(best, span) <= slack(other, span)))
        best = other
    if (best) merge(groups, best, span)
    open.push(span)
    if (open.length > AT_A_TIME) open.shift()
  }
}

const slack = (a: TreeSpan, b: TreeSpan): number =>
  Math.abs(a.start - b.start) + Math.abs(a.end - b.end)

/** The cheapest comparisons come first. */
function isSameCall(first: TreeSpan, second: TreeSpan, groups: Groups): boolean {
  if (first.facts.scope === second.facts.scope || second.end > first.end + ROUNDING) return false
  if (!haveSameModel(first.facts, second.facts)) return false
  if (!haveEqualTotals(first.facts, second.facts)) return false
  const isProven =
    hasUsage(first) && hasUsage(second) && !isBelow(second, first) && !isBelow(first, second)
  if (!isProven && first.owner !== second.owner) return false
  const [a, b] = [groups.get(first) as Group, groups.get(second) as Group]
  return (
    a !== b &&
    (a.ids.size === 0 || b.ids.size === 0) &&
    ![...b.scopes].some((scope) => a.scopes.has(scope))
  )
}

/** A span with several calls below it is one call with its attempts: it belongs to the last attempt that succeeded. */
function wrap(outer: TreeSpan, inner: readonly TreeSpan[], groups: Groups): void {
  if (inner.length < 2) {
    for (const span of inner) merge(groups, outer, span)
    return
  }
  const succeeded = inner.filter((span) =>
    (groups.get(span) as Group).spans.some(({ facts }) => facts.status === 'success'),
  )
  const target = (succeeded.length > 0 ? succeeded : inner).at(-1) as TreeSpan
  const own = groups.get(outer) as Group
  const into = groups.get(target) as Group
  if (own === into) into.spans = into.spans.filter((span) => span !== outer)
  const moved = own === into ? [outer] : [...own.spans, ...own.wrappers]
  for (const span of moved) {
    into.wrappers.push(span)
    groups.set(span, into)
  }
}
