import type { Queryable } from '../../db/query/connection.ts'
import * as d from '../../db/query/decode.ts'
import { query } from '../../db/query/query.ts'
import { sql } from '../../db/query/sql.ts'
import { formatDuration, formatNumber, plural } from '../../numbers.ts'
import { type Finding, finding } from './finding.ts'
import type { Subject } from './subject.ts'
import { someOf } from './words.ts'

/** The count stops here; the text then says "more than". */
const COUNTED = 10_000
/** The usual time is the median of this number of the newest finished runs; it needs at least 5. */
const NEWEST = 500
const FEWEST = 5
/** The limit for a workflow without a usual time. */
const LIMIT_WITHOUT_HISTORY_MS = 24 * 3_600_000
/** Without it a run that usually takes one second would be stuck after ten. */
const SHORTEST_LIMIT_MS = 60_000
const LISTED = 100

export async function inspectOldestRunning(database: Queryable): Promise<Finding> {
  const [found] = await query(
    database,
    `select (select count(*) from (select from workflow_executions where status = 'running' limit ${COUNTED + 1}) r) as running,
            o.execution_id, o.workflow_name, o.user_id, to_json(o.start_time) #>> '{}' as start_time,
            case when isfinite(o.start_time) then extract(epoch from now() - o.start_time) * 1000 end as age_ms
     from (select) one left join (
       select * from workflow_executions where status = 'running' order by start_time, execution_id limit 1
     ) o on true`,
    {
      running: d.count(),
      executionId: d.nullable(d.uuid()),
      workflowName: d.nullable(d.text()),
      userId: d.nullable(d.text()),
      startTime: d.nullable(d.time()),
      ageMs: d.nullable(d.number()),
    },
  )
  if (!found?.executionId)
    return finding('oldest-running', 'ok', 'no run is running', { details: { running: 0 } })
  const { running, ...oldest } = found
  const { executionId, workflowName, startTime, ageMs } = oldest
  const age = ageMs === null || ageMs < 0 ? `since ${startTime}` : `for ${formatDuration(ageMs)}`
  const many =
    running > COUNTED
      ? `more than ${formatNumber(COUNTED)} runs are`
      : `${plural(running, 'run')} ${running === 1 ? 'is' : 'are'}`
  return finding(
    'oldest-running',
    'ok',
    `${many} running; the oldest is ${executionId} (${workflowName}), running ${age}`,
    { details: { running, oldest } },
  )
}

const stuckShape = {
  executionId: d.uuid(),
  workflowName: d.text(),
  userId: d.text(),
  startTime: d.time(),
  ageMs: d.number(),
  /** The median of the newest finished runs of the workflow; NULL if there are too few. */
  usualMs: d.nullable(d.number()),
  limitMs: d.number(),
  stuck: d.count(),
}

/** Finds runs that have been running for much longer than their workflow usually takes. */
export async function inspectStuck(database: Queryable, subject: Subject): Promise<Finding> {
  const { stuckFactor: factor } = subject
  const found = await query(
    database,
    sql`with running as (
       select execution_id, workflow_name, user_id, start_time, extract(epoch from now() - start_time) * 1000 as age_ms
       from workflow_executions
       where status = 'running' and start_time > '-infinity' and start_time < now()
     ), usual as (
       select w.workflow_name, u.finished >= ${FEWEST} as known, u.median
       from (select distinct workflow_name from running) w
       cross join lateral (
         select count(*) as finished, percentile_cont(0.5) within group (order by newest.ms) as median
         from (
           select extract(epoch from f.end_time - f.start_time) * 1000 as ms from workflow_executions f
           where f.workflow_name = w.workflow_name and f.status <> 'running'
             and isfinite(f.start_time) and isfinite(f.end_time)
           order by f.start_time desc, f.execution_id desc limit ${NEWEST}
         ) newest
       ) u
     ), judged as (
       select r.*, case when u.known then u.median end as usual_ms,
              case when u.known then greatest(u.median * ${factor}, ${SHORTEST_LIMIT_MS}) else ${LIMIT_WITHOUT_HISTORY_MS} end as limit_ms
       from running r join usual u using (workflow_name)
     )
     select execution_id, workflow_name, user_id, to_json(start_time) #>> '{}' as start_time, age_ms, usual_ms, limit_ms,
            count(*) over () as stuck
     from judged where age_ms > limit_ms order by age_ms desc, execution_id limit ${LISTED}`,
    stuckShape,
  )
  const total = found[0]?.stuck ?? 0
  const runs = found.map(({ stuck: _, ...run }) => run)
  const details = { factor, stuck: total, runs }
  const [oldest] = runs
  if (!oldest) {
    return finding(
      'stuck',
      'ok',
      `no run has been running for longer than ${factor} times the usual time of its workflow`,
      { details },
    )
  }
  const texts = runs.map(
    ({ executionId, workflowName, ageMs, usualMs }) =>
      `${executionId} (${workflowName}) running for ${formatDuration(ageMs)}, ${
        usualMs === null
          ? `limit 24h (fewer than ${FEWEST} finished runs to compare with)`
          : `usually ${formatDuration(usualMs)}`
      }`,
  )
  return finding(
    'stuck',
    'failed',
    `${plural(total, 'run')} ${total === 1 ? 'looks' : 'look'} stuck: ${someOf(texts, total)}`,
    { fix: subject.command(`executions show ${oldest.executionId}`), details },
  )
}
