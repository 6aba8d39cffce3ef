import * as d from '../../../db/query/decode.ts'
import type { Run } from '../../../db/query/query.ts'
import { constant, raw, sql } from '../../../db/query/sql.ts'
import { isSameResponse, UNIQUE_ID } from '../same.ts'
import type { Facts } from '../types.ts'
import type { TraceState } from './due.ts'

/**
 * A call that several traces report counts in one of them. Two spans are the same call if they report the same response. The reader of a
 * stored response may report it again much later, under its long id. A short id means the same call only at the same time.
 */

/** A span of a trace that called a model. */
export interface Call {
  /** The trace as an execution id. */
  traceId: string
  facts: Facts
}

/** The clocks of two SDKs may differ this much. */
const TOLERANCE = raw(`interval '1 second'`)

const BUCKETS = 1024

/** Two runs that end at the same time never both count a call: the second one waits here, and then sees the first. */
const LOCK_IDS = constant<'ids'>(
  (v) => sql`
select pg_advisory_xact_lock(hashtext('wfstore response ids'), g.bucket)::text
from (select distinct abs(hashtext(id) % ${raw(String(BUCKETS))}) as bucket from unnest(${v('ids')}::text[]) as i (id) order by 1) as g`,
)

const SAME_ID = constant<'calls'>(
  (v) => sql`
select g.trace_id as own_trace, g.span_id as own_span, s.trace_id, s.facts - 'content' as facts, s.step_hash is not null as is_counted,
       case when t.state = 'running' and e.status <> 'running' then 'ended' else t.state end as state
from jsonb_to_recordset(${v('calls')}::jsonb) as g (trace_id uuid, span_id text, response_id text, start_time timestamptz, end_time timestamptz, is_unique boolean)
cross join lateral (
  select * from wfstore_spans s
  where s.response_id = left(g.response_id, 256) and s.trace_id <> g.trace_id
    and s.end_time >= case when g.is_unique then '-infinity' else g.start_time - ${TOLERANCE} end
    and (g.is_unique or (s.facts ->> 'start')::timestamptz <= g.end_time + ${TOLERANCE})
) as s
join wfstore_traces t on t.trace_id = s.trace_id
left join workflow_executions e on e.execution_id = s.trace_id`,
)

/** Soon writes runs again that show a call which counts elsewhere. Those that another session has locked are left to it. */
const WAKE = constant<'traces'>(
  (v) => sql`
update wfstore_traces t set due_at = least(t.due_at, now() + interval '1 second')
from (
  select trace_id from wfstore_traces where trace_id = any (${v('traces')}::uuid[]) order by trace_id for no key update skip locked
) as g
where t.trace_id = g.trace_id
returning true`,
)

const otherShape = {
  ownTrace: d.uuid(),
  ownSpan: d.text(),
  traceId: d.uuid(),
  facts: d.jsonText(),
  isCounted: d.boolean(),
  state: d.word<TraceState>(),
}

/** Waits for other transactions that end a run with one of these calls. */
export async function lockCalls(run: Run, calls: readonly Call[]): Promise<void> {
  const ids = new Set(calls.flatMap(({ facts: { responseId } }) => responseId ?? []))
  if (ids.size > 0) await run(LOCK_IDS({ ids: [...ids] }), {})
}

/**
 * The span ids of the calls that count in another trace, by trace. A run that is running and shows a call which counts in one of
 * these traces is written again: if a user cancels it, it is billed as it is.
 */
export async function lostCalls(
  run: Run,
  calls: readonly Call[],
): Promise<Map<string, Set<string>>> {
  const lost = new Map<string, Set<string>>()
  const named = calls.filter(({ facts }) => facts.responseId !== undefined)
  if (named.length === 0) return lost
  const twice = new Set<string>()
  const own = new Map(named.map((call) => [keyOf(call.traceId, call.facts.spanId), call]))
  const rows = named.map(({ traceId, facts }) => ({
    trace_id: traceId,
    span_id: facts.spanId,
    response_id: facts.responseId,
    start_time: facts.start,
    end_time: facts.end,
    is_unique: (facts.responseId?.length ?? 0) >= UNIQUE_ID,
  }))
  for (const row of await run(SAME_ID({ calls: JSON.stringify(rows) }), otherShape)) {
    const call = own.get(keyOf(row.ownTrace, row.ownSpan)) as Call
    const other = { traceId: row.traceId, facts: JSON.parse(row.facts) as Facts }
    if (!isSameResponse(call.facts, other.facts, true)) continue
    // Two late spans may be added at once.
    const isDecided = row.isCounted || !own.has(keyOf(other.traceId, other.facts.spanId))
    if (owns(other, { ...row, isDecided }, call))
      lost.set(call.traceId, (lost.get(call.traceId) ?? new Set()).add(call.facts.spanId))
    else if (row.state === 'running' && row.isCounted) twice.add(row.traceId)
  }
  if (twice.size > 0) {
    const of = (traces: readonly string[]) => WAKE({ traces })
    await run({ ...of([...twice]), runs: { ids: [...twice], of } }, {})
  }
  return lost
}

const keyOf = (traceId: string, spanId: string): string => `${traceId} ${spanId}`

/**
 * Whether the call counts as this other span. A run that has ended, or was cancelled, does not change: what it counts stays there, and
 * what it does not count is another's, unless this transaction adds it. Otherwise a span with tokens comes first, then the one that
 * ended first, which usually arrives first.
 */
function owns(
  other: Call,
  { state, isCounted, isDecided }: { state: TraceState; isCounted: boolean; isDecided: boolean },
  own: Call,
): boolean {
  if (state === 'recorded') return true
  if (isDecided && (state === 'ended' || state === 'abandoned')) return isCounted
  const [a, b] = [placeOf(other), placeOf(own)]
  return a < b
}

const placeOf = ({ traceId, facts }: Call): string =>
  [facts.usage === undefined ? 1 : 0, facts.end, traceId, facts.spanId].join(' ')
