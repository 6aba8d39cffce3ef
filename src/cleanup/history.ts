import type pg from 'pg'
import * as d from '../db/query/decode.ts'
import { query } from '../db/query/query.ts'
import { quarterOf } from './tables.ts'

/** What a total counts a removed run and a removed entry by: the keys, and what is summed (migrations/001_tables.sql). */
const USAGE = {
  table: 'usage_history',
  keys: ['quarter_start', 'user_id', 'workflow_name', 'mode', 'model_id', 'status'],
  values: {
    runs: 'sum',
    total_cost: 'sum',
    total_tokens: 'sum',
    steps_total: 'sum',
    steps_completed: 'sum',
    steps_failed: 'sum',
    timed_runs: 'sum',
    duration_ms: 'sum',
    last_start_time: 'max',
  },
}
const AUDIT = {
  table: 'audit_history',
  keys: ['quarter_start', 'user_id', 'action_type', 'success'],
  values: { entries: 'sum' },
}
type History = typeof USAGE | typeof AUDIT

const columns = ({ keys, values }: History) => [...keys, ...Object.keys(values)].join(', ')

/** What of a run and of an entry is counted. */
export const RUN_COLUMNS = [
  'start_time',
  'end_time',
  ...['user_id', 'workflow_name', 'mode', 'model_id', 'status'],
  ...['total_cost', 'total_tokens', 'steps_total', 'steps_completed', 'steps_failed'],
]
export const ENTRY_COLUMNS = ['timestamp', 'user_id', 'action_type', 'success']

/** Takes removed runs into the history. @param gone a relation with RUN_COLUMNS */
export const foldRuns = (gone: string): string => `
  insert into ${USAGE.table} (${columns(USAGE)})
  select ${quarterOf('start_time')}, user_id, workflow_name, mode, model_id, status,
         count(*), sum(total_cost), sum(total_tokens), sum(steps_total), sum(steps_completed), sum(steps_failed),
         count(end_time), coalesce(extract(epoch from sum(end_time - start_time)) * 1000, 0), max(start_time)
  from ${gone} group by 1, 2, 3, 4, 5, 6`

/** Takes removed entries into the history. @param gone a relation with ENTRY_COLUMNS */
export const foldEntries = (gone: string): string => `
  insert into ${AUDIT.table} (${columns(AUDIT)})
  select ${quarterOf('timestamp')}, user_id, action_type, success, count(*)
  from ${gone} group by 1, 2, 3, 4`

/** Where the rows of the history begin that are appended from now on, as its id. */
export async function endOf(client: pg.ClientBase, table: 'execution' | 'audit'): Promise<string> {
  const history = table === 'execution' ? USAGE : AUDIT
  const text = `select coalesce(max(history_id), 0)::text as id from ${history.table}`
  const [row] = await query(client, text, [], { id: d.text() })
  return row?.id ?? '0'
}

const AT_ONCE = 200

/**
 * Makes one row of the several that a key has in a quarter which two batches shared. It changes no total, and is no
 * more than tidiness: where it is not done, the rows stay apart.
 * @param after the id before the first row of this cleanup
 */
export async function mergeHistory(
  client: pg.ClientBase,
  kind: 'execution' | 'audit',
  after: string,
  quarters: readonly string[],
): Promise<void> {
  const history: History = kind === 'execution' ? USAGE : AUDIT
  const keys = history.keys.join(', ')
  const sums = Object.entries(history.values).map(([name, how]) => `${how}(${name})`)
  for (let from = 0; from < quarters.length; from += AT_ONCE) {
    await query(
      client,
      `with apart as (
         delete from ${history.table} where history_id > $1::bigint and quarter_start = any ($2::timestamptz[]) returning *
       )
       insert into ${history.table} (${columns(history)}) select ${keys}, ${sums.join(', ')} from apart group by ${keys}`,
      [after, quarters.slice(from, from + AT_ONCE)],
      {},
    )
  }
}
