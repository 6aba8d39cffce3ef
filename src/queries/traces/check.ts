import * as d from '../../db/query/decode.ts'
import type { Run } from '../../db/query/query.ts'
import { name } from '../../tables/column.ts'
import type { ExecutionStatus } from '../../tables/executions.ts'
import { CRITERIA as OF_EXECUTIONS } from '../executions/executions.ts'
import { conditionsOf, type ExecutionFilter, equals, type OneOrMore } from '../table/filter.ts'
import { type List, type ListOptions, type Page, page } from '../table/page.ts'

/**
 * What is wrong with a trace, or was left out. error: it cannot be stored. calls_lost: an agent reports more tokens than the
 * calls below it. no_root: the span that ends the run did not arrive. no_usage: a call has no tokens. no_price: a call has no
 * price. sampled: other traces are missing. counted_elsewhere: another trace has the same call.
 */
export const TRACE_FINDINGS = [
  'error',
  'calls_lost',
  'no_root',
  'no_usage',
  'no_price',
  'sampled',
  'counted_elsewhere',
] as const
export type TraceFindingName = (typeof TRACE_FINDINGS)[number]

const findingShape = {
  /** Made of the trace and the finding, for pages. */
  findingId: d.uuid(),
  finding: d.word<TraceFindingName>(),
  /** The id of the trace as a UUID, which is that of its run. */
  executionId: d.uuid(),
  /** The time when the first span of the trace arrived. */
  firstArrival: d.time(),
  /** This and the next two fields are null without a run. */
  workflowName: d.nullable(d.text()),
  userId: d.nullable(d.text()),
  status: d.nullable(d.word<ExecutionStatus>()),
  /** The number of spans with this finding; 0 if it is about the whole trace. */
  spans: d.count(),
  /** The id of the first of them. */
  spanId: d.nullable(d.text()),
  detail: d.nullable(d.text()),
}
/** A trace and one of its findings. */
export type TraceFinding = d.RowOf<typeof findingShape>

/** The filters of executions without those that need a step, and the kind of the finding. Times are of the first arrival. */
export interface TraceFindingFilter extends Omit<ExecutionFilter, 'toolName'> {
  finding?: OneOrMore<TraceFindingName> | undefined
}

const { toolName: _, ...ofRuns } = OF_EXECUTIONS
const CRITERIA = { ...ofRuns, finding: equals('e.finding', name) }

/** The columns that each part has. */
const COLUMNS = `t.first_arrival, t.trace_id as execution_id, f.finding, f.spans, f.span_id, f.detail,
    md5(t.trace_id::text || f.finding)::uuid as finding_id, r.workflow_name, r.user_id, r.status, r.mode, r.model_id, r.tags,
    r.session_id, r.parent_execution_id`

/** What was found when the run was written. Of a run that is still open, spans are still to come. */
const STORED = `(select ${COLUMNS}
  from wfstore_traces t
  cross join lateral (
    select g.value ->> 'code' as finding,
      -- The last one may only count the others.
      sum(case when g.value ? 'spanId' then 1 when g.value ->> 'code' = 'error' then 0
          else coalesce(substring(g.value ->> 'detail' from '^([0-9]+) more$')::bigint, 0) end) as spans,
      (array_agg(g.value ->> 'spanId' order by g.place))[1] as span_id,
      (array_agg(g.value ->> 'detail' order by g.place))[1] as detail
    from jsonb_array_elements(
      case when t.state in ('received', 'running') then '[]' else t.findings end
      || case when t.error is null then '[]' else jsonb_object(array['code', 'error', 'detail', t.error]) end
    ) with ordinality as g (value, place)
    group by 1
  ) f
  left join workflow_executions r on r.execution_id = t.trace_id
  where t.findings <> '[]' or t.error is not null)`

/** A price may be added later, so this is not stored. */
const WITHOUT_PRICE = `(select ${COLUMNS}
  from (
    select s.execution_id, 'no_price' as finding, count(*) as spans, null as span_id,
      string_agg(distinct coalesce(s.model_id, 'unknown'), ', ') as detail
    from workflow_steps s
    -- A call without tokens is another finding.
    where s.cost_source = 'unpriced' and s.tokens_used > 0 group by s.execution_id
  ) f
  join wfstore_traces t on t.trace_id = f.execution_id
  join workflow_executions r on r.execution_id = t.trace_id and r.status <> 'running'
  where t.state <> 'recorded')`

export const TRACE_FINDING_LIST: List<typeof findingShape, TraceFindingFilter> = {
  name: 'traces',
  table: [STORED, WITHOUT_PRICE],
  alias: 'e',
  shape: findingShape,
  key: 'firstArrival',
  keyType: 'timestamptz',
  id: 'findingId',
  order: 'desc',
  isJoined: true,
  where: (filter) => conditionsOf<TraceFindingFilter>(CRITERIA, filter),
}

/** The list for these findings, which reads nothing for others. */
export function traceFindingList(
  finding: TraceFindingFilter['finding'] = TRACE_FINDINGS,
): typeof TRACE_FINDING_LIST {
  const wanted = [finding].flat()
  const others = wanted.filter((one) => one !== 'no_price')
  if (others.length === wanted.length) return { ...TRACE_FINDING_LIST, table: STORED }
  return others.length > 0 ? TRACE_FINDING_LIST : { ...TRACE_FINDING_LIST, table: WITHOUT_PRICE }
}

/**
 * Findings of traces by the arrival of their first span, newest first.
 * @throws WfstoreError usage for an unknown filter, a limit below 1, or a cursor of another query
 */
export const checkTraces = (
  run: Run,
  options: TraceFindingFilter & ListOptions<TraceFinding> = {},
): Promise<Page<TraceFinding>> => page(run, traceFindingList(options.finding), options)
