import { onRun } from '../../../db/distributed/at.ts'
import * as d from '../../../db/query/decode.ts'
import type { InTransaction } from '../../../db/query/isolation.ts'
import { repeat } from '../../../db/query/send.ts'
import { parseInstant } from '../../../instant.ts'
import { amountOf } from '../../../queries/table/validate.ts'
import { billOf } from '../../recorder/lookups.ts'
import { factsOf } from '../facts.ts'
import type { Received } from '../options.ts'
import type { Facts, Mapping, Span } from '../types.ts'
import { areCounts } from '../usage.ts'
import { executionIdOf, isSpanId, isTraceId } from './ids.ts'
import { groupsOf } from './places.ts'
import { KEEP_SPANS, KNOWN_RUNS, MARK_TRACES, NOTE_TRACES } from './received.ts'

/** What is kept of a span, with its trace. */
export interface TracedFacts {
  traceId: string
  facts: Facts
}

const newShape = { traceId: d.uuid(), isNew: d.boolean() }
const knownShape = { traceId: d.uuid(), exists: d.boolean(), traced: d.boolean() }

const NOT_VALID = {
  ids: 'the trace id or the span id is not valid',
  times: 'the start or the end is not a valid time',
  tokens: 'a number of tokens is not a whole number from 0',
  cost: 'the cost is not an amount of US dollars',
} as const
const REMOVED = 'a cleanup has removed the run'
/** Which of its spans are counted is not known, so none may be added. */
const RESTORED = 'the run was restored or imported'

/** Keeps what wfstore needs of spans, as `receiveFacts`. */
export const receive = (
  inTransaction: InTransaction,
  spans: readonly Span[],
  mapping: Mapping,
): Promise<Received> =>
  receiveFacts(
    inTransaction,
    spans.map((span) => ({ traceId: span.traceId, facts: factsOf(span, mapping) })),
  )

/**
 * Keeps spans, in one transaction; in a distributed store in one for each group of shards. It may be repeated, in any order and from several processes. Their runs are written later, by
 * `reconcileDue`.
 */
export async function receiveFacts(
  inTransaction: InTransaction,
  spans: readonly TracedFacts[],
): Promise<Received> {
  const reasons: Record<string, number> = {}
  const refuse = (reason: string) => {
    reasons[reason] = (reasons[reason] ?? 0) + 1
  }
  const byTrace = new Map<string, Facts[]>()
  for (const { traceId, facts } of spans) {
    const fault = faultOf(traceId, facts)
    if (fault) refuse(fault)
    else {
      const id = executionIdOf(traceId)
      const others = byTrace.get(id)
      if (others) others.push(facts)
      else byTrace.set(id, [facts])
    }
  }
  for (const traces of await groupsOf(inTransaction, [...byTrace.keys()].sort())) {
    const refused = await repeat(() => keep(inTransaction, traces, byTrace))
    for (const [id, reason] of refused) for (const _ of byTrace.get(id) ?? []) refuse(reason)
  }
  const count = Object.values(reasons).reduce((sum, spans) => sum + spans, 0)
  return { accepted: spans.length - count, rejected: { count, reasons } }
}

/** @returns the traces of which nothing is kept, and why */
const keep = (
  inTransaction: InTransaction,
  traces: readonly string[],
  byTrace: ReadonlyMap<string, readonly Facts[]>,
): Promise<ReadonlyMap<string, string>> =>
  inTransaction(async (send) => {
    const run = onRun(send, traces[0] ?? '')
    const noted = await run(NOTE_TRACES({ traces }), newShape)
    const fresh = noted.filter(({ isNew }) => isNew).map(({ traceId }) => traceId)
    const refused = new Map<string, string>()
    if (fresh.length > 0) {
      const known = await run(KNOWN_RUNS({ traces: fresh, bills: fresh.map(billOf) }), knownShape)
      const recorded: string[] = []
      for (const { traceId, exists, traced } of known)
        if (exists && !traced) recorded.push(traceId)
        else refused.set(traceId, exists ? RESTORED : REMOVED)
      if (known.length > 0) await run(MARK_TRACES({ recorded, refused: [...refused.keys()] }), {})
    }
    const rows = traces
      .filter((id) => !refused.has(id))
      .flatMap((id) => (byTrace.get(id) ?? []).map((facts) => rowOf(id, facts)))
    if (rows.length > 0) await run(KEEP_SPANS({ spans: `[${rows.join(',')}]` }), {})
    return refused
  })

const rowOf = (trace_id: string, facts: Facts): string =>
  storable(JSON.stringify({ trace_id, span_id: facts.spanId, end_time: facts.end, facts }))

/** PostgreSQL keeps neither NUL nor half of a surrogate pair. JSON.stringify escapes both. */
const storable = (json: string): string =>
  json.replace(/\\(?:\\|u0000|ud[89a-f][0-9a-f]{2})/g, (found) =>
    found === '\\\\' ? found : '\uFFFD',
  )

/** Why a span is refused. */
function faultOf(traceId: string, facts: Facts): string | undefined {
  if (!isTraceId(traceId) || !isSpanId(facts.spanId)) return NOT_VALID.ids
  if (!isSet(facts.start) || !isSet(facts.end)) return NOT_VALID.times
  if (facts.usage && !areCounts(facts.usage)) return NOT_VALID.tokens
  try {
    amountOf('cost', facts.cost)
  } catch {
    return NOT_VALID.cost
  }
  return undefined
}

/** A time of 0 in OTLP is no time. */
function isSet(time: string): boolean {
  const instant = parseInstant(time)
  return typeof instant !== 'string' && !instant.at.startsWith('1970-01-01T00:00:00.000000')
}
