import * as d from '../../db/query/decode.ts'
import type { Run } from '../../db/query/query.ts'
import { empty, join, raw, type Sql, sql } from '../../db/query/sql.ts'
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
const LIMITED = raw(`limit ${MOST_ROWS + 1}`)
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
  const plan = await planOf(run, rowsOf(list, conditions))
  const share = Math.min(1, (MOST_ROWS + 1) / Math.max(plan.rows, 1))
  const cost = plan.startupCost + (plan.totalCost - plan.startupCost) * share
  const counted =
    cost > MOST_COST ? undefined : await countUpTo(run, rowsOf(list, conditions, LIMITED))
  if (counted !== undefined && counted <= MOST_ROWS) {
    // Rows may have gone since the page was read.
    return counted > least ? { count: counted, kind: 'exact' } : { count: least, kind: 'more' }
  }
  const known = counted === undefined ? least : MOST_ROWS
  return plan.rows > known ? { count: plan.rows, kind: 'about' } : { count: known, kind: 'more' }
}

/** Each part has the limit, because Citus does not pass that of a union on to its parts. */
function rowsOf<S extends d.Shape, F extends object>(
  { table, alias }: List<S, F>,
  conditions: readonly Sql[],
  limit: Sql = empty,
): Sql {
  const parts = [table]
    .flat()
    .map((part) => sql`(select 1 from ${raw(part)} ${raw(alias)} ${where(conditions)} ${limit})`)
  return join(parts, ' union all ')
}

interface Plan {
  rows: number
  startupCost: number
  totalCost: number
}

/** A node of a plan of PostgreSQL, or of Citus with the plans of the shards. */
interface PlanNode {
  'Plan Rows': number
  'Startup Cost': number
  'Total Cost': number
  'Distributed Query'?: {
    Subplans?: { PlannedStmt: { Plan: PlanNode }[] }[]
    Job: { 'Task Count': number; Tasks: { 'Remote Plan': { Plan: PlanNode }[][] }[] }
  }
}

/** Citus shows the plan of one shard for all, and expects 100,000 rows. The work of all shards counts. */
function estimateOf(node: PlanNode): Plan {
  const distributed = node['Distributed Query']
  if (!distributed)
    return {
      rows: node['Plan Rows'],
      startupCost: node['Startup Cost'],
      totalCost: node['Total Cost'],
    }
  const { Subplans: subplans, Job: job } = distributed
  if (subplans) return sumOf(subplans.flatMap((one) => one.PlannedStmt.map(({ Plan }) => Plan)))
  const shown = job.Tasks.flatMap((task) => task['Remote Plan'].flat().map(({ Plan }) => Plan))
  return sumOf(shown, job['Task Count'] / Math.max(shown.length, 1))
}

const sumOf = (nodes: readonly PlanNode[], times = 1): Plan =>
  nodes.map(estimateOf).reduce(
    (sum, { rows, startupCost, totalCost }) => ({
      rows: sum.rows + rows * times,
      startupCost: sum.startupCost + startupCost * times,
      totalCost: sum.totalCost + totalCost * times,
    }),
    { rows: 0, startupCost: 0, totalCost: 0 },
  )

async function planOf(run: Run, rows: Sql): Promise<Plan> {
  const [row] = await run(sql`explain (format json) ${rows}`, {
    plan: { ...d.text(), column: 'QUERY PLAN' },
  })
  const [{ Plan: plan }] = JSON.parse(row?.plan ?? '[{}]')
  return estimateOf(plan)
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
    const [row] = await run(sql`select count(*) as count from (${rows}) as counted`, {
      count: d.count(),
    })
    return row?.count
  } catch (error) {
    if (error instanceof WfstoreError && error.sqlState === '57014') return undefined
    throw error
  } finally {
    await run('rollback', {}).catch(() => {})
  }
}
