import type pg from 'pg'
import { cleanup } from '../../src/cleanup/cleanup.ts'
import type { CleanupOptions, CleanupResult, Kept } from '../../src/cleanup/types.ts'
import { citusUrl } from '../support/citus.ts'
import type { TestDatabase } from '../support/database.ts'
import { withClient } from '../support/migrate.ts'

/** What a count before the cleanup says of these rows: which rows will be locked is not known. */
export const beforehand = (kept: Kept): Kept<null> => ({
  ...kept,
  execution: { ...kept.execution, locked: null },
  audit: { ...kept.audit, locked: null },
  metric: { ...kept.metric, locked: null },
})

/** A cleanup on a connection of its own, without pauses. */
export const clean = (database: TestDatabase, options: CleanupOptions): Promise<CleanupResult> =>
  withClient(database, (client) => cleanup(client, { pauseMs: 0, allowAll: true, ...options }))

export const uuid = (number: number): string =>
  `00000000-0000-7000-8000-${String(number).padStart(12, '0')}`

/** Numbers of runs that are on the first shard of a distributed store, where a cleanup begins. */
export const [FIRST, SECOND, THIRD] = [2, 4, 6] as const

/** A run for a test. Times are SQL literals of timestamptz. */
export interface RunSeed {
  id: string
  label: string
  user?: string
  status?: string
  start: string
  end?: string | null
  created?: string | null
  updated?: string | null
  cost?: string
  steps?: number
}

export async function addRun(sql: TestDatabase['sql'], seed: RunSeed): Promise<void> {
  const { id, label, user = 'u', status = 'success', start, end = null, steps = 0 } = seed
  const { created = start, updated = start, cost = '0.000001' } = seed
  await sql(
    `insert into workflow_executions (execution_id, workflow_name, user_id, mode, model_id, status, start_time, end_time,
       created_at, updated_at, total_cost, total_tokens, steps_total, steps_completed, metadata)
     values ($1, $2, $3, 'm', 'x', $4, $5, $6, $7, $8, $9, 3, $10, $10, null)`,
    [id, label, user, status, start, end, created, updated, cost, steps],
  )
  if (steps > 0)
    await sql(
      `insert into workflow_steps (execution_id, step_number, step_name, status)
       select $1, n, 's', 'success' from generate_series(1, $2::int) n`,
      [id, steps],
    )
}

export const addEntry = (
  sql: TestDatabase['sql'],
  { id, run, at, user = 'u' }: { id: string; run: string | null; at: string; user?: string },
) =>
  sql(
    `insert into audit_logs (log_id, execution_id, timestamp, user_id, action_type, action_details)
     values ($1, coalesce($2, wfstore_no_run()), $3, $4, 'a', 'd')`,
    [id, run, at, user],
  )

export const clear = (sql: TestDatabase['sql']) =>
  sql(
    `truncate workflow_executions, workflow_steps, audit_logs, observability_metrics, billing_records, usage_history,
       audit_history, wfstore_cleanups`,
  )

/** SQL that follows the key of a history: in a distributed store each shard has a row of its own. */
export const ofShard = citusUrl
  ? `, get_shard_id_for_distribution_column('workflow_executions', execution_id)`
  : ''

/** The histories by their keys: a key may be in several rows. */
const HISTORIES = {
  usage_history: `select quarter_start, user_id, workflow_name, mode, model_id, status, tags, sum(steps_unpriced) as unpriced, sum(runs) as runs, sum(total_cost) as cost,
      sum(total_tokens) as tokens, sum(steps_total) as steps, sum(steps_completed) as completed, sum(steps_failed) as failed,
      sum(timed_runs) as timed, sum(duration_ms) as ms, max(last_start_time) as last
    from usage_history group by 1, 2, 3, 4, 5, 6, 7`,
  audit_history: `select quarter_start, user_id, sum(entries) as entries
    from audit_history group by 1, 2`,
}

/** All that the database holds, row by row as text, apart from the rows of cleanups. */
export async function everythingIn(database: TestDatabase): Promise<Record<string, string[]>> {
  const tables = [
    ...['workflow_executions', 'workflow_steps', 'audit_logs', 'observability_metrics'],
    ...['billing_records', 'wfstore_periods', 'wfstore_settings'],
  ]
  const sources = [
    ...tables.map((name) => [name, `select * from ${name}`] as const),
    ...Object.entries(HISTORIES),
  ]
  const [row] = await database.sql(
    `select ${sources
      .map(
        ([name, text]) =>
          `(select coalesce(array_agg(t::text order by t::text), '{}') from (${text}) t) as ${name}`,
      )
      .join(', ')}`,
  )
  return row as Record<string, string[]>
}

export interface CleanupRow {
  outcome: string
  executions: number
  steps: number
  audit: number
  metrics: number
}

/** The rows of cleanups, the oldest first. */
export async function cleanupsIn(database: TestDatabase): Promise<CleanupRow[]> {
  const rows = await database.sql(
    `select outcome, executions_removed::int as executions, steps_removed::int as steps, audit_removed::int as audit,
       metrics_removed::int as metrics
     from wfstore_cleanups order by started_at, cleanup_id`,
  )
  return rows as unknown as CleanupRow[]
}

export const sumOf = (rows: readonly CleanupRow[]) => {
  const sum = (name: Exclude<keyof CleanupRow, 'outcome'>) =>
    rows.reduce((all, row) => all + row[name], 0)
  return {
    execution: sum('executions'),
    step: sum('steps'),
    audit: sum('audit'),
    metric: sum('metrics'),
  }
}

interface Submittable {
  text: string
  values?: unknown[]
  submit?: (connection: unknown) => void
}

/** Of a statement that is sent to shards: what runs there. */
const textOf = ({ text, values = [] }: Submittable): string =>
  text.startsWith('select wfstore_at ') ? String(values[1]) : text

/** Statements that show others nothing and see nothing of them: what comes before one might as well come after it. */
export const SILENT = /^(begin|select set_config|select pg_stat_get_xact)/

/** Calls `before` ahead of each statement that this connection sends, by its number from 1. */
export function atStatements(
  client: pg.Client,
  before: (number: number, text: string) => Promise<void>,
): pg.Client {
  let sent = 0
  const query = client.query.bind(client) as (...given: unknown[]) => unknown
  const interleaved = (...given: unknown[]) => {
    const [first] = given as [string | Submittable]
    const text = typeof first === 'string' ? first : textOf(first)
    // A COPY is a stream, and has to be given back at once.
    if (typeof first === 'string' || !first.submit)
      return before(++sent, text).then(() => query(...given))
    const submit = first.submit.bind(first)
    first.submit = (connection) => void before(++sent, text).then(() => submit(connection))
    return query(...given)
  }
  client.query = interleaved as typeof client.query
  return client
}
