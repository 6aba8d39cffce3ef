import * as d from '../../db/query/decode.ts'
import type { Run } from '../../db/query/query.ts'
import { join, raw, type Sql, sql } from '../../db/query/sql.ts'
import { WfstoreError } from '../../error.ts'
import { where } from './filter.ts'
import { type List, listConditions, type Options } from './page.ts'

/** The number of rows of a list: exact, estimated by the planner, or only known to be larger. */
export interface RowTotal {
  count: number
  kind: 'exact' | 'about' | 'more'
}

/** More rows are not counted. */
const MOST_ROWS = 10_000
/** In the planner's unit, a page read in sequence: no count that reads more than some 100 MB is tried. */
const MOST_COST = 20_000
/** Ends a count whose cost the planner underestimated. */
const LONGEST_MS = 500

/**
 * The number of rows of a list without its limit. It is counted where that takes a few milliseconds.
 * @param run on one connection
 * @param least the number of rows that are known
 */
export async function totalOf<S extends d.Shape, F extends object>(
  run: Run,
  list: List<S, F>,
  { limit: _, cursor: __, sort: ___, ...filter }: F & Options,
  least: number,
): Promise<RowTotal> {
  const { conditions } = listConditions(list, filter as unknown as F & Options)
  const rows = rowsOf(list, conditions)
  const plan = await planOf(run, rows)
  const share = Math.min(1, (MOST_ROWS + 1) / Math.max(plan.rows, 1))
  const cost = plan.startupCost + (plan.totalCost - plan.startupCost) * share
  const counted = cost > MOST_COST ? undefined : await countUpTo(run, rows)
  if (counted !== undefined && counted <= MOST_ROWS) {
    // Rows may have gone since the page was read.
    return counted > least ? { count: counted, kind: 'exact' } : { count: least, kind: 'more' }
  }
  const known = counted === undefined ? least : MOST_ROWS
  return plan.rows > known ? { count: plan.rows, kind: 'about' } : { count: known, kind: 'more' }
}

function rowsOf<S extends d.Shape, F extends object>(
  { table, alias }: List<S, F>,
  conditions: readonly Sql[],
): Sql {
  const parts = (typeof table === 'string' ? [table] : table).map(
    (part) => sql`select 1 from ${raw(part)} ${raw(alias)} ${where(conditions)}`,
  )
  return join(parts, ' union all ')
}

async function planOf(run: Run, rows: Sql) {
  const [row] = await run(sql`explain (format json) ${rows}`, {
    plan: { ...d.text(), column: 'QUERY PLAN' },
  })
  const [{ Plan: plan }] = JSON.parse(row?.plan ?? '[{}]')
  return {
    rows: Number(plan['Plan Rows']),
    startupCost: Number(plan['Startup Cost']),
    totalCost: Number(plan['Total Cost']),
  }
}

/** Undefined if it takes too long, or if a pooler in statement mode refuses the transaction that limits its time. */
async function countUpTo(run: Run, rows: Sql): Promise<number | undefined> {
  try {
    await run('begin isolation level read committed read only', {})
  } catch {
    return undefined
  }
  try {
    await run(
      // pg_settings would compute all settings, which takes as long as many a count.
      `select set_config('statement_timeout', '${LONGEST_MS}', true)
       where extract(epoch from current_setting('statement_timeout')::interval) * 1000 not between 1 and ${LONGEST_MS}`,
      {},
    )
    const [row] = await run(
      sql`select count(*) as count from (${rows} limit ${MOST_ROWS + 1}) as counted`,
      { count: d.count() },
    )
    return row?.count
  } catch (error) {
    if (error instanceof WfstoreError && error.sqlState === '57014') return undefined
    throw error
  } finally {
    await run('rollback', {}).catch(() => {})
  }
}
