import * as d from '../db/query/decode.ts'
import { query } from '../db/query/query.ts'
import { raw, sql } from '../db/query/sql.ts'
import {
  auditHistory,
  type HistoryDescription,
  insertMerged,
  usageHistory,
} from '../tables/histories.ts'
import type { CleanupPlace } from './place.ts'

const historyOf = (kind: 'execution' | 'audit'): HistoryDescription =>
  kind === 'execution' ? usageHistory : auditHistory

/**
 * SQL that counts rows in their history.
 * @param added what the rows add
 * @param into the history, or a table like it
 */
export const foldInto = (history: HistoryDescription, added: string, into = history.name): string =>
  insertMerged(history, `(${added}) as added`, into)

/** The id of the last row of the history: rows appended from now on have a larger one. */
export async function endOf({ on }: CleanupPlace, kind: 'execution' | 'audit'): Promise<string> {
  const text = `select coalesce(max(history_id), 0)::text as id from ${historyOf(kind).name}`
  const [row] = await query(on, text, { id: d.text() })
  return row?.id ?? '0'
}

const AT_ONCE = 200

/**
 * Merges the rows of a key in a quarter that two batches shared. This changes no total and only saves space: if it is
 * not done, the rows stay apart.
 * @param after the id before the first row of this cleanup
 */
export async function mergeHistory(
  { on, history: at }: CleanupPlace,
  kind: 'execution' | 'audit',
  after: string,
  quarters: readonly string[],
): Promise<void> {
  const history = at(historyOf(kind))
  const { name } = history
  for (let from = 0; from < quarters.length; from += AT_ONCE) {
    await query(
      on,
      sql`with apart as (
         delete from ${raw(name)} where history_id > ${after}::bigint and quarter_start = any (${quarters.slice(from, from + AT_ONCE)}::timestamptz[]) returning *
       ), merged as (${raw(insertMerged(history, 'apart', name))})
       select 1`,
      {},
    )
  }
}
