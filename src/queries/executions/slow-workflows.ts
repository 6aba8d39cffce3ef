import * as d from '../../db/query/decode.ts'
import type { Run } from '../../db/query/query.ts'
import { raw, sql } from '../../db/query/sql.ts'
import { runTime } from '../../tables/executions.ts'
import { countOf } from '../table/validate.ts'
import { type UsageFilter, usageWhere } from '../usage/filter.ts'

const slowShape = {
  workflowName: d.text(),
  /** Number of runs in the durations: ended, not removed. */
  runs: d.count(),
  /** Milliseconds from the start of a run to its end. */
  p50ExecutionTime: percentile(1),
  p95ExecutionTime: percentile(2),
  longestExecutionTime: percentile(3),
}
export type SlowWorkflow = d.RowOf<typeof slowShape>

export interface SlowWorkflows {
  workflows: SlowWorkflow[]
  /** Number of workflows without the limit. */
  total: number
}

/** Seconds to milliseconds with three places: times have microseconds. */
function percentile(place: number) {
  return d.number(`round((s.percentiles[${place}] * 1000)::numeric, 3)`)
}

/**
 * The slowest workflows by p95, the slowest first. Removed runs are not included, because only their sums are kept.
 * @param options limit: the maximum number of workflows (default: 10)
 * @throws WfstoreError usage for an unknown filter or an invalid limit
 */
export async function slowWorkflows(
  run: Run,
  { limit, ...filter }: UsageFilter & { limit?: number | undefined } = {},
): Promise<SlowWorkflows> {
  const where = usageWhere(filter)
  const most = countOf('limit', limit, 1) ?? 10
  const found = await run(
    sql`select ${raw(d.selectList(slowShape, 's'))}, count(*) over () as total from (
       select e.workflow_name, count(e.end_time) as runs,
              percentile_cont(array[0.5, 0.95, 1])
                within group (order by date_part('epoch', ${raw(runTime('e'))})) as percentiles
       from workflow_executions e ${where.on('start_time')}
       group by e.workflow_name having count(e.end_time) > 0
     ) as s
     order by s.percentiles[2] desc, s.workflow_name collate "C" limit ${most}`,
    { ...slowShape, total: d.count() },
  )
  return {
    workflows: found.map(({ total: _, ...workflow }) => workflow),
    total: found[0]?.total ?? 0,
  }
}
