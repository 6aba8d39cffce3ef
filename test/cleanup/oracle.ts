import type { TestDatabase } from '../support/database.ts'

/** Times are microseconds since 1970. */
export interface Store {
  runs: OldRun[]
  steps: { id: string; run: string }[]
  entries: { id: string; run: string | null; at: bigint }[]
  metrics: { id: string; at: bigint }[]
}

interface OldRun {
  id: string
  workflow: string
  status: string
  start: bigint
  end: bigint | null
  created: bigint | null
  updated: bigint | null
}

const micros = (column: string) => `(extract(epoch from ${column}) * 1000000)::bigint::text`

const READ = `
select (select coalesce(json_agg(json_build_object('id', execution_id, 'workflow', workflow_name, 'status', status, 'start', ${micros('start_time')},
          'end', ${micros('end_time')}, 'created', ${micros('created_at')}, 'updated', ${micros('updated_at')})), '[]') from workflow_executions) as runs,
       (select coalesce(json_agg(json_build_object('id', step_id, 'run', execution_id)), '[]') from workflow_steps) as steps,
       (select coalesce(json_agg(json_build_object('id', log_id, 'run', execution_id, 'at', ${micros('timestamp')})), '[]') from audit_logs) as entries,
       (select coalesce(json_agg(json_build_object('id', metric_id, 'at', ${micros('timestamp')})), '[]') from observability_metrics) as metrics`

const TIMES = ['start', 'end', 'created', 'updated', 'at']

/** What a database holds, of what a cleanup could remove. */
export async function readStore({ sql }: Pick<TestDatabase, 'sql'>): Promise<Store> {
  const [row] = await sql(READ)
  const revive = (name: string, value: unknown) =>
    TIMES.includes(name) && value !== null ? BigInt(value as string) : value
  return JSON.parse(JSON.stringify(row), revive) as Store
}

/** What must be left after a cleanup, computed without SQL. */
export function leftOf(store: Store, cutoff: bigint, keepLast = 0): Store {
  const newest = new Set<string>()
  for (const workflow of new Set(store.runs.map((run) => run.workflow))) {
    const own = store.runs.filter((run) => run.workflow === workflow).sort(byStart)
    for (const { id } of own.slice(0, keepLast)) newest.add(id)
  }
  const runs = store.runs.filter((run) => {
    const times = [run.start, run.created ?? run.start, run.updated ?? run.start]
    const ended = run.end ?? latest(times)
    const hasEnded = run.status !== 'running' && run.start < cutoff && ended < cutoff
    return !hasEnded || newest.has(run.id)
  })
  const kept = new Set(runs.map(({ id }) => id))
  return {
    runs,
    steps: store.steps.filter(({ run }) => kept.has(run)),
    entries: store.entries.filter(({ run, at }) => at >= cutoff || (run !== null && kept.has(run))),
    metrics: store.metrics.filter(({ at }) => at >= cutoff),
  }
}

const latest = ([first, ...rest]: bigint[]): bigint => {
  let last = first as bigint
  for (const time of rest) if (time > last) last = time
  return last
}

/** The newest first; of those that began together the greater id. */
const byStart = (a: OldRun, b: OldRun) =>
  a.start === b.start ? (a.id < b.id ? 1 : -1) : a.start < b.start ? 1 : -1

export const idsOf = (store: Store) => ({
  runs: store.runs.map(({ id }) => id).sort(),
  steps: store.steps.map(({ id, run }) => `${run} ${id}`).sort(),
  entries: store.entries.map(({ id }) => id).sort(),
  metrics: store.metrics.map(({ id }) => id).sort(),
})

/** How many rows of each kind are in one and not in the other. */
export const removedFrom = (before: Store, after: Store) => ({
  execution: before.runs.length - after.runs.length,
  step: before.steps.length - after.steps.length,
  audit: before.entries.length - after.entries.length,
  metric: before.metrics.length - after.metrics.length,
})
