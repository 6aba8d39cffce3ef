import type pg from 'pg'
import * as d from '../../db/query/decode.ts'
import { query } from '../../db/query/query.ts'
import { WfstoreError } from '../../error.ts'
import { quarterOf } from '../../tables/histories.ts'
import type { Cleaned } from '../types.ts'

/** What a cleanup has put into a history of the rows that come back, and so goes out of it again. */
interface History {
  table: string
  /** Of the transaction. */
  restored: string
  what: string
  keys: readonly string[]
  /** Sums, the number of rows first. */
  counts: readonly string[]
  amounts: readonly string[]
  /** Stays as it is: what it was without these rows is not known. */
  newest: string | undefined
}

const USAGE: History = {
  table: 'usage_history',
  restored: 'pg_temp.wfstore_restored_usage',
  what: 'runs',
  keys: ['quarter_start', 'user_id', 'workflow_name', 'mode', 'model_id', 'status'],
  counts: ['runs', 'timed_runs', 'total_tokens', 'steps_total', 'steps_completed', 'steps_failed'],
  amounts: ['total_cost', 'duration_ms'],
  newest: 'last_start_time',
}
const AUDIT: History = {
  table: 'audit_history',
  restored: 'pg_temp.wfstore_restored_audit',
  what: 'audit entries',
  keys: ['quarter_start', 'user_id', 'action_type', 'success'],
  counts: ['entries'],
  amounts: [],
  newest: undefined,
}

const create = ({ table, restored }: History) => `
  create temporary table ${restored.replace('pg_temp.', '')} (like ${table}) on commit drop;
  alter table ${restored} drop column history_id`

export async function createRestored(client: pg.ClientBase): Promise<void> {
  await client.query(`${create(USAGE)}; ${create(AUDIT)}`)
}

/**
 * Counts restored rows exactly as their cleanup did.
 * @param back a relation of whole rows of the kind
 */
export function foldRestored(kind: Cleaned, back: string): string {
  if (kind === 'execution')
    return `, folded as (insert into ${USAGE.restored} (
        ${USAGE.keys.join(', ')}, runs, total_cost, total_tokens, steps_total, steps_completed, steps_failed,
        timed_runs, duration_ms, last_start_time)
      select ${quarterOf('start_time')}, user_id, workflow_name, mode, model_id, status,
        count(*), sum(total_cost), sum(total_tokens), sum(steps_total), sum(steps_completed), sum(steps_failed),
        count(end_time), coalesce(extract(epoch from sum(end_time - start_time)) * 1000, 0), max(start_time)
      from ${back} group by 1, 2, 3, 4, 5, 6)`
  if (kind === 'audit')
    return `, folded as (insert into ${AUDIT.restored} (${AUDIT.keys.join(', ')}, entries)
      select ${quarterOf('timestamp')}, user_id, action_type, success, count(*)
      from ${back} group by 1, 2, 3, 4)`
  return ''
}

/**
 * Takes the restored rows out of the histories, so that no total moves.
 * @throws WfstoreError conflict where a history does not hold them
 */
export async function takeOut(client: pg.ClientBase): Promise<void> {
  for (const history of [USAGE, AUDIT]) {
    await client.query(`analyze ${history.restored}`)
    const [row] = await query(client, shortOf(history), [], { missing: d.count() })
    const missing = row?.missing ?? 0
    if (missing > 0) {
      throw new WfstoreError(
        'conflict',
        `${history.table} does not hold what the archive has: ${missing} of its ${history.what} are not counted there`,
        {
          hint: 'nothing was restored: were they deleted or restored by hand? --copy restores rows alone, into a scratch database',
        },
      )
    }
    await query(client, takeOutOf(history), [], {})
  }
}

const valuesOf = ({ counts, amounts }: History) => [...counts, ...amounts]

const summed = (history: History, from: string): string =>
  `select ${history.keys.join(', ')}, ${valuesOf(history)
    .map((name) => `sum(${name}) as ${name}`)
    .join(', ')} from ${from} group by ${history.keys.join(', ')}`

/** What a key counts without the restored rows: nothing of what it had can be less than they are. */
const shortOf = (history: History): string => {
  const { table, restored, keys, counts } = history
  const [rows, ...others] = counts as [string, ...string[]]
  const timed = others.filter((name) => name === 'timed_runs')
  const emptied = [...others, ...history.amounts].map(
    (name) => `h.${name} - b.${name} not in (0, 'NaN')`,
  )
  const wrong = [
    `h.${rows} is null`,
    ...[rows, ...timed].map((name) => `h.${name} < b.${name}`),
    ...timed.map((name) => `h.${name} - b.${name} > h.${rows} - b.${rows}`),
    ...(emptied.length > 0 ? [`h.${rows} = b.${rows} and (${emptied.join(' or ')})`] : []),
  ]
  return `with back as (${summed(history, restored)}), held as (
      ${summed(history, `${table} join (select distinct ${keys.join(', ')} from ${restored}) as k using (${keys.join(', ')})`)})
    select coalesce(sum(b.${rows}), 0) as missing from back b left join held h using (${keys.join(', ')})
    where ${wrong.join(' or ')}`
}

/** A row of each key remains, or none where it counts nothing any more. */
const takeOutOf = (history: History): string => {
  const { table, restored, keys, counts, amounts, newest } = history
  const [rows] = counts as [string]
  const same = keys.map((name) => `h.${name} = b.${name}`).join(' and ')
  const less = (name: string) => `sum(g.${name}) - max(b.${name})`
  const remaining = [
    ...counts.map(less),
    // An infinite duration stays one.
    ...amounts.map(
      (name) => `case when ${less(name)} = 'NaN' then sum(g.${name}) else ${less(name)} end`,
    ),
    ...(newest ? [`max(g.${newest})`] : []),
  ]
  const columns = [...keys, ...valuesOf(history), ...(newest ? [newest] : [])]
  return `with back as (${summed(history, restored)}), gone as (
      delete from ${table} h using back b where ${same} returning h.*)
    insert into ${table} (${columns.join(', ')})
    select ${keys.join(', ')}, ${remaining.join(', ')}
    from gone g join back b using (${keys.join(', ')}) group by ${keys.join(', ')}
    having ${less(rows)} > 0`
}
