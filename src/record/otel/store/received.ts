import { constant, raw, sql } from '../../../db/query/sql.ts'

/**
 * The statements that receive spans. They lock only rows of wfstore_traces, in the order of their ids, so that two of them never
 * deadlock. Times are those of the server.
 */

/**
 * A trace is written at most this often while its spans arrive: each time all its spans are read, so a trace of many thousands is
 * written less and less often.
 */
const PAUSE = raw(`greatest(interval '1 second',
      case t.state when 'running' then least(interval '1 minute', (now() - t.first_arrival) / 10) end)`)

/** Adds the traces, or notes that more of them has arrived. `is_new` if nothing of it had arrived before. */
export const NOTE_TRACES = constant<'traces'>(
  (v) => sql`
insert into wfstore_traces as t (trace_id, first_arrival, last_arrival, due_at)
select g.trace_id, clock_timestamp(), clock_timestamp(), now() from unnest(${v('traces')}::uuid[]) as g (trace_id) order by g.trace_id
on conflict (trace_id) do update
set last_arrival = greatest(t.last_arrival, excluded.last_arrival),
    due_at = least(t.due_at, now() + ${PAUSE})
returning t.trace_id, t.xmax = 0 as is_new`,
)

/**
 * What is known of new traces whose run exists or has a bill: whether it exists, and whether it was made of spans. A run that another session has
 * locked in order to remove it does not count: this does not wait for that session, which may wait for our traces.
 */
export const KNOWN_RUNS = constant<'traces' | 'bills'>(
  (v) => sql`
with known as materialized (
  select execution_id, metadata ->> 'source' as source from workflow_executions
  where execution_id = any (${v('traces')}::uuid[]) for key share skip locked
)
select g.trace_id, k.execution_id is not null as exists, coalesce(k.source = 'opentelemetry', false) as traced
from unnest(${v('traces')}::uuid[], ${v('bills')}::uuid[]) as g (trace_id, bill)
left join known k on k.execution_id = g.trace_id
left join lateral (select billing_id from billing_records where billing_id = g.bill limit 1) as b on true
where k.execution_id is not null or b.billing_id is not null`,
)

/** A run that exists was recorded by an engine itself. A trace that is refused is not kept. */
export const MARK_TRACES = constant<'recorded' | 'refused'>(
  (v) => sql`
with gone as (delete from wfstore_traces where trace_id = any (${v('refused')}::uuid[]))
update wfstore_traces set state = 'recorded' where trace_id = any (${v('recorded')}::uuid[])
returning true`,
)

/** Of a span that arrives with different contents the one with the greater end counts, in any order of arrival. */
export const KEEP_SPANS = constant<'spans'>(
  (v) => sql`
insert into wfstore_spans as s (trace_id, span_id, end_time, response_id, facts)
select distinct on (trace_id, span_id) trace_id, span_id, end_time,
       case when facts ->> 'kind' = 'model' then left(facts ->> 'responseId', 256) end, facts
from jsonb_to_recordset(${v('spans')}::jsonb) as g (trace_id uuid, span_id text, end_time timestamptz, facts jsonb)
order by trace_id, span_id, end_time desc, facts::text collate "C" desc
on conflict (trace_id, span_id) do update
set end_time = excluded.end_time, response_id = excluded.response_id, facts = excluded.facts
where (excluded.end_time, excluded.facts::text collate "C") > (s.end_time, s.facts::text collate "C")
returning true`,
)
