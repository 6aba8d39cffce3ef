import type { TimelineRow } from '../../../cli/output/timeline/row.ts'
import type { ExecutionOutline } from '../../../queries/executions/outline.ts'
import type { ExecutionTree } from '../../../queries/executions/tree.ts'

/** A line of the timeline: steps of the run, a wait, or a sub-run below the step in which it started. */
export interface TimelineBar {
  row: TimelineRow
  /** 0 for a step. */
  depth: number
  /** Of a sub-run. */
  executionId?: string
}

/** The number of sub-runs in a timeline. */
const MOST = 30

type SubRun = ExecutionTree['children'][number]

/** Puts each sub-run, with those that it started, below the shortest step that was active when it started. */
export function nested(
  rows: readonly TimelineRow[],
  { children, childCount }: ExecutionTree,
  run: Pick<ExecutionOutline, 'startTime'>,
): { bars: TimelineBar[]; left: number } {
  const spanMs = rows[0]?.spanMs ?? 0
  const origin = Date.parse(run.startTime)
  const shown = children.slice(0, MOST)
  const below = new Map<number, TimelineBar[]>()
  let at = 0
  for (const child of shown) {
    const bar = barOf(child, origin, spanMs)
    // Each comes after its parent, so that a deeper one is below the same step.
    if (child.depth === 1) at = parentOf(rows, bar.row.startMs ?? 0)
    below.set(at, [...(below.get(at) ?? []), bar])
  }
  const bars = rows.flatMap((row, place) => [{ row, depth: 0 }, ...(below.get(place) ?? [])])
  return { bars, left: childCount - shown.length }
}

function barOf(child: SubRun, origin: number, spanMs: number): TimelineBar {
  const startMs = Date.parse(child.startTime) - origin
  const open = child.status === 'running'
  const endMs = child.durationMs === null ? Math.max(spanMs, startMs) : startMs + child.durationMs
  const row = {
    label: '',
    place: null,
    name: child.workflowName,
    status: child.status,
    startMs,
    endMs,
    open,
    durationMs: child.durationMs,
    costShare: null,
    note: child.status === 'success' ? '' : child.status,
    spanMs,
  }
  return { row, depth: child.depth, executionId: child.executionId }
}

/** The place of the shortest row that is active at this time, or of the last row that starts before it. */
function parentOf(rows: readonly TimelineRow[], ms: number): number {
  const length = ({ startMs, endMs }: TimelineRow) => (endMs ?? 0) - (startMs ?? 0)
  let found = -1
  let before = 0
  for (const [place, row] of rows.entries()) {
    if (row.place === null || row.startMs === null || row.startMs > ms) continue
    before = place
    const isActive = (row.endMs ?? row.startMs) >= ms
    if (isActive && (found < 0 || length(row) < length(rows[found] as TimelineRow))) found = place
  }
  return found < 0 ? before : found
}
