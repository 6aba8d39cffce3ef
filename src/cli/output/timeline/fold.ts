import { plural } from '../../../numbers.ts'
import type { TimelineRow } from './row.ts'

/** Above this number of steps, some share a row. The table of steps lists all of them. */
const LEGIBLE = 40
/** The number of longest, of most expensive and of unsuccessful steps that keep a row of their own. */
const NOTABLE = 10

/** Keeps the notable rows and folds each stretch between them into one row. */
export function folded(rows: readonly TimelineRow[]): TimelineRow[] {
  if (rows.length <= LEGIBLE) return [...rows]
  const notable = new Set([
    ...most(rows, ({ durationMs }) => durationMs ?? 0),
    ...most(rows, ({ costShare }) => costShare ?? 0),
    ...rows.filter(({ status }) => status !== 'success').slice(0, NOTABLE),
    ...rows.filter(({ open }) => open).slice(-NOTABLE),
  ])
  const result: TimelineRow[] = []
  let stretch: TimelineRow[] = []
  const end = () => {
    if (stretch.length > 0) result.push(together(stretch))
    stretch = []
  }
  for (const row of rows) {
    if (notable.has(row)) {
      end()
      result.push(row)
    } else stretch.push(row)
  }
  end()
  return result
}

const most = (rows: readonly TimelineRow[], of: (row: TimelineRow) => number) =>
  rows
    .filter((row) => of(row) > 0)
    .sort((a, b) => of(b) - of(a))
    .slice(0, NOTABLE)

function together(rows: readonly TimelineRow[]): TimelineRow {
  const [first] = rows as [TimelineRow]
  if (rows.length === 1) return first
  const sum = (of: (row: TimelineRow) => number | null) =>
    rows.some((row) => of(row) !== null)
      ? rows.reduce((total, row) => total + (of(row) ?? 0), 0)
      : null
  const placed = rows.filter(({ startMs }) => startMs !== null)
  const failed = rows.filter(({ status }) => status === 'failed').length
  const edge = (choose: (...all: number[]) => number, of: (row: TimelineRow) => number | null) =>
    placed.length === 0
      ? null
      : placed.reduce((at, row) => choose(at, of(row) ?? at), of(placed[0] as TimelineRow) ?? 0)
  return {
    ...first,
    label: `${first.label}-${rows.at(-1)?.label}`,
    name: plural(rows.length, 'step'),
    status: failed > 0 ? 'failed' : 'folded',
    startMs: edge(Math.min, ({ startMs }) => startMs),
    endMs: edge(Math.max, ({ endMs }) => endMs),
    open: rows.some(({ open }) => open),
    durationMs: sum(({ durationMs }) => durationMs),
    costShare: sum(({ costShare }) => costShare),
    note: failed > 0 ? `${failed} failed` : '',
  }
}
