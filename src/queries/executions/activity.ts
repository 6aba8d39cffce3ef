import { byLayout, perRun } from '../../db/distributed/by-layout.ts'
import type { Layout } from '../../db/distributed/layout.ts'
import * as d from '../../db/query/decode.ts'
import type { Run } from '../../db/query/query.ts'
import { raw, type Sql, sql } from '../../db/query/sql.ts'
import { ERROR_STATUSES } from '../../tables/executions.ts'
import { zoneOf } from '../usage/calendar.ts'
import { isStuck, STUCK_AFTER_MS } from './running.ts'

const runningCounts = {
  running: d.count(),
  stuck: d.count(),
}
export type RunningCounts = d.RowOf<typeof runningCounts>

/** The number of running runs, and of those without a write for 10 minutes. */
export async function countRunning(run: Run): Promise<RunningCounts> {
  const [row] = await run(
    sql`select count(*) as running, count(*) filter (where ${raw(isStuck('e', STUCK_AFTER_MS))}) as stuck
     from workflow_executions e where e.status = 'running'`,
    runningCounts,
  )
  return row ?? { running: 0, stuck: 0 }
}

const hourShape = {
  /** The begin of the hour. */
  hour: d.time(),
  /** The runs that started in it. */
  runs: d.count(),
  failed: d.count(),
  partial: d.count(),
}
export type HourOfRuns = d.RowOf<typeof hourShape>

const ERRORS = ERROR_STATUSES.map(
  (status) => `coalesce(sum(s.runs) filter (where s.status = '${status}'), 0) as ${status}`,
).join(', ')

/** A distributed store adds up the rows of each hour on each shard. */
const startsOf = (layout: Layout, rows: Sql): Sql =>
  layout === 'single'
    ? rows
    : sql`select hour, status, sum(runs) as runs from (${rows}) as rows_of_runs group by hour, status`

/** The last hours up to the current one, also those without runs, with the number of runs; removed runs are included. */
export const runsPerHour = (run: Run, hours: number, timeZone: string): Promise<HourOfRuns[]> =>
  run(
    byLayout(
      (layout) => sql`
with bounds as (select date_trunc('hour', now(), ${zoneOf(timeZone)}::text) as last),
started as (${startsOf(
        layout,
        sql`
  select date_bin('1 hour', e.start_time, (select last from bounds)) as hour, e.status, count(*) as runs${perRun(layout)}
  from workflow_executions e
  where e.start_time >= (select last from bounds) - ${hours - 1}::integer * interval '1 hour'
  group by 1, 2${perRun(layout)}
  union all
  select date_bin('1 hour', h.quarter_start, (select last from bounds)), h.status, sum(h.runs)${perRun(layout, 'h')}
  from usage_history h
  where h.quarter_start >= (select last from bounds) - ${hours - 1}::integer * interval '1 hour'
  group by 1, 2${perRun(layout, 'h')}`,
      )}
)
select ${raw(d.selectList(hourShape, 'r'))} from (
  select b.last - i * interval '1 hour' as hour, coalesce(sum(s.runs), 0) as runs, ${raw(ERRORS)}
  from bounds b cross join generate_series(0, ${hours - 1}::integer) as i
  left join started s on s.hour = b.last - i * interval '1 hour'
  group by 1
) as r order by r.hour`,
    ),
    hourShape,
  )
