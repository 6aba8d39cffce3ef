import type { Environment } from '../../../db/connect/libpq.ts'
import { plural } from '../../../numbers.ts'
import type { ExecutionWithSteps } from '../../../queries/executions/executions.ts'
import type { ExecutionTree, TreeRun } from '../../../queries/executions/tree.ts'
import type { Column } from '../../output/column.ts'
import { plainLocale } from '../../output/text/marks.ts'
import type { Writer } from '../../output/writer.ts'
import { showColumns } from './columns.ts'

export type ShownExecution = ExecutionWithSteps & ExecutionTree

/** A terminal is not filled with sub-runs; other formats have the limit of the library. */
export const TREE_ROWS = 100

const runColumns: Column<TreeRun & { depth?: number }>[] = [
  { name: 'executionId', header: 'ID', kind: 'id', priority: 10 },
  { name: 'workflowName', header: 'WORKFLOW', kind: 'text' },
  { name: 'status', kind: 'status', priority: 9 },
  { name: 'startTime', header: 'STARTED', kind: 'time', table: false },
  { name: 'durationMs', header: 'DURATION', kind: 'duration', priority: 7 },
  { name: 'totalCost', header: 'COST', kind: 'amount', priority: 8 },
  { name: 'parentExecutionId', kind: 'id', table: false },
]
const childColumns: typeof runColumns = [...runColumns, { name: 'depth', kind: 'count' }]

/** The columns of a run that is shown, with the runs above and below it. */
export function familyColumns(env: Environment, withChildren: boolean): Column<ShownExecution>[] {
  const ascii = plainLocale(env)
  const drawn: Column<Branch>[] = [
    { name: 'branch', header: 'WORKFLOW', kind: 'text', flex: { min: 16 }, priority: 10 },
    ...runColumns.filter(({ name }) => name !== 'workflowName'),
  ]
  const own = showColumns.map(
    (column): Column<ShownExecution> =>
      column.name === 'parentExecutionId'
        ? { ...column, header: 'Part of', kind: 'text', cell: partOf }
        : column,
  )
  return [
    ...own.filter(({ name }) => name !== 'steps'),
    ...(withChildren ? [{ name: 'costWithChildren', kind: 'amount' as const }] : []),
    ...own.filter(({ name }) => name === 'steps'),
    {
      name: 'ancestors',
      kind: 'rows',
      columns: runColumns as readonly Column<never>[],
      table: false,
    },
    {
      name: 'children',
      kind: 'rows',
      columns: childColumns as readonly Column<never>[],
      table: false,
    },
    { name: 'childCount', kind: 'count', table: false },
    {
      name: 'subRuns',
      header: 'Sub-runs',
      kind: 'rows',
      terminalOnly: true,
      json: false,
      value: ({ children }) => branches(children, ascii),
      columns: drawn as readonly Column<never>[],
    },
  ]
}

/** Says that sub-runs are cut. */
export function noteCut(
  writer: Writer,
  { executionId, children, childCount }: ShownExecution,
): void {
  if (children.length === childCount) return
  const all = plural(childCount, 'sub-run')
  writer.note(`showing ${children.length} of ${all} of ${executionId}, the nearest first`)
}

/** Says what the cost does not contain. */
export function noteUnpriced(writer: Writer, { executionId, steps }: ShownExecution): void {
  const count = steps.filter(({ costSource }) => costSource === 'unpriced').length
  if (count === 0) return
  const [have, their] = count === 1 ? ['has', 'its'] : ['have', 'their']
  writer.note(
    `${plural(count, 'step')} of ${executionId} ${have} no price, so ${their} cost is not in the total; run \`wfstore prices check\``,
  )
}

export const WITH_CHILDREN =
  'cost with children: the run and its sub-runs, each once, without those that are removed'

/** The runs above a run, the first one first. */
function partOf({ parentExecutionId, ancestors }: ShownExecution): string | null {
  if (parentExecutionId === null) return null
  const [first] = ancestors
  const above = first?.parentExecutionId ?? null
  const known = ancestors.some(({ executionId }) => executionId === above)
  const missing = ancestors.length === 0 ? parentExecutionId : known ? null : above
  return [
    ...(missing === null ? [] : [`${missing.slice(0, 8)} (not shown)`]),
    ...ancestors.map(
      ({ executionId, workflowName }) => `${executionId.slice(0, 8)} ${workflowName}`,
    ),
  ].join(' > ')
}

type Branch = TreeRun & { branch: string }

/** The sub-runs as the lines of a tree. They come each after its parent. */
export function branches(
  children: readonly (TreeRun & { depth: number })[],
  ascii: boolean,
): Branch[] {
  const [fork, end, through] = ascii ? ['|- ', '`- ', '|  '] : ['├─ ', '└─ ', '│  ']
  // From the last one to the first: at these depths a sibling comes below.
  const open = new Set<number>()
  return children
    .toReversed()
    .map(({ depth, ...run }) => {
      const mark = open.has(depth) ? fork : end
      for (const deeper of open) if (deeper > depth) open.delete(deeper)
      open.add(depth)
      const lines = Array.from({ length: depth - 1 }, (_, above) =>
        open.has(above + 1) ? through : '   ',
      )
      return { ...run, branch: lines.join('') + mark + run.workflowName }
    })
    .toReversed()
}
