import * as d from '../../db/query/decode.ts'
import type { Run } from '../../db/query/query.ts'
import { raw, sql } from '../../db/query/sql.ts'
import { keyText, name, uuid } from '../../tables/column.ts'
import {
  and,
  conditionsOf,
  equals,
  type OneOrMore,
  type TagFilter,
  type TimeLimit,
  timeBounds,
  within,
} from '../table/filter.ts'
import { taggedBy } from '../table/tag-filter.ts'

const toolShape = {
  toolName: d.text(),
  /** Number of audit entries with the type 'tool_call'. */
  calls: d.count(),
  failures: d.count(),
  /** Share of successful calls, from 0 to 1; null without calls. */
  successRate: d.nullable(d.number()),
  /** 95th percentile of the durations of finished steps, in milliseconds; null if no step has a duration. */
  p95DurationMs: d.nullable(d.number()),
  /** Number of finished steps in p95DurationMs. */
  steps: d.count(),
  /** Cost of the calls in US dollars, an exact decimal. */
  cost: d.amount(),
  /** Tokens of the calls. */
  tokens: d.total(),
  /** Number of users who called it. */
  users: d.count(),
}
/** The use of a tool, from audit entries and steps that have not been removed. */
export type ToolUse = d.RowOf<typeof toolShape>

/** The filters of calls and steps. Values match exactly. */
export interface ToolFilter {
  userId?: OneOrMore | undefined
  /** Workflow of the run; calls of removed runs do not match. The same holds for mode. */
  workflowName?: OneOrMore | undefined
  mode?: OneOrMore | undefined
  modelId?: OneOrMore | undefined
  toolName?: OneOrMore | undefined
  executionId?: OneOrMore | undefined
  /** Tags of the run; calls of removed runs do not match. */
  tags?: TagFilter | undefined
  /** Session of the run; calls of removed runs do not match. The same holds for parentExecutionId. */
  sessionId?: OneOrMore | undefined
  parentExecutionId?: OneOrMore | undefined
  /** Calls and steps that started at this instant or later. */
  since?: TimeLimit | undefined
  /** Before this instant. */
  until?: TimeLimit | undefined
}

const ofCalls = {
  userId: equals('a.user_id', name),
  workflowName: equals('e.workflow_name', name),
  mode: equals('e.mode', name),
  modelId: equals('a.model_id', name),
  toolName: equals('a.tool_name', name),
  executionId: equals('a.execution_id', uuid),
  tags: taggedBy('e.tags'),
  sessionId: equals('e.session_id', keyText),
  parentExecutionId: equals('e.parent_execution_id', uuid),
}
const ofSteps = {
  ...ofCalls,
  userId: equals('e.user_id', name),
  modelId: equals('e.model_id', name),
  toolName: equals('s.tool_name', name),
  executionId: equals('s.execution_id', uuid),
}

/** Position of the 95th percentile among the steps of a tool, from 0; a fraction is between two steps. */
const PLACE = '(steps - 1) * 0.95'

/**
 * Calls, failures, success rate, cost in US dollars and tokens of each tool, from the audit, and durations of its steps.
 * The most used tool is first. A tool that only steps name has no calls.
 * @throws WfstoreError usage for an unknown filter, or if since is not before until
 */
export function toolUse(
  run: Run,
  { since, until, ...filter }: ToolFilter = {},
): Promise<ToolUse[]> {
  const bounds = timeBounds({ since, until })
  const calls = [...conditionsOf<typeof filter>(ofCalls, filter), ...within('a.timestamp', bounds)]
  const steps = [...conditionsOf<typeof filter>(ofSteps, filter), ...within('s.start_time', bounds)]
  // Runs are joined only if a filter needs them.
  const runOf = (row: string, asks: boolean) =>
    raw(asks ? `join workflow_executions e on e.execution_id = ${row}.execution_id` : '')
  const { userId, workflowName, mode, modelId, tags, sessionId, parentExecutionId } = filter
  const ofRun = [workflowName, mode, tags, sessionId, parentExecutionId].some(
    (value) => value !== undefined,
  )
  const ofItsUser = ofRun || userId !== undefined || modelId !== undefined
  // First grouped by user and duration: parallel workers can do that, unlike count(distinct …) and percentile_cont.
  return run(
    sql`
with calls as (
  select tool_name, sum(calls)::bigint as calls, sum(failures)::bigint as failures, sum(cost) as cost, sum(tokens) as tokens,
         count(*) as users
  from (
    select a.tool_name, count(*) as calls, count(*) filter (where not a.success) as failures, sum(a.cost) as cost,
           sum(a.tokens_used) as tokens
    from audit_logs a ${runOf('a', ofRun)}
    where a.action_type = 'tool_call' and a.tool_name is not null ${and(calls)}
    group by a.tool_name, a.user_id
  ) of_user
  group by tool_name
), ranked as (
  select tool_name, duration_ms, sum(count(*)) over (partition by tool_name order by duration_ms) as rank,
         sum(count(*)) over (partition by tool_name) as steps
  from workflow_steps s ${runOf('s', ofItsUser)}
  where s.tool_name is not null and s.duration_ms is not null ${and(steps)}
  group by tool_name, duration_ms
), steps as (
  select tool_name, steps::bigint as steps, below + (above - below) * (place - floor(place)) as p95_duration_ms
  from (
    select tool_name, steps, ${raw(PLACE)} as place, greatest(min(duration_ms) filter (where rank > floor(${raw(PLACE)})), 0) as below,
           greatest(min(duration_ms) filter (where rank > ceil(${raw(PLACE)})), 0) as above
    from ranked group by tool_name, steps
  ) nearest
), tools as (
  select tool_name, coalesce(calls, 0) as calls, coalesce(failures, 0) as failures, coalesce(cost, 0) as cost,
         (calls - failures)::float8 / calls as success_rate, coalesce(tokens, 0) as tokens,
         coalesce(users, 0) as users, coalesce(steps, 0) as steps, p95_duration_ms
  from calls full join steps using (tool_name)
)
select ${raw(d.selectList(toolShape, 't'))} from tools t order by t.calls desc, t.steps desc, t.tool_name`,
    toolShape,
  )
}
