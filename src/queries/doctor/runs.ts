import type { Queryable } from '../../db/query/connection.ts'
import * as d from '../../db/query/decode.ts'
import { query } from '../../db/query/query.ts'
import { formatDuration, formatNumber, plural } from '../../numbers.ts'
import { isStuck, lastWrite } from '../executions/running.ts'
import { type DoctorFinding, finding } from './finding.ts'
import type { Subject } from './subject.ts'
import { someOf } from './words.ts'

/** The count stops here; the text then says "more than". */
const COUNTED = 10_000
const LISTED = 100

export async function inspectOldestRunning(database: Queryable): Promise<DoctorFinding> {
  const [found] = await query(
    database,
    `select (select count(*) from (select 1 from workflow_executions where status = 'running' limit ${COUNTED + 1}) r) as running,
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
  lastWriteTime: d.time(),
  idleMs: d.nullable(d.number()),
  stuck: d.count(),
}

/** Finds running runs without a write for long: their engine has probably died. */
export async function inspectStuck(database: Queryable, subject: Subject): Promise<DoctorFinding> {
  const { stuckAfterMs } = subject
  const found = await query(
    database,
    `select r.execution_id, r.workflow_name, r.user_id, to_json(r.last_write) #>> '{}' as last_write_time,
            case when isfinite(r.last_write) then extract(epoch from now() - r.last_write) * 1000 end as idle_ms,
            count(*) over () as stuck
     from (select e.*, ${lastWrite('e')} as last_write from workflow_executions e
           where e.status = 'running' and ${isStuck('e', stuckAfterMs)}) r
     order by r.last_write, r.execution_id limit ${LISTED}`,
    stuckShape,
  )
  const total = found[0]?.stuck ?? 0
  const runs = found.map(({ stuck: _, ...run }) => run)
  const details = { stuckAfterMs, stuck: total, runs }
  const limit = spanText(stuckAfterMs)
  if (total === 0) {
    return finding('stuck', 'ok', `no run has been without a write for ${limit}`, { details })
  }
  const texts = runs.map(
    ({ executionId, workflowName, lastWriteTime, idleMs }) =>
      `${executionId} (${workflowName}) ${idleMs === null ? `since ${lastWriteTime}` : `for ${formatDuration(idleMs)}`}`,
  )
  return finding(
    'stuck',
    'warning',
    `${plural(total, 'run')} ${total === 1 ? 'is' : 'are'} stuck, without a write: ${someOf(texts, total)}`,
    { fix: subject.command(`executions fail --older-than ${limit} --dry-run`), details },
  )
}

/** As options take it: 10m, 90s. */
function spanText(ms: number): string {
  const seconds = Math.ceil(ms / 1000)
  const units = { w: 604_800, d: 86_400, h: 3600, m: 60, s: 1 }
  const [unit, size] = Object.entries(units).find(([, size]) => seconds % size === 0) ?? ['s', 1]
  return `${seconds / size}${unit}`
}
