import type { ConvertedArchive } from '../../../cleanup/archive/convert/archive.ts'
import type { ArchiveReport, VerifiedArchive } from '../../../cleanup/archive/verify/verify.ts'
import type { RestoreResult } from '../../../cleanup/restore/restore.ts'
import type { Cleaned } from '../../../cleanup/types.ts'
import type { Column } from '../../output/column.ts'

const json = <Row extends object>(name: keyof Row & string): Column<Row> => ({
  name,
  kind: 'json',
  value: (row) => JSON.stringify(row[name]),
})

const rows = (name: string, kind: Cleaned): Column<VerifiedArchive> => ({
  name,
  kind: 'count',
  value: ({ lines }) => lines[kind],
  priority: 7,
})

/** A verified archive. */
export const archiveColumns: Column<VerifiedArchive>[] = [
  {
    name: 'archive',
    kind: 'text',
    isName: true,
    value: ({ place }) => place,
    flex: { min: 24 },
    priority: 9,
  },
  { name: 'cutoff', kind: 'time', value: ({ head }) => head?.cutoff ?? null, priority: 5 },
  { name: 'complete', kind: 'boolean', priority: 8 },
  rows('runs', 'execution'),
  rows('steps', 'step'),
  rows('entries', 'audit'),
  rows('metrics', 'metric'),
  { name: 'files', kind: 'count', value: ({ files }) => files.length, priority: 4 },
  { name: 'bytes', kind: 'count', priority: 4 },
  { name: 'problems', kind: 'count', value: ({ problems }) => problems.length, priority: 10 },
]

const converted = (name: string, kind: Cleaned): Column<ConvertedArchive> => ({
  name,
  kind: 'count',
  value: ({ lines }) => lines[kind],
  priority: 7,
})

/** A converted archive. */
export const convertedColumns: Column<ConvertedArchive>[] = [
  {
    name: 'archive',
    kind: 'text',
    isName: true,
    value: ({ place }) => place,
    flex: { min: 24 },
    priority: 9,
  },
  { name: 'outcome', kind: 'status', priority: 10 },
  converted('runs', 'execution'),
  converted('steps', 'step'),
  converted('entries', 'audit'),
  converted('metrics', 'metric'),
  { name: 'files', kind: 'json', value: ({ files }) => JSON.stringify(files), table: false },
  { name: 'bytesBefore', kind: 'count', priority: 4 },
  { name: 'bytes', kind: 'count', priority: 5 },
]

/** The whole report as one object. */
export const reportColumns: Column<ArchiveReport>[] = [
  { name: 'place', kind: 'text' },
  {
    name: 'archives',
    kind: 'json',
    value: ({ archives }) =>
      JSON.stringify(
        archives.map(({ head, content: _, ...archive }) => ({
          ...archive,
          cleanupId: head?.cleanupId ?? null,
          startedAt: head?.startedAt ?? null,
          cutoff: head?.cutoff ?? null,
        })),
      ),
  },
  { name: 'complete', kind: 'boolean' },
  json('lines'),
  json('problems'),
]

export const restoreColumns: Column<RestoreResult>[] = [
  json('archives'),
  json('restored'),
  json('alreadyThere'),
  json('references'),
  { name: 'complete', kind: 'boolean' },
  { name: 'seconds', kind: 'count' },
]

interface TableOfRestore {
  table: string
  restored: number
  alreadyThere: number
}

export const restoredTableColumns: Column<TableOfRestore>[] = [
  { name: 'table', kind: 'text' },
  { name: 'restored', kind: 'count' },
  { name: 'alreadyThere', kind: 'count' },
]

const TABLES: Record<Cleaned, string> = {
  execution: 'workflow_executions',
  step: 'workflow_steps',
  audit: 'audit_logs',
  metric: 'observability_metrics',
}

export const restoredTables = ({ restored, alreadyThere }: RestoreResult): TableOfRestore[] =>
  Object.entries(TABLES).map(([kind, table]) => ({
    table,
    restored: restored[kind as Cleaned],
    alreadyThere: alreadyThere[kind as Cleaned],
  }))
