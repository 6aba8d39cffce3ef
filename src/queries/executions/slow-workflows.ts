import * as d from '../../db/query/decode.ts'
import type { Run } from '../../db/query/query.ts'
import { countOf } from '../table/validate.ts'
import { type UsageFilter, usageWhere } from '../usage/filter.ts'

const slowShape = {
  workflowName: d.text(),
  /** Live runs that have ended: what the durations are of. */
  runs: d.count(),
  /** Milliseconds from the start of a run to its end. */
  p50ExecutionTime: percentile(1),
  p95ExecutionTime: percentile(2),
  longestExecutionTime: percentile(3),
}
export type SlowWorkflow = d.RowOf<typeof slowShape>

/** Seconds to milliseconds with the microseconds that times have. */
function percentile(place: number) {
  return d.number(`round((s.percentiles[${place}] * 1000)::numeric, 3)`)
}

/**
 * The workflows whose runs take the longest, by p95, the slowest first. Over live runs that have ended: of removed ones
 * only sums are kept.
 * @param options limit: workflows at most, 10 unless given
 * @throws WfstoreError usage for a filter or number that is none
 */
export function slowWorkflows(
  run: Run,
  { limit, ...filter }: UsageFilter & { limit?: number | undefined } = {},
): Promise<SlowWorkflow[]> {
  const where = usageWhere(filter)
  const rows = `$${where.values.push(countOf('limit', limit, 1) ?? 10)}::bigint`
  return run(
    `select ${d.selectList(slowShape, 's')} from (
       select e.workflow_name, count(e.end_time) as runs,
              percentile_cont(array[0.5, 0.95, 1])
                within group (order by date_part('epoch', e.end_time - e.start_time)) as percentiles
       from workflow_executions e ${where.on('start_time')}
       group by e.workflow_name having count(e.end_time) > 0
     ) as s
     order by s.percentiles[2] desc, s.workflow_name collate "C" limit ${rows}`,
    where.values,
    slowShape,
  )
}
