import type { ColumnType } from './column.ts'
import { timeBetween } from './executions.ts'

/** A column of a history. */
export interface HistoryColumn {
  column: string
  type: ColumnType
  /** SQL of its value over the removed rows. */
  value: string
  /** The columns of a removed row that the value needs. */
  needs: readonly string[]
  /** How several rows with the same key become one; a column without it is part of the key. */
  merge?: 'sum' | 'max'
}

/** Sums by key of the rows that cleanup has removed, so that totals never change. A key may have several rows. */
export interface HistoryDescription {
  name: string
  /** The kind of the removed rows. */
  kind: 'execution' | 'audit'
  /** What it counts, in messages. */
  noun: string
  columns: readonly HistoryColumn[]
}

/** SQL of the quarter of an hour in which a removed row is counted. */
export const quarterOf = (time: string): string =>
  `date_bin('15 minutes', ${time}, 'epoch'::timestamptz)`

const quarter = (time: string): HistoryColumn => ({
  column: 'quarter_start',
  type: 'time',
  value: quarterOf(time),
  needs: [time],
})

const same = (column: string, type: ColumnType = 'text'): HistoryColumn => ({
  column,
  type,
  value: column,
  needs: [column],
})

const rows = (column: string): HistoryColumn => ({
  column,
  type: 'count',
  value: 'count(*)',
  needs: [],
  merge: 'sum',
})

const total = (column: string, type: ColumnType = 'count'): HistoryColumn => ({
  column,
  type,
  value: `sum(${column})`,
  needs: [column],
  merge: 'sum',
})

/** What is counted of removed executions. */
export const usageHistory: HistoryDescription = {
  name: 'usage_history',
  kind: 'execution',
  noun: 'runs',
  columns: [
    quarter('start_time'),
    same('user_id'),
    same('workflow_name'),
    same('mode'),
    same('model_id'),
    same('status'),
    rows('runs'),
    total('total_cost', 'amount'),
    total('total_tokens'),
    total('steps_total'),
    total('steps_completed'),
    total('steps_failed'),
    {
      column: 'timed_runs',
      type: 'count',
      value: 'count(end_time)',
      needs: ['end_time'],
      merge: 'sum',
    },
    {
      column: 'duration_ms',
      type: 'number',
      value: `coalesce(extract(epoch from sum(${timeBetween('start_time', 'end_time')})) * 1000, 0)`,
      needs: ['start_time', 'end_time'],
      merge: 'sum',
    },
    {
      column: 'last_start_time',
      type: 'time',
      value: 'max(start_time)',
      needs: ['start_time'],
      merge: 'max',
    },
  ],
}

/** What is counted of removed audit entries. */
export const auditHistory: HistoryDescription = {
  name: 'audit_history',
  kind: 'audit',
  noun: 'audit entries',
  columns: [
    quarter('timestamp'),
    same('user_id'),
    same('action_type'),
    same('success', 'boolean'),
    rows('entries'),
  ],
}

const names = (columns: readonly HistoryColumn[]): string[] => columns.map(({ column }) => column)

export const historyColumns = ({ columns }: HistoryDescription): string[] => names(columns)

export const historyKey = ({ columns }: HistoryDescription): string[] =>
  names(columns.filter(({ merge }) => merge === undefined))

/** The columns of a removed row that a history needs. */
export const neededColumns = ({ columns }: HistoryDescription): string[] => [
  ...new Set(columns.flatMap(({ needs }) => needs)),
]

/** SQL that counts removed rows, as an insert takes it. @param gone a relation with the needed columns */
export const foldOf = (history: HistoryDescription, gone: string): string => `
  select ${history.columns.map(({ value }) => value).join(', ')}
  from ${gone} group by ${historyKey(history)
    .map((_, place) => place + 1)
    .join(', ')}`
