import type { CleanupCounts, CleanupResult, Kept, Removed } from '../../../cleanup/types.ts'
import type { PastCleanup } from '../../../queries/cleanups.ts'
import type { Column } from '../../output/column.ts'
import { keptWords } from './words.ts'

/** Counts for one table. */
export interface TableOfCleanup {
  table: string
  removed: number
  /** Rows older than the cutoff that are kept; null for steps, which are kept with their run. */
  kept: number | null
  locked: number | null
  /** Rows that another cleanup would remove; null if they were not counted. */
  left: number | null
  /** All rows that are still there after the cleanup; null if they were not counted. */
  remain: number | null
  /** Why rows are kept. */
  why: string
}

const json = <Row extends object>(name: keyof Row & string): Column<Row> => ({
  name,
  kind: 'json',
  value: (row) => JSON.stringify(row[name]),
})

/** The fields of the library's result. */
export const resultColumns: Column<CleanupResult>[] = [
  { name: 'cleanupId', kind: 'id', isName: true },
  { name: 'outcome', kind: 'status' },
  { name: 'cutoff', kind: 'time' },
  { name: 'keepLast', kind: 'count' },
  json('removed'),
  json('kept'),
  json('left'),
  json('archive'),
  { name: 'seconds', kind: 'count' },
  { name: 'rowsPerSecond', kind: 'count' },
  { name: 'batches', kind: 'count' },
  json('vacuum'),
]

export const countsColumns: Column<CleanupCounts>[] = [
  { name: 'cutoff', kind: 'time' },
  json('remove'),
  { name: 'unbilled', kind: 'count' },
  json('kept'),
  json('newestRun'),
  json('remain'),
]

export const tableColumns: Column<TableOfCleanup>[] = [
  { name: 'table', kind: 'text', priority: 9 },
  { name: 'removed', kind: 'count', priority: 8 },
  { name: 'kept', kind: 'count', priority: 7 },
  { name: 'locked', kind: 'count', priority: 6 },
  { name: 'left', kind: 'count', priority: 7 },
]

/** For a dry run. */
export const plannedColumns: Column<TableOfCleanup>[] = [
  { name: 'table', kind: 'text', priority: 9 },
  { name: 'remove', kind: 'count', value: ({ removed }) => removed, priority: 8 },
  { name: 'kept', header: 'KEPT THOUGH OLD', kind: 'count', priority: 7 },
  { name: 'remain', kind: 'count', priority: 8 },
  { name: 'why', kind: 'text', terminalOnly: true, below: {} },
]

export function tablesOf(
  removed: Removed,
  kept: Kept<number | null>,
  { left, remain }: { left?: Removed | 'unknown' | null; remain?: Removed | null },
): TableOfCleanup[] {
  const { running, endedLater, newest, protected: spared, locked } = kept.execution
  const keptRuns = running + endedLater + newest + spared
  const guarded = (rows: number) => (rows > 0 ? `${rows} protected by a foreign key` : '')
  const row = (table: string, of: keyof Removed, stays: Partial<TableOfCleanup> = {}) => ({
    table,
    removed: removed[of],
    kept: 0,
    locked: 0 as number | null,
    left: left === 'unknown' ? null : (left?.[of] ?? 0),
    remain: remain?.[of] ?? null,
    why: '',
    ...stays,
  })
  return [
    row('workflow_executions', 'execution', {
      kept: keptRuns,
      locked,
      why: keptWords({
        ...kept,
        audit: { runKept: 0, protected: 0, locked: 0 },
        metric: { protected: 0, locked: 0 },
      }),
    }),
    row('workflow_steps', 'step', {
      kept: null,
      locked: null,
      why: keptRuns > 0 ? 'kept with their runs' : '',
    }),
    row('audit_logs', 'audit', {
      kept: kept.audit.runKept + kept.audit.protected,
      locked: kept.audit.locked,
      why: [kept.audit.runKept > 0 ? 'their runs are kept' : '', guarded(kept.audit.protected)]
        .filter((why) => why !== '')
        .join(', '),
    }),
    row('observability_metrics', 'metric', {
      kept: kept.metric.protected,
      locked: kept.metric.locked,
      why: guarded(kept.metric.protected),
    }),
  ]
}

export const historyColumns: Column<PastCleanup>[] = [
  { name: 'cleanupId', header: 'ID', kind: 'id', isName: true, table: false },
  { name: 'startedAt', header: 'STARTED', kind: 'time', priority: 10 },
  { name: 'endedAt', kind: 'time', table: false },
  { name: 'durationMs', header: 'TOOK', kind: 'duration', priority: 6 },
  { name: 'cutoff', header: 'OLDER THAN', kind: 'time', priority: 8 },
  { name: 'keepLast', kind: 'count', table: false },
  { name: 'outcome', kind: 'status', priority: 9 },
  { name: 'executionsRemoved', header: 'RUNS', kind: 'count', priority: 7 },
  { name: 'stepsRemoved', header: 'STEPS', kind: 'count', priority: 4 },
  { name: 'auditRemoved', header: 'ENTRIES', kind: 'count', priority: 5 },
  { name: 'metricsRemoved', header: 'METRICS', kind: 'count', priority: 3 },
  { name: 'rowsProtected', header: 'PROTECTED', kind: 'count', priority: 1 },
  { name: 'archive', kind: 'text', flex: { min: 12 }, priority: 2 },
  { name: 'errorMessage', header: 'ERROR', kind: 'text', below: { mark: '> ', tone: 'red' } },
]
