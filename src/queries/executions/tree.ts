import * as d from '../../db/query/decode.ts'
import type { Run } from '../../db/query/query.ts'
import { raw, type Sql, sql } from '../../db/query/sql.ts'
import { checkNames } from '../../options.ts'
import { executions, runTime } from '../../tables/executions.ts'
import { isUuid } from '../../uuid.ts'
import { findIds, missing } from '../ids.ts'
import { countOf } from '../table/validate.ts'

const { executionId, parentExecutionId, workflowName, status, startTime, totalCost } = d.shapeOf(
  executions.columns,
)
const memberShape = {
  executionId,
  parentExecutionId,
  workflowName,
  status,
  startTime,
  /** Milliseconds; null until the run has ended. */
  durationMs: d.nullable(d.number(`(extract(epoch from ${runTime('e')}) * 1000)`)),
  /** Of the run alone: the cost of its sub-runs is not part of it. */
  totalCost,
}
/** A run in a tree. */
export type TreeRun = d.RowOf<typeof memberShape>

/** A run with the runs that it started, as far as they are kept. */
export interface ExecutionTree {
  /** From the first run to the parent; empty without a parent, or if the parent is not in the store. */
  ancestors: TreeRun[]
  /** The sub-runs at any depth, each after its parent, by start. Those of the run have the depth 1. */
  children: (TreeRun & { depth: number })[]
  /** Number of sub-runs at any depth: more than `children` has if they are cut. */
  childCount: number
  /** Cost of the run and of all its sub-runs, each once: US dollars, an exact decimal. */
  costWithChildren: string
}

export interface TreeOptions {
  /** Maximum number of sub-runs, those nearest to the run first (default: 1000). */
  limit?: number | undefined
}

const LIMIT = 1000
const DEEPEST = 50

/**
 * The ids of a run and of all its sub-runs, each once. A run has one parent, so only the run itself can come again, in a circle:
 * UNION drops it.
 * @param id SQL of the id of the run
 */
const family = (id: string): string =>
  `family (id) as (
     select ${id}
     union select c.execution_id from family f join workflow_executions c on c.parent_execution_id = f.id)`

/** SQL of the cost of a run and of all its sub-runs. @param e the alias of the run */
export const costWithChildren = (e: string): string =>
  `(with recursive ${family(`${e}.execution_id`)}
     select sum(m.total_cost) from family f join workflow_executions m on m.execution_id = f.id)`

/**
 * A run with its ancestors and its sub-runs. Removed runs are not known.
 * @param id the whole id, or at least its first 8 characters
 * @throws WfstoreError usage if it matches several runs, not_found
 */
export async function executionTree(
  run: Run,
  id: string,
  options: TreeOptions = {},
): Promise<ExecutionTree> {
  checkNames('executions.tree', options, { limit: true })
  const limit = countOf('limit', options.limit) ?? LIMIT
  const [whole = id] = isUuid(id) ? [id] : await findIds(run, 'execution', [id])
  const [found] = await run(statement(sql`${whole}::uuid`, limit), treeShape)
  if (!found?.isKept) throw missing('execution', id)
  return {
    ancestors: found.ancestors ?? [],
    children: inOrder(whole.toLowerCase(), found.children ?? []),
    childCount: found.members - 1,
    costWithChildren: found.costWithChildren,
  }
}

const childShape = { ...memberShape, depth: d.count('n.depth') }
const treeShape = {
  ancestors: d.nullable(d.rows(memberShape)),
  children: d.nullable(d.rows(childShape)),
  isKept: d.boolean(),
  members: d.count(),
  costWithChildren: d.amount(),
}

/** PostgreSQL makes no more rows of a recursion than are read, and those of a smaller depth first. */
const statement = (id: Sql, limit: number): Sql => sql`
with recursive root (id) as (select ${id}),
above (id, parent, place, path) as (
  select e.execution_id, e.parent_execution_id, 0, array[e.execution_id]
  from workflow_executions e where e.execution_id = (select id from root)
  union all
  select p.execution_id, p.parent_execution_id, a.place + 1, a.path || p.execution_id
  from above a join workflow_executions p on p.execution_id = a.parent
  where p.execution_id <> all (a.path) and a.place < ${raw(String(DEEPEST))}
), below (id, depth) as (
  select id, 0 from root
  union all
  select c.execution_id, b.depth + 1 from below b join workflow_executions c on c.parent_execution_id = b.id
  where c.execution_id <> (select id from root) and b.depth < ${raw(String(DEEPEST))}
), near as (
  select id, depth from below where depth > 0 limit ${limit}::bigint
), ${raw(family('(select id from root)'))}, whole as (
  select count(*) as members, coalesce(sum(m.total_cost), 0) as cost
  from family f join workflow_executions m on m.execution_id = f.id
)
select (select json_agg(${raw(d.jsonArrayOf(memberShape, 'e'))} order by a.place desc)
        from above a join workflow_executions e on e.execution_id = a.id where a.place > 0) as ancestors,
       (select json_agg(${raw(d.jsonArrayOf(childShape, 'e'))} order by e.start_time, e.execution_id)
        from near n join workflow_executions e on e.execution_id = n.id) as children,
       exists (select from above) as is_kept, members, cost as cost_with_children
from whole`

/** Each run after its parent. */
function inOrder<Row extends TreeRun>(root: string, rows: readonly Row[]): Row[] {
  const byParent = new Map<string | null, Row[]>()
  for (const row of rows) {
    const siblings = byParent.get(row.parentExecutionId)
    if (siblings) siblings.push(row)
    else byParent.set(row.parentExecutionId, [row])
  }
  const below = (id: string): Row[] =>
    (byParent.get(id) ?? []).flatMap((row) => [row, ...below(row.executionId)])
  return below(root)
}
