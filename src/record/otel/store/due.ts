import * as d from '../../../db/query/decode.ts'
import { constant, raw, sql } from '../../../db/query/sql.ts'
import { KEEPS_TOTALS_CONDITION } from '../../../db/totals.ts'
import type { ExecutionStatus } from '../../../tables/executions.ts'

/** The statements that choose traces and read what is known of them. */

/** received: nothing written yet. recorded: an engine records this run itself. */
export type TraceState = 'received' | 'running' | 'abandoned' | 'ended' | 'recorded'

export interface DuePlace {
  dueAt: string
  traceId: string
}
export const START: DuePlace = {
  dueAt: '-infinity',
  traceId: '00000000-0000-0000-0000-000000000000',
}

const dueShape = {
  dueAt: d.text('t.due_at::text'),
  traceId: d.uuid('t.trace_id'),
  state: d.word<TraceState>('t.state'),
  /** Nothing has arrived for the quiet time. */
  isQuiet: d.boolean(),
  /** Nothing has arrived for the time after which the root is given up. */
  isAbandoned: d.boolean(),
}
export const DUE_SHAPE = dueShape
export type DueTrace = d.RowOf<typeof dueShape>

const milliseconds = (value: string) =>
  sql`make_interval(secs => ${value}::double precision / 1000)`

type Wait = 'quietMs' | 'abandonMs'

const dueColumns = (v: (name: Wait) => string) =>
  sql`t.due_at::text as due_at, t.trace_id, t.state, t.last_arrival <= clock_timestamp() - ${milliseconds(v('quietMs'))} as is_quiet,
       t.last_arrival <= clock_timestamp() - ${milliseconds(v('abandonMs'))} as is_abandoned`

/**
 * Locks the next traces that are due. A trace that another session has locked is left to it: so no transaction that holds traces
 * waits for another one. The totals of the runs are added here, not by their triggers.
 */
export const LOCK_DUE = constant<Wait | 'limit' | 'overdueMs'>(
  (v) => sql`
select ${dueColumns(v)} from wfstore_traces t where t.due_at <= statement_timestamp() - ${milliseconds(v('overdueMs'))}
  and ${raw(KEEPS_TOTALS_CONDITION)}
order by t.due_at, t.trace_id limit ${v('limit')}::integer for no key update skip locked`,
)

/**
 * The same for traces in which nothing has arrived for the quiet time, also if they are due later.
 * `skipped`: those that could not be written, which have become due again.
 */
export const LOCK_QUIET = constant<Wait | 'limit' | 'skipped' | keyof DuePlace>(
  (v) => sql`
select ${dueColumns(v)} from wfstore_traces t
where t.due_at is not null and (t.due_at, t.trace_id) > (${v('dueAt')}::timestamptz, ${v('traceId')}::uuid)
  and t.trace_id <> all (${v('skipped')}::uuid[])
  and (t.due_at <= statement_timestamp() or t.last_arrival <= statement_timestamp() - ${milliseconds(v('quietMs'))})
  and ${raw(KEEPS_TOTALS_CONDITION)}
order by t.due_at, t.trace_id limit ${v('limit')}::integer for no key update skip locked`,
)

/** The same for given traces. */
export const LOCK_THESE = constant<Wait | 'traces'>(
  (v) => sql`
select ${dueColumns(v)} from wfstore_traces t
where t.due_at is not null and t.trace_id = any (${v('traces')}::uuid[])
  and ${raw(KEEPS_TOTALS_CONDITION)}
order by t.trace_id for no key update skip locked`,
)

export const RUN_SHAPE = {
  executionId: d.uuid(),
  status: d.word<ExecutionStatus>(),
  /** False if another session has locked the run. */
  isLocked: d.boolean(),
}

/** Locks the runs of the traces that exist, without waiting. */
export const LOCK_RUNS = constant<'traces'>(
  (v) => sql`
with locked as materialized (
  select execution_id, status from workflow_executions where execution_id = any (${v('traces')}::uuid[])
  order by execution_id for no key update skip locked
)
select e.execution_id, coalesce(l.status, e.status) as status, l.execution_id is not null as is_locked
from workflow_executions e left join locked l using (execution_id) where e.execution_id = any (${v('traces')}::uuid[])`,
)

export const SPAN_SHAPE = {
  traceId: d.uuid(),
  spanId: d.text(),
  stepHash: d.nullable(d.text()),
  facts: d.jsonText(),
}
export const READ_SPANS = constant<'traces'>(
  (v) => sql`
select trace_id, span_id, step_hash, facts from wfstore_spans where trace_id = any (${v('traces')}::uuid[])`,
)

/** `next`: what decides when the trace is due again. A trace with neither waits for further spans. */
export const UPDATE_TRACES = constant<Wait | 'traces'>(
  (v) => sql`
update wfstore_traces t
set state = g.state, findings = coalesce(g.findings, t.findings), error = g.error, due_at = case g.next
  when 'soon' then statement_timestamp() + interval '1 second'
  when 'quiet' then t.last_arrival + ${milliseconds(v('quietMs'))}
  when 'abandon' then t.last_arrival + ${milliseconds(v('abandonMs'))}
  when 'retry' then statement_timestamp() + least(greatest(statement_timestamp() - t.last_arrival, interval '10 seconds'), interval '1 hour') end
from jsonb_to_recordset(${v('traces')}::jsonb) as g (trace_id uuid, state text, findings jsonb, error text, next text)
where t.trace_id = g.trace_id
returning true`,
)

export const DELETE_TRACES = constant<'traces'>(
  (v) => sql`
with spans as (delete from wfstore_spans where trace_id = any (${v('traces')}::uuid[]))
delete from wfstore_traces where trace_id = any (${v('traces')}::uuid[])
returning true`,
)

export const KEEP_HASHES = constant<'spans'>(
  (v) => sql`
update wfstore_spans s set step_hash = g.step_hash
from jsonb_to_recordset(${v('spans')}::jsonb) as g (trace_id uuid, span_id text, step_hash text)
where s.trace_id = g.trace_id and s.span_id = g.span_id
returning true`,
)
