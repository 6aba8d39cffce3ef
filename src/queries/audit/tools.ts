import * as d from '../../db/query/decode.ts'
import type { Run } from '../../db/query/query.ts'
import { name, uuid } from '../../tables/column.ts'
import {
  bind,
  equals,
  type TimeLimit,
  timeBounds,
  type Where,
  whereOf,
  within,
} from '../table/filter.ts'

const toolShape = {
  toolName: d.text(),
  /** Entries of the audit of type 'tool_call'. */
  calls: d.count(),
  failures: d.count(),
  /** Of the calls, from 0 to 1; null where there were none. */
  successRate: d.nullable(d.number()),
  /** Milliseconds that 95 of 100 finished steps of the tool took at most; null where none has a duration. */
  p95DurationMs: d.nullable(d.number()),
  /** Finished steps of the tool, over which p95DurationMs is. */
  steps: d.count(),
  /** US dollars of the calls, an exact decimal. */
  cost: d.amount(),
  /** Tokens of the calls. */
  tokens: d.count(),
  /** How many users called it. */
  users: d.count(),
}
/** How a tool was used, as far as the audit and the steps are kept. */
export type ToolUse = d.RowOf<typeof toolShape>

/** What narrows the calls and steps. Texts match exactly. */
export interface ToolFilter {
  userId?: string | undefined
  /** Of the run, while that is kept; mode too. */
  workflowName?: string | undefined
  mode?: string | undefined
  modelId?: string | undefined
  toolName?: string | undefined
  executionId?: string | undefined
  /** Calls and starts of steps of this instant or later. */
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
}
const ofSteps = {
  ...ofCalls,
  userId: equals('e.user_id', name),
  modelId: equals('e.model_id', name),
  toolName: equals('s.tool_name', name),
  executionId: equals('s.execution_id', uuid),
}

/** Of the 95th of 100 among the steps of a tool, from 0; between two where it is no whole number. */
const PLACE = '(steps - 1) * 0.95'

/**
 * Per tool its calls, failures, success rate, cost in US dollars and tokens, of the audit, and how long its steps took;
 * the most called first. A tool that only steps name has no calls.
 * @throws WfstoreError usage for a filter that is none, or bounds with nothing between them
 */
export function toolUse(
  run: Run,
  { since, until, ...filter }: ToolFilter = {},
): Promise<ToolUse[]> {
  const bounds = timeBounds({ since, until })
  const calls = whereOf<typeof filter>(ofCalls, filter)
  within(calls, 'a.timestamp', bounds)
  const steps = whereOf<typeof filter>(ofSteps, filter)
  within(steps, 's.start_time', bounds)
  const both: Where = { conditions: [], values: calls.values }
  // The values of the steps are bound behind those of the calls.
  const moved = steps.conditions.map((condition) =>
    condition.replace(/\$(\d+)/g, (_, place) => bind(both, steps.values[Number(place) - 1])),
  )
  // A run is looked up only where something is asked of it.
  const runOf = (row: string, asks: boolean) =>
    asks ? `join workflow_executions e on e.execution_id = ${row}.execution_id` : ''
  const { userId, workflowName, mode, modelId } = filter
  const ofRun = workflowName !== undefined || mode !== undefined
  const ofItsUser = ofRun || userId !== undefined || modelId !== undefined
  const and = (conditions: readonly string[]) => conditions.map((one) => `and ${one}`).join(' ')
  // Grouped finely first, which all workers of the server can do at once, unlike count(distinct …) and percentile_cont.
  return run(
    `
with calls as (
  select tool_name, sum(calls)::bigint as calls, sum(failures)::bigint as failures, sum(cost) as cost, sum(tokens) as tokens,
         count(*) as users
  from (
    select a.tool_name, count(*) as calls, count(*) filter (where not a.success) as failures, sum(a.cost) as cost,
           sum(a.tokens_used) as tokens
    from audit_logs a ${runOf('a', ofRun)}
    where a.action_type = 'tool_call' and a.tool_name is not null ${and(calls.conditions)}
    group by a.tool_name, a.user_id
  ) of_user
  group by tool_name
), ranked as (
  select tool_name, duration_ms, sum(count(*)) over (partition by tool_name order by duration_ms) as rank,
         sum(count(*)) over (partition by tool_name) as steps
  from workflow_steps s ${runOf('s', ofItsUser)}
  where s.tool_name is not null and s.duration_ms is not null ${and(moved)}
  group by tool_name, duration_ms
), steps as (
  select tool_name, steps::bigint as steps, below + (above - below) * (place - floor(place)) as p95_duration_ms
  from (
    select tool_name, steps, ${PLACE} as place, min(duration_ms) filter (where rank > floor(${PLACE})) as below,
           min(duration_ms) filter (where rank > ceil(${PLACE})) as above
    from ranked group by tool_name, steps
  ) nearest
), tools as (
  select tool_name, coalesce(calls, 0) as calls, coalesce(failures, 0) as failures, coalesce(cost, 0) as cost,
         (calls - failures)::float8 / calls as success_rate, coalesce(tokens, 0)::bigint as tokens,
         coalesce(users, 0) as users, coalesce(steps, 0) as steps, p95_duration_ms
  from calls full join steps using (tool_name)
)
select ${d.selectList(toolShape, 't')} from tools t order by t.calls desc, t.steps desc, t.tool_name`,
    both.values,
    toolShape,
  )
}
