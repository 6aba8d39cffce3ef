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
  const root = whole.toLowerCase()
  const near = await run(
    sql`select e.execution_id as id, e.parent_execution_id as parent, e.total_cost as cost from workflow_executions e
      where e.execution_id = ${root}::uuid or e.parent_execution_id = ${root}::uuid`,
    { ...linkShape, cost: d.amount() },
  )
  const own = near.find((one) => one.id === root)
  if (!own) throw missing('execution', id)
  if (own.parent === null && near.length === 1)
    return { ancestors: [], children: [], childCount: 0, costWithChildren: own.cost }

  const [above, [, ...below]] = await Promise.all([ancestorsOf(run, root), familiesOf(run, [root])])
  const shown = below.filter(({ depth }) => depth <= DEEPEST).slice(0, limit)
  const [found] = await run(
    statement(
      above,
      shown.map((member) => member.id),
      [root, ...below.map((member) => member.id)],
    ),
    treeShape,
  )
  const depths = new Map(shown.map((member) => [member.id, member.depth]))
  const children = (found?.children ?? []).map((child) => ({
    ...child,
    depth: depths.get(child.executionId) as number,
  }))
  return {
    ancestors: found?.ancestors ?? [],
    children: inOrder(root, children),
    childCount: below.length,
    costWithChildren: found?.costWithChildren ?? own.cost,
  }
}

const linkShape = { id: d.uuid(), parent: d.nullable(d.uuid()) }
const treeShape = {
  ancestors: d.nullable(d.rows(memberShape)),
  children: d.nullable(d.rows(memberShape)),
  costWithChildren: d.amount(),
}

const statement = (above: string[], shown: string[], family: string[]): Sql => {
  const runs = (ids: string[], order: Sql) =>
    sql`(select json_agg(${raw(d.jsonArrayOf(memberShape, 'e'))} order by ${order})
      from workflow_executions e where e.execution_id = any(${ids}::uuid[]))`
  return sql`
select ${runs(above, sql`array_position(${above}::uuid[], e.execution_id) desc`)} as ancestors,
  ${runs(shown, raw('e.start_time, e.execution_id'))} as children,
  (select sum(e.total_cost) from workflow_executions e where e.execution_id = any(${family}::uuid[])) as cost_with_children`
}

/** The ids from the parent of a run up. The first run may be removed. */
async function ancestorsOf(run: Run, root: string): Promise<string[]> {
  const path = [root]
  while (path.length <= DEEPEST) {
    const [link] = await run(
      sql`select e.parent_execution_id as parent from workflow_executions e where e.execution_id = ${path.at(-1)}::uuid`,
      { parent: linkShape.parent },
    )
    const parent = link?.parent
    if (!parent || path.includes(parent)) break
    path.push(parent)
  }
  return path.slice(1)
}

/** A run of the family of a root: the root itself has the depth 0. */
interface Member {
  root: string
  id: string
  depth: number
}

/**
 * Runs and all their sub-runs, each once for a root, the nearest first. Each statement reads one level of all families: a recursive
 * statement cannot follow the runs of a distributed store from shard to shard.
 */
async function familiesOf(run: Run, roots: readonly string[]): Promise<Member[]> {
  const members = new Map<string, Member>()
  let level = roots.map((root): Member => ({ root, id: root, depth: 0 }))
  while (level.length > 0) {
    for (const member of level) members.set(member.root + member.id, member)
    const parents = [...new Set(level.map(({ id }) => id))]
    const children = new Map<string | null, string[]>(parents.map((id) => [id, []]))
    const links = await run(
      sql`select e.execution_id as id, e.parent_execution_id as parent from workflow_executions e
        where e.parent_execution_id = any(${parents}::uuid[])`,
      linkShape,
    )
    for (const { id, parent } of links) children.get(parent)?.push(id)
    level = level
      .flatMap(({ root, id, depth }) =>
        (children.get(id) ?? []).map((child) => ({ root, id: child, depth: depth + 1 })),
      )
      // In a circle the root comes again.
      .filter(({ root, id }) => !members.has(root + id))
  }
  return [...members.values()]
}

/** The cost of each of these runs with all its sub-runs, each once, by the id of the run. */
export async function costsWithChildren(
  run: Run,
  roots: readonly string[],
): Promise<Map<string, { costWithChildren: string }>> {
  const members = await familiesOf(run, roots)
  const sums = await run(
    sql`select f.root, sum(e.total_cost) as cost_with_children
      from unnest(${members.map(({ root }) => root)}::uuid[], ${members.map(({ id }) => id)}::uuid[]) as f (root, id)
      join workflow_executions e on e.execution_id = f.id group by f.root`,
    { root: d.uuid(), costWithChildren: d.amount() },
  )
  return new Map(sums.map(({ root, ...cost }) => [root, cost]))
}

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
